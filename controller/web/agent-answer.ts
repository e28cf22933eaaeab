/** An agent as people read it. Pure. */
import type { AgentAnswer, AgentQuery } from '../../wire/api/agents.ts'
import { stateOf } from '../assign/agent-state.ts'
import { regionOf } from '../fleet/select.ts'
import type { LiveAgent } from '../plan/live-agent.ts'
import type { Mark, StoredAgent } from '../store/agents.ts'

const workloadOf = (value: unknown): LiveAgent['runner'] => {
  const { namespace, serviceAccount } = (value ?? {}) as { namespace?: unknown; serviceAccount?: unknown }
  return typeof namespace === 'string' && typeof serviceAccount === 'string' ? { namespace, serviceAccount } : undefined
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
const markOf = ({ author, reason, atMs }: Mark) => ({ author, reason, at: timeOf(atMs) })

export const agentAnswer = (agent: StoredAgent, nowMs: number): AgentAnswer => {
  const { id, location, labels, advertise, details, proof, status, enrolledMs, lastSeenMs, cordoned, banned } = agent
  const { version, spiffeId } = details
  const runner = workloadOf(details['runner'])
  return {
    id,
    state: stateOf({ status, lastSeenMs, isBanned: banned !== undefined }, nowMs),
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
