/** Alerts: the replica that holds the lease judges every five seconds; the others wait for it to end. */

import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { FleetReader } from '../fleet/current.ts'
import type { Location } from '../fleet/select.ts'
import type { Reader } from '../history/reader.ts'
import type { Counters } from '../metrics.ts'
import { pause } from '../pause.ts'
import { dropIncidents } from '../store/incidents.ts'
import { seekLeadership } from '../store/leadership.ts'
import { type Lease, LeaseLost, writeAsLeader } from '../store/leases.ts'
import { dropDecisions } from '../store/silences.ts'
import type { Store } from '../store/store.ts'
import { refreshBaselines, seedBurns } from './from-history.ts'
import { openGather } from './gather.ts'
import { followRecent } from './recent.ts'
import { type AlertTerm, startAlertTerm } from './term.ts'

export type AlertingOptions = {
  readonly store: Store
  readonly fleet: FleetReader
  readonly nowMs: () => number
  /** Of this process and no other. */
  readonly holder: string
  readonly log: Pick<FastifyBaseLogger, 'warn'>
  readonly counters: Pick<Counters, 'incidents'>
  /** For baselines and budgets; without it nothing is held against its own history. */
  readonly history?: Pick<Reader, 'query' | 'baselines'>
  readonly location?: Location
  /** Where people find this controller, for links on pages. */
  readonly publicUrl?: string
  readonly everyMs?: number
  readonly lease?: { ttlMs: number; renewMs: number }
  /** The lease when this replica begins to judge, undefined when it ends. */
  readonly onLead?: (lease: Lease | undefined) => void
}
export type Alerting = {
  /** This replica judges, and so it tells receivers. */
  isLeader(): boolean
  /** It does, and it got to the end of a turn lately: a store that is away, or a turn that always fails, must not look like a quiet night. */
  isJudging(): boolean
  close(): Promise<void>
}

/** Half of the agents' window: what they send waits no longer than this. */
const usualEveryMs = 5000
/** Turns of which at least one has to succeed for alerts to count as judged: a minute. */
const latelyTurns = 12
const [hourMs, keptMs] = [3_600_000, 396 * 86_400_000]

export const startAlerting = (options: AlertingOptions): Alerting => {
  const { store, fleet, nowMs, holder, log, counters, history, location, publicUrl, everyMs = usualEveryMs } = options
  const stop = new AbortController()
  const leadership = seekLeadership(store, {
    name: 'alerts',
    holder,
    nowMs: () => performance.now(),
    sleep: pause,
    onChange: lease => options.onLead?.(lease),
    ...options.lease,
  })
  const gather = openGather(store, fleet, location)
  let judgedMs = Number.NEGATIVE_INFINITY
  let held: { epoch: number; term: AlertTerm; tidiedMs: number } | undefined
  const step = async (): Promise<void> => {
    const lease = leadership.current()
    if (!lease) {
      held = undefined
      return
    }
    if (held?.epoch !== lease.epoch) {
      const term = await startAlertTerm({
        store,
        nowMs,
        gather,
        recent: followRecent(store),
        write: work => writeAsLeader(store, lease, work),
        ...(publicUrl !== undefined && { publicUrl }),
      })
      if (history) await seedBurns(history, store, term.evaluation, nowMs())
      held = { epoch: lease.epoch, term, tidiedMs: nowMs() }
    }
    await held.term.turn()
    judgedMs = performance.now()
    const { incidents, evaluation } = held.term
    for (const state of ['forming', 'open'] as const) counters.incidents.set({ state }, incidents.filter(one => one.state === state).length)
    if (history) await refreshBaselines(history, store, evaluation, nowMs())
    if (nowMs() - held.tidiedMs < hourMs) return
    held.tidiedMs = nowMs()
    await writeAsLeader(store, lease, async sql => {
      await dropIncidents(sql, nowMs() - keptMs)
      await dropDecisions(sql, nowMs() - keptMs)
    })
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await step()
      } catch (error) {
        // What it remembers may not be what the store has.
        held = undefined
        if (!(error instanceof LeaseLost) && !stop.signal.aborted) log.warn({ err: error }, 'alerts go on in a while')
      }
      await wait(everyMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    isLeader: () => leadership.current() !== undefined,
    isJudging: () => leadership.current() !== undefined && performance.now() - judgedMs < latelyTurns * everyMs,
    close: async () => {
      stop.abort()
      await running
      await leadership.stop()
    },
  }
}
