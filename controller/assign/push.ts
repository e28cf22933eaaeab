/** From the store to the streams of this process. One at a time, so that what was written later is never overtaken. */
import type { Caller } from '../enrol/credential.ts'
import { changedAssignments, getAssignment, type StoredAssignment } from '../store/assignments.ts'
import { isCredentialHeld } from '../store/credentials.ts'
import { deliveredSince } from '../store/received.ts'
import { markPartSent, openParts, type RunPart } from '../store/runs.ts'
import type { Store } from '../store/store.ts'
import type { Sse } from '../web/sse.ts'
import type { Presence } from './presence.ts'

/** `revision`: what it has been told. `parts`: of runs, that it has been told of. */
export type Stream = { caller: Caller; sse: Sse; revision: string | undefined; parts: Set<string>; openedMs: number }
export type Streaming = {
  readonly store: Pick<Store, 'read' | 'write'>
  readonly presence: Presence
  readonly nowMs: () => number
  /** By the agent's id. */
  readonly streams: Map<string, Stream>
  /** Agents whose assignment may be another now. */
  readonly dirty: Set<string>
  /** Agents whose credential may have been replaced or withdrawn. */
  readonly doubted: Set<string>
  /** When each agent's last batch came, to whichever replica. */
  delivered: ReadonlyMap<string, number>
  deliveredReadMs: number
  /** Assignments up to this one have been looked at. */
  change: number
  areRunsDue: boolean
}

/** Read in one transaction. */
const perRead = 50

export const messageOf = ({ revision, generation, body }: Pick<StoredAssignment, 'revision' | 'generation' | 'body'>): string =>
  `${JSON.stringify({ revision, generation }).slice(0, -1)},${body.slice(1)}`

export const markChanged = async (state: Streaming): Promise<void> => {
  const changed = await state.store.read(sql => changedAssignments(sql, state.change))
  state.change = changed.upTo
  for (const id of changed.agentIds) if (state.streams.has(id)) state.dirty.add(id)
}

/**
 * Longer than any kernel keeps a connection on which nothing is acknowledged (tcp(7), tcp_retries2: a quarter of an hour): until then it takes heartbeats for an
 * agent that is cut off. Those that deliver are known by what comes from them.
 */
const deliveredBackMs = 1_800_000

export const readDelivered = async (state: Streaming, everyMs: number): Promise<void> => {
  const now = state.nowMs()
  if (Math.abs(now - state.deliveredReadMs) < everyMs) return
  state.delivered = await state.store.read(sql => deliveredSince(sql, now - deliveredBackMs))
  state.deliveredReadMs = now
}

/** It has delivered since its stream began: that its kernel, or only ours, takes what is written to it, says nothing more of it. */
export const isDelivering = ({ delivered, streams }: Streaming, agentId: string): boolean => {
  const stream = streams.get(agentId)
  return stream !== undefined && (delivered.get(agentId) ?? Number.NEGATIVE_INFINITY) >= stream.openedMs
}

/** Some of those that are dirty. */
export const pushAssignments = async ({ store, presence, streams, dirty }: Streaming): Promise<void> => {
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

const readAll = (store: Pick<Store, 'read'>, agentIds: readonly string[]): Promise<StoredAssignment[]> =>
  store.read(async sql => {
    const read: StoredAssignment[] = []
    for (const id of agentIds) {
      const assignment = await getAssignment(sql, id)
      if (assignment) read.push(assignment)
    }
    return read
  })

export const pushRuns = async (state: Streaming): Promise<void> => {
  const { store, streams, nowMs } = state
  state.areRunsDue = false
  const parts = await store.read(sql => openParts(sql, nowMs()))
  const sent = parts.filter(part => sendPart(streams.get(part.agentId), part, nowMs()))
  if (sent.length > 0)
    await store.write(async sql => {
      for (const { id } of sent) await markPartSent(sql, id, nowMs())
    })
}

/** Once per stream: an agent that has lost its stream may have lost the run with it, and knows by its id whether it has done it. */
const sendPart = (stream: Stream | undefined, { id, message, expiresMs }: RunPart, nowMs: number): boolean => {
  if (!stream || stream.parts.has(id)) return false
  stream.parts.add(id)
  const data = JSON.stringify({ ...(JSON.parse(message) as object), id, withinMs: expiresMs - nowMs })
  return stream.sse.send({ event: 'run', data })
}

export const withdrawCredentials = async ({ store, streams, doubted, nowMs }: Streaming): Promise<void> => {
  const ids = [...doubted]
  doubted.clear()
  for (const id of ids) {
    const stream = streams.get(id)
    if (stream && !(await store.read(sql => isCredentialHeld(sql, stream.caller.thumbprint, id, nowMs())))) stream.sse.end()
  }
}
