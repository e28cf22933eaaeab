/**
 * The bundles of the fleet's trust domains: fetched from their endpoints at the refresh hint, kept for as long as an endpoint is away, and in the store, so that
 * a restart knows them. A file counts when it is new: as the bundle where there is no endpoint, else as the first one, by which the endpoint is judged.
 */
import { createHash } from 'node:crypto'
import { parseTrustDomain } from '../../judge/spiffe/id.ts'
import type { X509Bundles } from '../../judge/spiffe/x509-svid.ts'
import type { Fleet } from '../../wire/fleet.ts'
import { dropSetting, getSetting, putSetting } from '../store/settings.ts'
import type { Store } from '../store/store.ts'
import type { BundleAsking, BundleEndpoint } from './bundle-endpoint.ts'
import { type HeldBundle, nextLookMs, readStored, type StoredBundle, takeDocument } from './held-bundle.ts'

type FleetTrustDomain = Fleet['trustDomains'][number]

export type TrustBundlesOptions = {
  store: Pick<Store, 'read' | 'write'>
  /** `fetchBundle`. */
  fetchBundle: (endpoint: BundleEndpoint, asking: BundleAsking) => Promise<string>
  readFile: (path: string) => Promise<string>
  /** From 0 to below 1. */
  random: () => number
  /** Of the day. */
  nowMs: () => number
  /** Resolves after so long, or when stopped. */
  sleep: (ms: number, stop: AbortSignal) => Promise<void>
}

export type TrustBundles = {
  /** From now on these, as the fleet has them; what is held of a trust domain that was taken out is dropped. */
  follow(domains: readonly FleetTrustDomain[]): void
  /** What is held now, for `enrol`. */
  current(): X509Bundles
  /** What is wrong, by trust domain. */
  problems(): ReadonlyMap<string, string>
  close(): Promise<void>
}

type Followed = { domain: FleetTrustDomain; stop: AbortController; running: Promise<void>; held?: HeldBundle; problem?: string }

const settingOf = (name: string): string => `enrol/bundle/${name}`

export const keepTrustBundles = (options: TrustBundlesOptions): TrustBundles => {
  const followed = new Map<string, Followed>()
  const leaving = new Set<Promise<void>>()
  const current = (): X509Bundles => new Map([...followed].flatMap(([name, { held }]) => (held ? [[name, held.bundle.x509]] : [])))
  const end = (name: string, { stop, running }: Followed, isGone: boolean): void => {
    followed.delete(name)
    stop.abort()
    const ended = running
      .then(() => (isGone && !followed.has(name) ? drop(options.store, name) : undefined))
      .finally(() => leaving.delete(ended))
    leaving.add(ended)
  }
  return {
    follow: domains => {
      const wanted = new Map(domains.flatMap(domain => namesOf(domain).map(name => [name, domain] as const)))
      const before = new Map(followed)
      for (const [name, one] of before) if (!isSame(wanted.get(name), one.domain)) end(name, one, !wanted.has(name))
      for (const [name, domain] of wanted) {
        if (followed.has(name)) continue
        const former = before.get(name)
        const one: Followed = {
          domain,
          stop: new AbortController(),
          running: Promise.resolve(),
          ...(former?.held ? { held: former.held } : {}),
        }
        followed.set(name, one)
        one.running = run(name, one, current, options, former?.running)
      }
    },
    current,
    problems: () => new Map([...followed].flatMap(([name, { problem }]) => (problem === undefined ? [] : [[name, problem]]))),
    close: async () => {
      for (const [name, one] of [...followed]) end(name, one, false)
      await Promise.all(leaving)
    },
  }
}

/** As certificates have it, whatever the case in the file. */
const namesOf = ({ name }: FleetTrustDomain): string[] => {
  const parsed = parseTrustDomain(name)
  return parsed.ok ? [parsed.trustDomain] : []
}

const isSame = (a: FleetTrustDomain | undefined, b: FleetTrustDomain): boolean =>
  JSON.stringify([a?.bundleEndpoint, a?.bundle]) === JSON.stringify([b.bundleEndpoint, b.bundle]) && a !== undefined

const drop = async (store: TrustBundlesOptions['store'], name: string): Promise<void> => {
  await store.write(sql => dropSetting(sql, settingOf(name)), { idempotent: true }).catch(() => false)
}

/** Until it is stopped: never rejects. */
const run = async (
  name: string,
  one: Followed,
  current: () => X509Bundles,
  options: TrustBundlesOptions,
  former: Promise<void> | undefined,
): Promise<void> => {
  const { store, random, sleep } = options
  const { signal } = one.stop
  await former
  let failures = 0
  let isRestored = one.held !== undefined
  while (!signal.aborted) {
    const { held: before } = one
    try {
      if (!isRestored) {
        const stored = await store.read(sql => getSetting<StoredBundle>(sql, settingOf(name)))
        const restored = stored && readStored(stored)
        if (restored) one.held = restored
        isRestored = true
      }
      const problem = await look(one, current, options)
      if (signal.aborted) return
      if (one.held && one.held !== before) await keep(name, one.held, store)
      failures = problem === undefined ? 0 : failures + 1
      one.problem = problem
    } catch (error) {
      failures += 1
      one.problem = `the store: ${messageOf(error)}`
    }
    await sleep(nextLookMs(one.held?.bundle, failures, random()), signal)
  }
}

const keep = async (name: string, { document, fetchedMs, file }: HeldBundle, store: TrustBundlesOptions['store']): Promise<void> => {
  const stored: StoredBundle = { document, fetchedMs, ...(file === undefined ? {} : { file }) }
  await store.write(sql => putSetting(sql, settingOf(name), stored, fetchedMs), { idempotent: true })
}

/** The file, then the endpoint. Gives what is wrong. */
const look = async (one: Followed, current: () => X509Bundles, options: TrustBundlesOptions): Promise<string | undefined> => {
  const { bundleEndpoint, bundle } = one.domain
  if (!bundleEndpoint && !bundle) return 'there is no bundle of it: give bundleEndpoint, or bundle: { file: … }'
  const ofFile = bundle ? await lookAtFile(one, bundle.file, options) : undefined
  const ofEndpoint = bundleEndpoint ? await ask(one, bundleEndpoint, current, options) : undefined
  // An endpoint that answers well needs no file any more.
  const problem = bundleEndpoint ? (ofEndpoint ?? (one.held ? undefined : ofFile)) : ofFile
  if (problem === undefined) return undefined
  const goesOn = one.held
    ? `the one of ${new Date(one.held.fetchedMs).toISOString()} goes on`
    : 'there is none yet, and no SVID of it can enrol'
  return `${problem}; ${goesOn}`
}

const lookAtFile = async (one: Followed, path: string, { readFile, nowMs }: TrustBundlesOptions): Promise<string | undefined> => {
  try {
    const document = await readFile(path)
    const file = createHash('sha256').update(document).digest('hex')
    const isNew = one.held?.file !== file
    // What an endpoint has given since is younger than the file.
    if (!isNew && one.domain.bundleEndpoint) return undefined
    const { held, problem } = takeDocument(one.held, { document, fetchedMs: nowMs(), file }, 'file')
    if (held && isNew) one.held = held
    return problem && `${path}: ${problem}`
  } catch (error) {
    return `${path} cannot be read (${messageOf(error)})`
  }
}

const ask = async (
  one: Followed,
  endpoint: BundleEndpoint,
  current: () => X509Bundles,
  { fetchBundle, nowMs }: TrustBundlesOptions,
): Promise<string | undefined> => {
  try {
    const document = await fetchBundle(endpoint, { bundles: current(), nowMs: nowMs(), stop: one.stop.signal })
    const file = one.held?.file
    const next = { document, fetchedMs: nowMs(), ...(file === undefined ? {} : { file }) }
    const { held, problem } = takeDocument(one.held, next, 'endpoint')
    if (held && held.document !== one.held?.document) one.held = held
    return problem && `${endpoint.url}: ${problem}`
  } catch (error) {
    return `${endpoint.url}: ${messageOf(error)}`
  }
}

const messageOf = (error: unknown): string => {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined }
  return message || (cause instanceof Error ? cause.message : 'no answer')
}
