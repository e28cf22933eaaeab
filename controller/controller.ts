/**
 * A controller: lets agents in, tells them what to probe, keeps what they measured, and shows it. Each part knows nothing of the others; this is where they
 * meet. Several of them over one PostgreSQL are one fleet's; one of those leads.
 */
import { randomUUID } from 'node:crypto'
import type { Secret } from '../wire/secret.ts'
import { type ServerTls, tlsOptionsOf } from './authority/server-tls.ts'
import type { ControllerConfig } from './config/read.ts'
import { makeBootstrapToken } from './enrol/person.ts'
import { loadSigner } from './enrol/signer.ts'
import { applyText } from './fleet/apply-text.ts'
import { type FleetReader, openFleet } from './fleet/current.ts'
import { openCounters } from './metrics.ts'
import {
  type Apply,
  type Common,
  leadUpkeep,
  openAlerting,
  openAssigning,
  openDelivery,
  openExport,
  openIngest,
  openReader,
  openTls,
  type World,
} from './open-parts.ts'
import { listen, pinOf, problemsOf, urlOf, writeAuthority } from './serving.ts'
import { openStore, type StoreOptions } from './store/open.ts'
import { openTrusting } from './trusting.ts'
import { buildApp } from './web/app.ts'
import type { Parts } from './web/parts.ts'
import { wholeHistory } from './web/whole-history.ts'

export type Controller = {
  /** Where people and agents find it. */
  url: string
  port: number
  store: string
  /** PEM file of the authority that its callers must trust, where that is none of the public ones. */
  caFile?: string
  /** The first admin's, the first time that this store is used; its text is known here and nowhere else. */
  bootstrap?: Secret
  apply: Apply
  /** Takes no more requests, answers those that it has, stores what is open. */
  close(): Promise<void>
}

/** Rejects, with nothing left open, when a part of it can't be started. */
export const startController = async (config: ControllerConfig, world: World): Promise<Controller> => {
  await using opened = new AsyncDisposableStack()
  const { nowMs, random } = world
  const ending = new AbortController()
  const at: StoreOptions = { directory: config.data, ...config.store }
  const store = opened.adopt(await openStore(at), one => one.close())
  const fleet = await openFleet(store)
  const apply: Apply = (text, author) => applyText(text, { store, fleet, author, nowMs: nowMs() })
  await world.applyFirst?.(apply)
  const common: Common = { world, store, instance: randomUUID(), counters: openCounters() }
  const tls = config.listen.scheme === 'https' ? opened.adopt(await openTls(config, store, world), one => one.close()) : undefined
  const parts = await openParts(opened, { config, common, at, fleet, tls, ending: ending.signal })
  const app = opened.adopt(await buildApp(parts, tls && tlsOptionsOf(tls.current())), one => one.close())
  const port = await listen(app, config, tls)
  // The first thing that happens at the end.
  opened.defer(() => ending.abort())
  const bootstrap = await makeBootstrapToken({ store, random, nowMs: nowMs() }, world.isTokenWanted)
  const caFile = await writeAuthority(config, tls)
  const kept = opened.move()
  return {
    url: urlOf(config, port),
    port,
    store: store.name,
    ...caFile,
    ...(bootstrap && { bootstrap }),
    apply,
    close: () => kept.disposeAsync(),
  }
}

type Opening = {
  config: ControllerConfig
  common: Common
  at: StoreOptions
  fleet: FleetReader
  tls: ServerTls | undefined
  ending: AbortSignal
}

/** All that stands between the store and the routes; what is opened last is closed first. */
const openParts = async (opened: AsyncDisposableStack, { config, common, at, fleet, tls, ending }: Opening): Promise<Parts> => {
  const { world, store, instance, counters } = common
  const { nowMs, random, log, version, chance } = world
  const signer = await loadSigner({ store, random, nowMs: nowMs() })
  const trusting = opened.adopt(openTrusting({ ...world, store, fleet, random: chance }), one => one.close())
  const ingest = opened.adopt(openIngest(at, world), one => one.close())
  await ingest.ready
  const assigning = opened.adopt(await openAssigning(common, fleet, ingest, ending), one => one.close())
  const reader = opened.adopt(openReader(at, config, world), one => one.close())
  opened.adopt(leadUpkeep(store, reader, instance), one => one.stop())
  const alerting = opened.adopt(openAlerting(config, common, fleet, reader), one => one.close())
  const exporting = opened.adopt(await openExport(config, common, assigning.isLeader), one => one.close())
  const notifying = opened.adopt(openDelivery(common, fleet, alerting), one => one.close())
  // Beside the others: whoever is let in may ask for history.
  await reader.ready
  return {
    ...{ store, nowMs, random, log, version, counters, signer, fleet, ingest, assigning, exporting, notifying, ending },
    history: wholeHistory(reader),
    keys: trusting.keys,
    bundles: trusting.bundles.current,
    ...(trusting.review && { review: trusting.review }),
    ...(config.provider && { provider: config.provider }),
    ...(config.location && { location: config.location }),
    ...pinOf(tls),
    problems: async () => problemsOf({ store, ingest, tls }),
  }
}
