/**
 * The assignment side of a controller. Every replica serves the agents that are connected to it; the one that holds the lease plans, for all of them. They meet in the
 * store alone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Acknowledgement } from '../../wire/api/assignments.ts'
import type { FleetReader } from '../fleet/current.ts'
import type { Counters } from '../metrics.ts'
import { seekLeadership } from '../store/leadership.ts'
import { LeaseLost, writeAsLeader } from '../store/leases.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { agentStates } from './agent-state.ts'
import { openBell } from './bell.ts'
import { type EventFeed, openFeed } from './feed.ts'
import { startTerm } from './leader.ts'
import { openPlanner } from './planner.ts'
import { openPresence } from './presence.ts'
import { type RolloutLimits, rolloutLimits } from './rollout.ts'
import { openStreams, type Streams } from './streams.ts'
import { writeTold } from './told.ts'
import { watchAgents } from './watch-agents.ts'
import type { OnAssigned } from './write-plan.ts'

export type AssigningOptions = {
  store: Store
  fleet: FleetReader
  nowMs: () => number
  /** Of this process and no other, also not of its former life. */
  holder: string
  log: Pick<FastifyBaseLogger, 'warn' | 'error' | 'info'>
  counters: Pick<Counters, 'agents'>
  /** Aborted when the controller begins to end: agents are sent away. */
  signal: AbortSignal
  onAssigned?: OnAssigned
  limits?: Partial<RolloutLimits>
  timing?: Partial<Timing>
  /** 0 up to, without, 1. */
  chance?: () => number
}

/** `debounceMs`: what comes together is planned together. `threadAbove`: more agents than this are planned in a thread. */
export type Timing = {
  pollMs: number
  rollingMs: number
  debounceMs: number
  flushMs: number
  leaseTtlMs: number
  leaseRenewMs: number
  threadAbove: number
}
const usual: Omit<Timing, 'leaseTtlMs' | 'leaseRenewMs' | 'threadAbove'> = { pollMs: 5000, rollingMs: 1000, debounceMs: 250, flushMs: 1000 }

export type Assigning = {
  streams: Streams
  feed: EventFeed
  /** An agent has asked for something, whatever it is. */
  seen(agentId: string): void
  /** It was told its assignment in another way than by a stream. */
  sent(agentId: string, revision: string): void
  acknowledge(agentId: string, acknowledgement: Acknowledgement): Promise<void>
  isLeader(): boolean
  /** Ends the streams, gives the lease up, writes down what waits. */
  close(): Promise<void>
}

export const startAssigning = async (options: AssigningOptions): Promise<Assigning> => {
  const { store, fleet, nowMs, log, signal, chance = Math.random } = options
  const timing = { ...usual, ...options.timing }
  const failed = (error: unknown): void => log.warn({ err: error }, 'assigning goes on in a while')
  const feed = await openFeed(store, timing.pollMs, failed)
  const presence = openPresence(store, nowMs, { flushMs: timing.flushMs, failed })
  const streams = openStreams({ store, presence, nowMs, chance, failed })
  const leading = startLeading(options, timing, failed)
  const unsubscribe = feed.subscribe(events => {
    streams.turn(events)
    if (events.length > 0) leading.ring()
    if (events.some(({ kind }) => kind === 'fleet_applied')) fleet.refresh().catch(failed)
  })
  signal.addEventListener('abort', streams.drain, { once: true })
  return {
    streams,
    feed,
    seen: presence.seen,
    sent: presence.sent,
    acknowledge: async (agentId, acknowledgement) => {
      presence.seen(agentId)
      await store.write(sql => writeTold(sql, agentId, acknowledgement, nowMs()), { idempotent: true })
      leading.ring()
    },
    isLeader: leading.isLeader,
    close: async () => {
      unsubscribe()
      signal.removeEventListener('abort', streams.drain)
      await leading.close()
      await streams.close()
      await Promise.all([presence.close(), feed.close()])
    },
  }
}

type Leading = { ring(): void; isLeader(): boolean; close(): Promise<void> }

const startLeading = (
  { store, nowMs, holder, log, counters, onAssigned, limits, signal }: AssigningOptions,
  timing: typeof usual & Partial<Timing>,
  failed: (error: unknown) => void,
): Leading => {
  const bell = openBell()
  const planner = openPlanner(timing.threadAbove)
  const watch = watchAgents(store)
  const leadership = seekLeadership(store, {
    name: 'assigning',
    holder,
    ...(timing.leaseTtlMs !== undefined && { ttlMs: timing.leaseTtlMs }),
    ...(timing.leaseRenewMs !== undefined && { renewMs: timing.leaseRenewMs }),
    nowMs: () => performance.now(),
    sleep: (ms, stop) => sleep(ms, undefined, { signal: stop }).catch(() => {}),
    onChange: lease => {
      log.info({ epoch: lease?.epoch }, lease ? 'this controller plans from now on' : 'another controller plans from now on')
      bell.ring()
    },
  })
  let term: { epoch: number; turn: () => Promise<boolean> } | undefined
  let watchedMs = Number.NEGATIVE_INFINITY
  const turn = async (): Promise<boolean> => {
    const lease = leadership.current()
    const write = lease && (<T>(work: (sql: Sql) => Promise<T>) => writeAsLeader(store, lease, work))
    if (performance.now() - watchedMs >= timing.pollMs) {
      const counts = await watch(nowMs(), write)
      for (const state of agentStates) counters.agents.set({ state }, counts[state])
      watchedMs = performance.now()
    }
    if (!lease || !write) return false
    const unsound = (faults: unknown): void => log.error({ faults }, 'assignments that are not sound stay here')
    const means = { store, planner, nowMs, limits: { ...rolloutLimits, ...limits }, write, unsound, ...(onAssigned && { onAssigned }) }
    if (term?.epoch !== lease.epoch) term = { epoch: lease.epoch, turn: startTerm(means) }
    return await term.turn()
  }
  const run = async (): Promise<void> => {
    let isRolling = false
    while (await bell.wait(isRolling ? timing.rollingMs : timing.pollMs)) {
      await sleep(timing.debounceMs)
      try {
        isRolling = await turn()
      } catch (error) {
        // What it remembers of the store may not be so.
        term = undefined
        if (!(error instanceof LeaseLost) && !signal.aborted) failed(error)
      }
    }
  }
  const running = run()
  return {
    ring: bell.ring,
    isLeader: () => leadership.current() !== undefined,
    close: async () => {
      bell.close()
      await running
      await Promise.all([leadership.stop(), planner.close()])
    },
  }
}
