/** The parts of a controller, each opened as its configuration says. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyBaseLogger } from 'fastify'
import { type Alerting, startAlerting } from './alert/start.ts'
import { type Assigning, startAssigning } from './assign/assigning.ts'
import { servedNames } from './authority/listen.ts'
import { openServerTls, type ServerTls } from './authority/server-tls.ts'
import type { ControllerConfig } from './config/read.ts'
import { type Exporting, startExport } from './export/start.ts'
import type { Applied } from './fleet/apply-text.ts'
import type { FleetReader } from './fleet/current.ts'
import { type Reader, startReader } from './history/reader.ts'
import { defaultKeepFor } from './history/upkeep.ts'
import { type IngestWorker, startIngestWorker } from './ingest/start.ts'
import type { Counters } from './metrics.ts'
import { type Delivering, startDelivery } from './notify/delivery.ts'
import { pause } from './pause.ts'
import { type AssignedPaths, putAssigned } from './store/assigned.ts'
import { type Leadership, seekLeadership } from './store/leadership.ts'
import type { StoreOptions } from './store/open.ts'
import type { Store } from './store/store.ts'

/** A fleet document that lies beside the controller; `author` is who is named. */
export type Apply = (text: string, author: string) => Promise<Applied>

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
  /** Writes a line to stdout. */
  print: (line: string) => void
  /** Done before anybody is let in: a fleet file, without which every agent would be refused. */
  applyFirst?: (apply: Apply) => Promise<void>
  /** Revokes the first admin's token and makes another. */
  isTokenWanted?: boolean
}

export const openTls = (
  { data, tls: files, listen, names }: ControllerConfig,
  store: Store,
  { nowMs, random, hostname, addresses }: World,
): Promise<ServerTls> =>
  openServerTls({
    directory: data,
    ...(files && { files }),
    store,
    names: servedNames({ listen, advertise: names, hostname, addresses }),
    random,
    nowMs,
  })

export const openIngest = (store: StoreOptions, { chance, log }: World): IngestWorker =>
  startIngestWorker({
    store,
    random: chance,
    newId: randomUUID,
    onTrouble: error => log.warn({ err: error }, 'ingest begins again; agents keep what they have meanwhile'),
  })

/** What all parts have in common. */
export type Common = { world: World; store: Store; instance: string; counters: Counters }

/** The paths of an agent are stored with what it is told, and ingest looks at them then. */
export const openAssigning = async (
  { world, store, instance, counters }: Common,
  fleet: FleetReader,
  ingest: IngestWorker,
  signal: AbortSignal,
): Promise<Assigning> => {
  const { nowMs, log, chance } = world
  const assigning = await startAssigning({
    ...{ store, fleet, nowMs, holder: instance, log, counters, signal, chance },
    onAssigned: async (agentId, paths, atMs, sql) => void (await putAssigned(sql, { agentId, paths: byCheck(paths), atMs })),
  })
  assigning.feed.subscribe(events => events.some(({ kind }) => kind === 'assignments_changed') && ingest.refresh())
  return assigning
}

const byCheck = (paths: readonly { check: string; target: string }[]): AssignedPaths =>
  Array.from(
    Map.groupBy(paths, ({ check }) => check),
    ([check, its]) => ({ check, targets: its.map(({ target }) => target) }),
  )

export const openReader = (store: StoreOptions, { retention }: ControllerConfig, { chance, log }: World): Reader => {
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
export const leadUpkeep = (store: Store, reader: Reader, holder: string): Leadership =>
  seekLeadership(store, {
    name: 'upkeep',
    holder,
    nowMs: () => performance.now(),
    sleep: pause,
    onChange: lease => reader.lead(lease),
  })

/** Receivers are told by the replica that judges; the watchdog speaks for as long as it gets to the end of its turns. */
export const openDelivery = (
  { world, store, instance, counters }: Common,
  fleet: FleetReader,
  { isLeader, isJudging }: Pick<Alerting, 'isLeader' | 'isJudging'>,
): Delivering => {
  const { nowMs, chance, log, environment, print } = world
  return startDelivery({
    ...{ store, nowMs, log, environment, print, counters, isLeader, isJudging, holder: instance, random: chance, newId: randomUUID },
    readFile: path => readFile(path, 'utf8'),
    receivers: async () => (await fleet.refresh()).merged.alerts.receivers,
  })
}

export const openExport = (
  { exports }: ControllerConfig,
  { world, store, instance, counters }: Common,
  isLeader: () => boolean,
): Promise<Exporting> => {
  const { environment, version, nowMs, log } = world
  const onProblem = (problem: unknown): void => log.warn({ err: problem }, 'export goes on in a while')
  return startExport({ config: { exports }, environment, version, instance, store, counters, isLeader, nowMs, onProblem })
}

export const openAlerting = (
  { location, publicUrl }: ControllerConfig,
  { world, store, instance, counters }: Common,
  fleet: FleetReader,
  history: Reader,
): Alerting => {
  const { nowMs, log } = world
  return startAlerting({
    ...{ store, fleet, nowMs, holder: instance, log, counters, history },
    ...(location && { location }),
    ...(publicUrl !== undefined && { publicUrl }),
  })
}
