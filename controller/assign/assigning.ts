/**
 * The assignment side of a controller. Every replica serves the agents that are connected to it; the one that holds the lease plans, for all of them. They meet in the
 * store alone.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Acknowledgement } from '../../wire/api/assignments.ts'
import type { FleetReader } from '../fleet/current.ts'
import type { Counters } from '../metrics.ts'
import type { Store } from '../store/store.ts'
import { type EventFeed, openFeed } from './feed.ts'
import { startLeading } from './leading.ts'
import { openPresence } from './presence.ts'
import type { RolloutLimits } from './rollout.ts'
import { openStreams, type Streams } from './streams.ts'
import { writeTold } from './told.ts'
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
  /** It asks for its assignment in another way than by a stream. */
  asks(agentId: string): void
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
    asks: presence.asks,
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
