/** Whom this controller trusts, as the fleet says and as it changes: issuers' keys, bundles of trust domains, and the API server of its own cluster. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchBundle } from './enrol/bundle-endpoint.ts'
import { fetchJson } from './enrol/fetch-json.ts'
import { type IssuerKeys, type KeptKeys, keepIssuerKeys } from './enrol/issuer-keys.ts'
import { findApiServer, openTokenReview, type TokenReview } from './enrol/token-review.ts'
import { keepTrustBundles, type TrustBundles } from './enrol/trust-bundles.ts'
import type { FleetReader } from './fleet/current.ts'
import { getSetting, putSetting } from './store/settings.ts'
import type { Store } from './store/store.ts'

export type Trusting = {
  keys: IssuerKeys
  bundles: TrustBundles
  review?: TokenReview
  close(): Promise<void>
}

type Options = {
  store: Store
  fleet: FleetReader
  environment: Readonly<Record<string, string | undefined>>
  random: () => number
  nowMs: () => number
  elapsedMs: () => number
}

/** In the store, for the next start and the other replicas. */
export const keptKeys = (store: Pick<Store, 'read' | 'write'>, nowMs: () => number): KeptKeys => {
  const nameOf = (name: string): string => `issuer-keys/${name}`
  return {
    read: name => store.read(sql => getSetting(sql, nameOf(name))),
    write: (name, document) => store.write(sql => putSetting(sql, nameOf(name), document, nowMs()), { idempotent: true }),
  }
}

const lookEveryMs = 1000

export const openTrusting = ({ store, fleet, environment, random, nowMs, elapsedMs }: Options): Trusting => {
  const readText = (path: string): Promise<string> => readFile(path, 'utf8')
  const readJson = async (path: string): Promise<unknown> => JSON.parse(await readText(path)) as unknown
  const keys = keepIssuerKeys({ fetchJson, readJson, nowMs: elapsedMs, kept: keptKeys(store, nowMs) })
  const bundles = keepTrustBundles({
    store,
    fetchBundle,
    readFile: readText,
    random,
    nowMs,
    sleep: (ms, stop) => sleep(ms, undefined, { signal: stop, ref: false }).catch(() => {}),
  })
  const server = findApiServer(environment)
  const review = server && openTokenReview(server)
  let followed = -1
  const follow = (): void => {
    const { generation, merged } = fleet.now()
    if (generation === followed) return
    followed = generation
    bundles.follow(merged.trustDomains)
  }
  follow()
  const timer = setInterval(follow, lookEveryMs)
  timer.unref()
  return {
    keys,
    bundles,
    ...(review && { review }),
    close: async () => {
      clearInterval(timer)
      await Promise.all([bundles.close(), review?.close()])
    },
  }
}
