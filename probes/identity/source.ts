import { type Identity, noIdentity, type ReadIdentity } from './identity.ts'
import { openPemFiles, type PemPaths } from './pem-files.ts'
import { fetchX509Once } from './workload-api.ts'

/** Where an identity is to come from. Files and a Workload API may stand together: the files' certificate comes first, and their bundles count. */
export type IdentityChoice = PemPaths & { workloadApi?: string }

/** Chooses a reader; `openIdentity` itself, or one that holds what it has opened. */
export type OpenIdentity = (choice: IdentityChoice) => ReadIdentity

/** Of a run's time, a Workload API may take the most, since nothing can be measured without it: a busy machine answers late. */
export const identityMs = (timeoutMs: number): number => Math.min(10_000, Math.round(0.8 * timeoutMs))

/** One reader for what was chosen; `fetchX509Once` asks the Workload API anew each time (an agent holds `holdX509` instead). */
export const openIdentity = (choice: IdentityChoice, readWorkloadApi?: ReadIdentity): ReadIdentity => {
  const { workloadApi, ...paths } = choice
  const files = paths.cert || paths.key || paths.ca || Object.keys(paths.bundles ?? {}).length > 0 ? openPemFiles(paths) : undefined
  const api = readWorkloadApi ?? (workloadApi === undefined ? undefined : (signal: AbortSignal) => fetchX509Once(workloadApi, signal))
  if (!files || !api) return files ?? api ?? (async () => noIdentity)
  let known: { from: readonly Identity[]; joined: Identity } | undefined
  return async signal => {
    const [fromFiles, fromApi] = await Promise.all([files(signal), api(signal)])
    // The same object until something changes, so that what others derive from it is derived once.
    if (known?.from[0] !== fromFiles || known.from[1] !== fromApi) known = { from: [fromFiles, fromApi], joined: join(fromFiles, fromApi) }
    return known.joined
  }
}

const join = (fromFiles: Identity, fromApi: Identity): Identity =>
  Object.freeze({
    ...fromApi,
    ...fromFiles,
    source: `${fromFiles.source}; ${fromApi.source}`,
    svids: [...fromFiles.svids, ...fromApi.svids],
    bundles: new Map([...fromApi.bundles, ...fromFiles.bundles]),
    crls: fromApi.crls,
    problems: [...fromFiles.problems, ...fromApi.problems],
  })
