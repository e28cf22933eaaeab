/**
 * A controller: lets agents in, tells them what to probe, keeps what they measured, and shows it. Each part knows nothing of the others; this is where they
 * meet. Several of them over one PostgreSQL are one fleet's; one of those leads.
 */
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server as TlsServer } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Secret } from '../wire/secret.ts'
import { startAssigning } from './assign/assigning.ts'
import { servedNames } from './authority/listen.ts'
import { openServerTls, type ServerTls, secureContextOf, tlsOptionsOf } from './authority/server-tls.ts'
import type { ControllerConfig } from './config/read.ts'
import { makeBootstrapToken } from './enrol/person.ts'
import { loadSigner } from './enrol/signer.ts'
import { type Exporting, startExport } from './export/start.ts'
import { type Applied, applyText } from './fleet/apply-text.ts'
import { openFleet } from './fleet/current.ts'
import { type Reader, startReader } from './history/reader.ts'
import { defaultKeepFor } from './history/upkeep.ts'
import { type IngestWorker, startIngestWorker } from './ingest/start.ts'
import { openCounters } from './metrics.ts'
import { type AssignedPaths, putAssigned } from './store/assigned.ts'
import { type Leadership, seekLeadership } from './store/leadership.ts'
import { openStore, type StoreOptions } from './store/open.ts'
import type { Store } from './store/store.ts'
import { openTrusting, type Trusting } from './trusting.ts'
import { buildApp } from './web/app.ts'
import type { Parts } from './web/parts.ts'
import { wholeHistory } from './web/whole-history.ts'

export type World = {
  nowMs: () => number
  elapsedMs: () => number
  random: (bytes: number) => Uint8Array
  chance: () => number
  log: FastifyBaseLogger
  version: string
  environment: Readonly<Record<string, string | undefined>>
  hostname: string
  /** Of all interfaces. */
  addresses: readonly string[]
  /** Revokes the first admin's token and makes another. */
  isTokenWanted?: boolean
}

export type Controller = {
  /** Where people and agents find it. */
  url: string
  port: number
  store: string
  /** PEM file of the authority that its callers must trust, where that is none of the public ones. */
  caFile?: string
  /** The first admin's, the first time that this store is used; its text is known here and nowhere else. */
  bootstrap?: Secret
  /** A fleet document that lies beside the controller; `author` is who is named. */
  apply(text: string, author: string): Promise<Applied>
  /** Takes no more requests, answers those that it has, stores what is open. */
  close(): Promise<void>
}

/** Rejects, with nothing left open, when a part of it can't be started. */
export const startController = async (config: ControllerConfig, world: World): Promise<Controller> => {
  await using opened = new AsyncDisposableStack()
  const { nowMs, random, log } = world
  const ending = new AbortController()
  const at: StoreOptions = { directory: config.data, ...config.store }
  const store = opened.adopt(await openStore(at), one => one.close())
  const instance = randomUUID()
  const counters = openCounters()
  const fleet = await openFleet(store)
  const signer = await loadSigner({ store, random, nowMs: nowMs() })
  const trusting = opened.adopt(openTrusting({ ...world, store, fleet, random: world.chance }), one => one.close())
  const tls = config.listen.scheme === 'https' ? opened.adopt(await openTls(config, store, world), one => one.close()) : undefined
  const ingest = opened.adopt(openIngest(at, world), one => one.close())
  await ingest.ready
  const assigning = opened.adopt(
    await startAssigning({
      store,
      fleet,
      nowMs,
      holder: instance,
      log,
      counters,
      signal: ending.signal,
      chance: world.chance,
      onAssigned: async (agentId, paths, atMs, sql) => void (await putAssigned(sql, { agentId, paths: byCheck(paths), atMs })),
    }),
    one => one.close(),
  )
  assigning.feed.subscribe(events => events.some(({ kind }) => kind === 'assignments_changed') && ingest.refresh())
  const isLeader = assigning.isLeader
  const reader = opened.adopt(openReader(at, config, world), one => one.close())
  opened.adopt(leadUpkeep(store, reader, instance), one => one.stop())
  const exporting = opened.adopt(await openExport(config, { world, store, instance, counters, isLeader }), one => one.close())
  const parts: Parts = {
    ...{ store, nowMs, random, log, version: world.version, counters, signer, fleet, ingest, assigning, exporting },
    history: wholeHistory(reader),
    keys: trusting.keys,
    ...(trusting.review && { review: trusting.review }),
    ...(config.provider && { provider: config.provider }),
    ...(config.location && { location: config.location }),
    ...pinOf(tls),
    bundles: trusting.bundles.current,
    problems: async () => problemsOf({ store, ingest, tls, trusting }),
    ending: ending.signal,
  }
  const app = opened.adopt(await buildApp(parts, tls && tlsOptionsOf(tls.current())), one => one.close())
  const port = await listen(app, config, tls)
  opened.defer(() => ending.abort())
  const bootstrap = await makeBootstrapToken({ store, random, nowMs: nowMs() }, world.isTokenWanted)
  const kept = opened.move()
  return {
    url: urlOf(config, port),
    port,
    store: store.name,
    ...(await writeAuthority(config, tls)),
    ...(bootstrap && { bootstrap }),
    apply: (text, author) => applyText(text, { store, fleet, author, nowMs: nowMs() }),
    close: () => kept.disposeAsync(),
  }
}

const openTls = ({ data, tls: files, listen, names }: ControllerConfig, store: Store, { nowMs, random, hostname, addresses }: World) =>
  openServerTls({
    directory: data,
    ...(files && { files }),
    store,
    names: servedNames({ listen, advertise: names, hostname, addresses }),
    random,
    nowMs,
  })

const openIngest = (store: StoreOptions, { chance, log }: World): IngestWorker =>
  startIngestWorker({
    store,
    random: chance,
    newId: randomUUID,
    onTrouble: error => log.warn({ err: error }, 'ingest begins again; agents keep what they have meanwhile'),
  })

const byCheck = (paths: readonly { check: string; target: string }[]): AssignedPaths =>
  Array.from(
    Map.groupBy(paths, ({ check }) => check),
    ([check, its]) => ({ check, targets: its.map(({ target }) => target) }),
  )

const openReader = (store: StoreOptions, { retention }: ControllerConfig, { chance, log }: World): Reader => {
  const { minutesMs, tenMinutesMs, hoursMs, bytes } = retention
  return startReader({
    store,
    keepFor: { ...defaultKeepFor, history: [minutesMs, tenMinutesMs, hoursMs] },
    ...(bytes !== undefined && { limitBytes: bytes }),
    random: chance,
    onTrouble: error => log.warn({ err: error }, 'the reader of history begins again'),
  })
}

/** One replica looks after the store; it need not be the one that plans. */
const leadUpkeep = (store: Store, reader: Reader, holder: string): Leadership =>
  seekLeadership(store, {
    name: 'upkeep',
    holder,
    nowMs: () => performance.now(),
    sleep: (ms, stop) => sleep(ms, undefined, { signal: stop }).catch(() => {}),
    onChange: lease => reader.lead(lease),
  })

type Exported = { world: World; store: Store; instance: string; counters: ReturnType<typeof openCounters>; isLeader: () => boolean }

const openExport = ({ exports }: ControllerConfig, { world, store, instance, counters, isLeader }: Exported): Promise<Exporting> => {
  const { environment, version, nowMs, log } = world
  const onProblem = (problem: unknown): void => log.warn({ err: problem }, 'export goes on in a while')
  return startExport({ config: { exports }, environment, version, instance, store, counters, isLeader, nowMs, onProblem })
}

/** Beside the data, for people and agents on this machine; with given files it is where they say. */
const writeAuthority = async ({ data, tls: files }: ControllerConfig, tls: ServerTls | undefined): Promise<Pick<Controller, 'caFile'>> => {
  const caPem = tls?.current().caPem
  if (caPem === undefined) return {}
  if (files?.ca !== undefined) return { caFile: files.ca }
  const caFile = join(data, 'authority.pem')
  await writeFile(caFile, caPem)
  return { caFile }
}

const pinOf = (tls: ServerTls | undefined): Pick<Parts, 'caPin'> => {
  const caPin = tls?.current().caPin
  return caPin === undefined ? {} : { caPin }
}

type Judged = { store: Store; ingest: IngestWorker; tls: ServerTls | undefined; trusting: Trusting }

/** Why it can't serve, for `/readyz`. What goes on without (a bundle endpoint that is away) is in the log and the events, not here. */
const problemsOf = async ({ store, ingest, tls }: Judged): Promise<string[]> => {
  const answers = await store.read(async () => true).catch(() => false)
  return [
    ...(answers ? [] : [`the store ${store.name} does not answer`]),
    ...(ingest.isReady ? [] : ['ingest is not ready']),
    ...(tls?.problems() ?? []),
  ]
}

/** Resolves with the port. */
const listen = async (app: FastifyInstance, { listen: { host, port } }: ControllerConfig, tls: ServerTls | undefined): Promise<number> => {
  try {
    await app.listen({ host, port, listenTextResolver: address => `listening at ${address}` })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`${host}:${port} is taken by another process: give another address with --listen, or end that one`)
  }
  // Agents stay connected for days: a certificate that is made anew is for who comes next.
  tls?.onChange(() => (app.server as unknown as TlsServer).setSecureContext(secureContextOf(tls.current())))
  return (app.server.address() as AddressInfo).port
}

const urlOf = ({ listen: { host, scheme }, names }: ControllerConfig, port: number): string => {
  const name = names[0] ?? (host === '0.0.0.0' || host === '::' ? 'localhost' : host)
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
}
