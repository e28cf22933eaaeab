/** The agents that have a stream to this process: each is told its assignment when it comes and whenever that changes, and runs that are asked of it. */
import { type DrainMessage, heartbeatMs } from '../../wire/api/assignments.ts'
import type { Caller } from '../enrol/credential.ts'
import type { StoredEvent } from '../store/events.ts'
import type { Store } from '../store/store.ts'
import type { Sse, SseEvent } from '../web/sse.ts'
import { openBell } from './bell.ts'
import type { Presence } from './presence.ts'
import {
  isDelivering,
  markChanged,
  pushAssignments,
  pushRuns,
  readDelivered,
  type Stream,
  type Streaming,
  withdrawCredentials,
} from './push.ts'

export type Streams = {
  /** `lastEventId`: the revision that the agent has. A stream that it has already is ended: the newest wins. */
  open(caller: Caller, sse: Sse, lastEventId: string | undefined): void
  /** Of each stream, when it beats. */
  beat(caller: Caller, sse: Sse): void
  /** Something may have changed in the store. */
  turn(events: readonly StoredEvent[]): void
  /** Sends everybody away, to come again over a while. */
  drain(): void
  readonly count: number
  close(): Promise<void>
}
export type StreamsOptions = {
  store: Pick<Store, 'read' | 'write'>
  presence: Presence
  nowMs: () => number
  /** 0 up to, without, 1. */
  chance: () => number
  failed: (error: unknown) => void
}

/** After a drain so many come back a second: with a thousand agents that send every ten seconds it is a fifth more than there is anyway. */
const backPerSecond = 20
const leastDrainMs = 2000
const mostDrainMs = 120_000
/** When a credential has ended its agent has a fresh one. */
const renewedMs = 1000
const credentialEvents: readonly string[] = ['agent_banned', 'agent_enrolled', 'agent_reenrolled_live']

export const openStreams = ({ store, presence, nowMs, chance, failed }: StreamsOptions): Streams => {
  const state: Streaming = {
    store,
    presence,
    nowMs,
    streams: new Map(),
    dirty: new Set(),
    doubted: new Set(),
    delivered: new Map(),
    deliveredReadMs: Number.NEGATIVE_INFINITY,
    change: 0,
    areRunsDue: false,
  }
  const { streams } = state
  const bell = openBell()
  const running = serve(state, bell, failed)
  const leave = (stream: Stream): void => {
    if (streams.get(stream.caller.agentId) !== stream) return
    streams.delete(stream.caller.agentId)
    presence.gone(stream.caller.agentId)
  }
  const endAll = (last?: () => SseEvent): void => {
    for (const { sse } of [...streams.values()]) sse.end(last?.())
  }
  return {
    open: (caller, sse, lastEventId) => {
      const stream: Stream = { caller, sse, revision: lastEventId, parts: new Set(), openedMs: nowMs() }
      const former = streams.get(caller.agentId)
      streams.set(caller.agentId, stream)
      former?.sse.end()
      presence.here(caller.agentId)
      void sse.closed.then(() => leave(stream))
      state.dirty.add(caller.agentId)
      state.areRunsDue = true
      bell.ring()
    },
    beat: ({ agentId, expiresMs }, sse) => {
      if (expiresMs <= nowMs()) sse.end(drainEvent(chance() * renewedMs))
      else if (sse.isDrained && !isDelivering(state, agentId)) presence.seen(agentId)
    },
    turn: events => {
      for (const { kind, subject } of events) if (credentialEvents.includes(kind) && streams.has(subject)) state.doubted.add(subject)
      state.areRunsDue = true
      bell.ring()
    },
    drain: () => {
      const spreadMs = Math.min(mostDrainMs, Math.max(leastDrainMs, (streams.size * 1000) / backPerSecond))
      endAll(() => drainEvent(chance() * spreadMs))
    },
    get count() {
      return streams.size
    },
    close: async () => {
      endAll()
      bell.close()
      await running
    },
  }
}

const serve = async (state: Streaming, bell: ReturnType<typeof openBell>, failed: (error: unknown) => void): Promise<void> => {
  const work = async (): Promise<void> => {
    if (state.doubted.size > 0) await withdrawCredentials(state)
    if (state.streams.size > 0) await readDelivered(state, heartbeatMs)
    if (state.streams.size > 0) await markChanged(state)
    while (state.dirty.size > 0) await pushAssignments(state)
    if (state.areRunsDue && state.streams.size > 0) await pushRuns(state)
  }
  while (await bell.wait(heartbeatMs)) await work().catch(failed)
}

const drainEvent = (afterMs: number): SseEvent => ({
  event: 'drain',
  data: JSON.stringify({ afterMs: Math.round(afterMs) } satisfies DrainMessage),
})
