/** What the leader does about once a minute so that the store stays whole and small. */
import { renewGraceMs } from '../enrol/credential.ts'
import { dropAssigned } from '../store/assigned.ts'
import { dropBatches } from '../store/batches.ts'
import { dropEndedCredentials } from '../store/credentials.ts'
import { dropEvents, dropEventsBeyond } from '../store/events.ts'
import { dropHistory } from '../store/history.ts'
import { dropRolled, historyBytes } from '../store/history-rolled.ts'
import { dropJoinTokens } from '../store/join-tokens.ts'
import { dropEndedLeases, type Lease, writeAsLeader } from '../store/leases.ts'
import { dropReceived, receivedForMs } from '../store/received.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { defaultKeep, type Keep } from './cover.ts'
import { resolutionsMs } from './query.ts'
import { type RolledUp, rollUpAll } from './roll-up.ts'

const dayMs = 86_400_000
export type KeepFor = {
  readonly history: Keep
  readonly eventsMs: number
  /** Of any age, so that a storm of events does not fill the disk. */
  readonly events: number
  /** After their end, so that a late use of one can be told from a guess. */
  readonly joinTokensMs: number
}
export const defaultKeepFor: KeepFor = { history: defaultKeep, eventsMs: 30 * dayMs, events: 1_000_000, joinTokensMs: dayMs }

export type Upkeep = {
  readonly store: Store
  readonly lease: Lease
  readonly nowMs: number
  readonly keepFor: KeepFor
  /** Undefined: as large as it gets. */
  readonly limitBytes: number | undefined
  readonly isStopped: () => boolean
}
/** `squeezed`: parts that went before their time since there was no room. */
export type UpkeepReport = { readonly rolledUp: RolledUp; readonly expired: number; readonly squeezed: number; readonly bytes: number }

const perTransaction = 500

/** Throws `LeaseLost` when another is the leader. */
export const keepUp = async (upkeep: Upkeep): Promise<UpkeepReport> => {
  const { store, lease, nowMs, isStopped } = upkeep
  const rolledUp = await rollUpAll(store, lease, nowMs, isStopped)
  const expired = await expire(upkeep)
  const squeezed = await squeeze(upkeep)
  return { rolledUp, expired, squeezed, bytes: await sizeOf(store) }
}

const top = resolutionsMs.length - 1
/** Of a level's parts that begin before a time. What is in no longer resolution yet stays. */
const dropLevel = (sql: Sql, level: number, beforeMs: number): Promise<number> =>
  level === top
    ? dropHistory(sql, resolutionsMs[level]!, beforeMs, perTransaction)
    : dropRolled(sql, resolutionsMs[level]!, beforeMs, perTransaction)

const expire = async ({ store, lease, nowMs, keepFor, isStopped }: Upkeep): Promise<number> => {
  let expired = 0
  for (const level of resolutionsMs.keys())
    for (let dropped = perTransaction; dropped === perTransaction && !isStopped(); expired += dropped)
      dropped = await writeAsLeader(store, lease, sql => dropLevel(sql, level, nowMs - keepFor.history[level]!))
  await writeAsLeader(store, lease, async sql => {
    await dropEvents(sql, nowMs - keepFor.eventsMs)
    await dropEventsBeyond(sql, keepFor.events)
    await dropReceived(sql, nowMs)
    // Their numbers are forgotten by now: what nobody could read until today is lost.
    await dropBatches(sql, nowMs - receivedForMs)
    await dropAssigned(sql, nowMs)
    await dropEndedCredentials(sql, nowMs - renewGraceMs)
    await dropJoinTokens(sql, nowMs - keepFor.joinTokensMs)
    await dropEndedLeases(sql, 'ingest/', dayMs)
  })
  return expired
}

/** The last of what is kept in minutes, whatever the room is: alerts look at it. */
const leastMinutesMs = 2 * 3_600_000
/** Of the limit: so that there is not a little to be dropped at every turn. */
const roomAfter = 0.95

/** The oldest minutes first, since longer resolutions say the same in less; then tens of minutes, then hours. */
const squeeze = async (upkeep: Upkeep): Promise<number> => {
  const { store, lease, nowMs, limitBytes, isStopped } = upkeep
  if (limitBytes === undefined || (await sizeOf(store)) <= limitBytes) return 0
  let squeezed = 0
  for (const level of resolutionsMs.keys())
    for (;;) {
      if (isStopped() || (await sizeOf(store)) <= limitBytes * roomAfter) return squeezed
      const dropped = await writeAsLeader(store, lease, sql => dropLevel(sql, level, nowMs - leastMinutesMs))
      squeezed += dropped
      if (dropped === 0) break
    }
  return squeezed
}

const sizeOf = (store: Store): Promise<number> => (store.kind === 'sqlite' ? store.sizeBytes() : store.read(historyBytes))
