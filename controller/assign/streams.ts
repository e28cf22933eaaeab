/** The agents that have a stream to this process: each is told its assignment when it comes and whenever that changes, and runs that are asked of it. */
import { type DrainMessage, heartbeatMs } from '../../wire/api/assignments.ts'
import type { Caller } from '../enrol/credential.ts'
import { changedAssignments, getAssignment, type StoredAssignment } from '../store/assignments.ts'
import { isCredentialHeld } from '../store/credentials.ts'
import type { StoredEvent } from '../store/events.ts'
import { markPartSent, openParts, type RunPart } from '../store/runs.ts'
import type { Store } from '../store/store.ts'
import type { Sse, SseEvent } from '../web/sse.ts'
import { openBell } from './bell.ts'
import type { Presence } from './presence.ts'

type Stream = { caller: Caller; sse: Sse; revision: string | undefined; parts: Set<string> }

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

/** Read in one transaction. */
const perRead = 50
/** After a drain so many come back a second: with a thousand agents that send every ten seconds it is a fifth more than there is anyway. */
const backPerSecond = 20
const leastDrainMs = 2000
const mostDrainMs = 120_000
/** When a credential has ended its agent has a fresh one. */
const renewedMs = 1000
const credentialEvents: readonly string[] = ['agent_banned', 'agent_enrolled', 'agent_reenrolled_live']

export const messageOf = ({ revision, generation, body }: Pick<StoredAssignment, 'revision' | 'generation' | 'body'>): string =>
  `${JSON.stringify({ revision, generation }).slice(0, -1)},${body.slice(1)}`

export const openStreams = ({ store, presence, nowMs, chance, failed }: StreamsOptions): Streams => {
  const streams = new Map<string, Stream>()
  const dirty = new Set<string>()
  const doubted = new Set<string>()
  let change = 0
  let areRunsDue = false
  const bell = openBell()

  const pushSome = async (): Promise<void> => {
    const ids = [...dirty].slice(0, perRead)
    for (const id of ids) dirty.delete(id)
    const here = ids.filter(id => streams.has(id))
    const assignments = await readAll(store, here).catch((error: unknown) => {
      for (const id of here) dirty.add(id)
      throw error
    })
    for (const assignment of assignments) {
      const stream = streams.get(assignment.agentId)
      if (!stream || stream.revision === assignment.revision) continue
      if (!stream.sse.send({ id: assignment.revision, event: 'assignment', data: messageOf(assignment) })) continue
      stream.revision = assignment.revision
      presence.sent(assignment.agentId, assignment.revision)
    }
  }
  const pushRuns = async (): Promise<void> => {
    areRunsDue = false
    const parts = await store.read(sql => openParts(sql, nowMs()))
    const sent = parts.filter(part => sendPart(streams.get(part.agentId), part, nowMs()))
    if (sent.length > 0)
      await store.write(async sql => {
        for (const { id } of sent) await markPartSent(sql, id, nowMs())
      })
  }
  /** Whose credential was replaced or withdrawn. */
  const judgeCredentials = async (): Promise<void> => {
    const ids = [...doubted]
    doubted.clear()
    for (const id of ids) {
      const stream = streams.get(id)
      if (stream && !(await store.read(sql => isCredentialHeld(sql, stream.caller.thumbprint, id, nowMs())))) stream.sse.end()
    }
  }
  const work = async (): Promise<void> => {
    if (doubted.size > 0) await judgeCredentials()
    if (streams.size > 0) {
      const changed = await store.read(sql => changedAssignments(sql, change))
      change = changed.upTo
      for (const id of changed.agentIds) if (streams.has(id)) dirty.add(id)
    }
    while (dirty.size > 0) await pushSome()
    if (areRunsDue && streams.size > 0) await pushRuns()
  }
  const run = async (): Promise<void> => {
    while (await bell.wait(heartbeatMs)) await work().catch(failed)
  }
  const running = run()
  const leave = (stream: Stream): void => {
    if (streams.get(stream.caller.agentId) !== stream) return
    streams.delete(stream.caller.agentId)
    presence.gone(stream.caller.agentId)
  }
  return {
    open: (caller, sse, lastEventId) => {
      const stream: Stream = { caller, sse, revision: lastEventId, parts: new Set() }
      const former = streams.get(caller.agentId)
      streams.set(caller.agentId, stream)
      former?.sse.end()
      presence.here(caller.agentId)
      void sse.closed.then(() => leave(stream))
      dirty.add(caller.agentId)
      areRunsDue = true
      bell.ring()
    },
    beat: ({ agentId, expiresMs }, sse) => {
      if (expiresMs <= nowMs()) sse.end(drainEvent(chance() * renewedMs))
      else if (sse.isDrained) presence.seen(agentId)
    },
    turn: events => {
      for (const { kind, subject } of events) if (credentialEvents.includes(kind) && streams.has(subject)) doubted.add(subject)
      areRunsDue = true
      bell.ring()
    },
    drain: () => {
      const spreadMs = Math.min(mostDrainMs, Math.max(leastDrainMs, (streams.size * 1000) / backPerSecond))
      for (const { sse } of [...streams.values()]) sse.end(drainEvent(chance() * spreadMs))
    },
    get count() {
      return streams.size
    },
    close: async () => {
      for (const { sse } of [...streams.values()]) sse.end()
      bell.close()
      await running
    },
  }
}

const readAll = (store: Pick<Store, 'read'>, agentIds: readonly string[]): Promise<StoredAssignment[]> =>
  store.read(async sql => {
    const read: StoredAssignment[] = []
    for (const id of agentIds) {
      const assignment = await getAssignment(sql, id)
      if (assignment) read.push(assignment)
    }
    return read
  })

const drainEvent = (afterMs: number): SseEvent => ({
  event: 'drain',
  data: JSON.stringify({ afterMs: Math.round(afterMs) } satisfies DrainMessage),
})

/** Once per stream: an agent that has lost its stream may have lost the run with it, and knows by its id whether it has done it. */
const sendPart = (stream: Stream | undefined, { id, message, expiresMs }: RunPart, nowMs: number): boolean => {
  if (!stream || stream.parts.has(id)) return false
  stream.parts.add(id)
  const data = JSON.stringify({ id, withinMs: expiresMs - nowMs, ...(JSON.parse(message) as object) })
  return stream.sse.send({ event: 'run', data })
}
