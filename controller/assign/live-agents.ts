/** Agents as the plan knows them, from the store's rows. */
import { name } from '../../wire/assignment.ts'
import { readBySchema } from '../../wire/read.ts'
import { parseHost, parseIpv6 } from '../../wire/target.ts'
import { agentPrefix } from '../fleet/place-rules.ts'
import { type Advertised, isEligible, type LiveAgent, type Service } from '../plan/live-agent.ts'
import { listPlannable, listSeen, type PlannableRow } from '../store/agents.ts'
import type { Store } from '../store/store.ts'
import { stateOf } from './agent-state.ts'

type Details = { spiffeId?: string; serves?: Service[]; runner?: LiveAgent['runner'] }

export const liveAgentOf = ({ id, location, labels, advertise, details, status, isCordoned }: PlannableRow): LiveAgent => {
  const { spiffeId, serves, runner } = JSON.parse(details) as Details
  return {
    id,
    location: JSON.parse(location) as LiveAgent['location'],
    labels: JSON.parse(labels) as Record<string, string>,
    advertise: isNameable(id) ? (JSON.parse(advertise) as Advertised[]).filter(({ host }) => isDialable(host)) : [],
    ...(spiffeId !== undefined && { spiffeId }),
    ...(Array.isArray(serves) && { serves }),
    ...(runner !== undefined && { runner }),
    cordoned: isCordoned,
    draining: status === 'draining',
  }
}

/** What one agent says of itself must not spoil what the others are told: it is nobody's target then. */
const isDialable = (host: string): boolean => (host.includes(':') ? parseIpv6(host) : parseHost(host)).ok

const longestSuffix = '/mtls'.length
const isNameable = (id: string): boolean =>
  readBySchema(name, `${agentPrefix}${id}`).problems.length === 0 && agentPrefix.length + id.length + longestSuffix <= name.maxLength

/** Those that can be asked for something now, by id. */
export const readPresent = async (store: Pick<Store, 'read'>, nowMs: number): Promise<LiveAgent[]> => {
  const { rows, seen } = await store.read(async sql => ({ rows: await listPlannable(sql), seen: await listSeen(sql) }))
  const live = new Set(seen.filter(agent => stateOf(agent, nowMs) === 'live').map(({ id }) => id))
  return rows
    .filter(({ id }) => live.has(id))
    .map(liveAgentOf)
    .filter(isEligible)
}
