/** An agent as people read it. Pure. */
import type { AgentAnswer, AgentQuery, AgentState } from '../../wire/api/agents.ts'
import { regionOf } from '../fleet/select.ts'
import { workloadOf } from '../plan/live-agents.ts'
import type { Mark, StoredAgent } from '../store/agents.ts'

/** Two heartbeats of its stream. */
const lateAfterMs = 30_000
/** Its stream is dialled anew after 45 s of silence: whoever is away for two of these has not found back. */
const lostAfterMs = 90_000

export const stateOf = (
  { status, banned, lastSeenMs }: Pick<StoredAgent, 'status' | 'banned' | 'lastSeenMs'>,
  nowMs: number,
): AgentState => {
  if (banned) return 'banned'
  if (status === 'retired') return status
  const silentMs = nowMs - lastSeenMs
  if (silentMs >= lostAfterMs) return 'lost'
  return status === 'draining' ? status : silentMs >= lateAfterMs ? 'late' : 'live'
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
const markOf = ({ author, reason, atMs }: Mark) => ({ author, reason, at: timeOf(atMs) })

export const agentAnswer = (agent: StoredAgent, nowMs: number): AgentAnswer => {
  const { id, location, labels, advertise, details, proof, enrolledMs, lastSeenMs, cordoned, banned } = agent
  const { version, spiffeId } = details
  const runner = workloadOf(details['runner'])
  return {
    id,
    state: stateOf(agent, nowMs),
    location,
    labels: { ...labels },
    advertise: advertise.map(one => ({ ...one })),
    ...(typeof version === 'string' && { version }),
    ...(typeof spiffeId === 'string' && { spiffeId }),
    ...(runner && { runner }),
    proof: { kind: proof.kind, issuer: proof.issuer, subject: proof.subject },
    enrolledAt: timeOf(enrolledMs),
    lastSeenAt: timeOf(lastSeenMs),
    ...(cordoned && { cordoned: markOf(cordoned) }),
    ...(banned && { banned: markOf(banned) }),
  }
}

export const isAsked = ({ location, state, cordoned }: AgentAnswer, query: AgentQuery): boolean =>
  (['cloud', 'zone', 'cluster', 'node'] as const).every(key => query[key] === undefined || query[key] === location[key]) &&
  (query.region === undefined || query.region === location.region || query.region === regionOf(location)) &&
  (query.state === undefined || query.state === state) &&
  (query.cordoned === undefined || query.cordoned === (cordoned !== undefined))
