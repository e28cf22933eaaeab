/** What the agents themselves say by being there or not: who is lost, whether it is this controller that is cut off, and where nobody has an identity. Pure. */
import { regionOf } from '../fleet/select.ts'
import type { AlertAgent, Surroundings } from './surroundings.ts'

/** A controller that has just started has heard of nobody yet. */
export const graceMs = 60_000
/** As `lostMs` of assign/agent-state.ts. */
export const lostMs = 90_000
/** So many at once are no accident of each of them. */
const togetherMs = 30_000
const leastTogether = 2

export type AgentFinding =
  | { kind: 'lost'; agents: readonly string[]; place: string; isRegion: boolean; sinceMs: number }
  | { kind: 'isolated'; agents: readonly string[]; regions: readonly string[]; of: number; sinceMs: number }

/** Undefined: too early to say anything; what was known goes on. */
export const judgeAgents = ({
  agents,
  nowMs,
  startedMs,
  location,
}: Pick<Surroundings, 'agents' | 'nowMs' | 'startedMs' | 'location'>): AgentFinding[] | undefined => {
  if (nowMs < startedMs + graceMs) return undefined
  const counted = [...agents.values()].filter(
    ({ state, isCordoned }) => state !== 'banned' && state !== 'retired' && state !== 'draining' && !isCordoned,
  )
  const lost = counted.filter(({ lastSeenMs }) => nowMs - lastSeenMs >= lostMs)
  if (lost.length === 0) return []
  const isolated = judgeIsolation(counted, lost, location && regionOf(location))
  if (isolated) return [isolated]
  const findings: AgentFinding[] = []
  for (const [region, its] of Map.groupBy(lost, one => regionOf(one.location))) {
    const all = counted.filter(one => regionOf(one.location) === region)
    const sinceMs = Math.min(...its.map(({ lastSeenMs }) => lastSeenMs))
    const names = its.map(({ id }) => id)
    if (its.length >= 2 && its.length * 2 >= all.length)
      findings.push({ kind: 'lost', agents: names, place: region, isRegion: true, sinceMs })
    else
      for (const { id, lastSeenMs } of its) findings.push({ kind: 'lost', agents: [id], place: id, isRegion: false, sinceMs: lastSeenMs })
  }
  return findings
}

/** Half of those elsewhere fell silent within half a minute, in more than one place or in all that there are elsewhere: the controller is cut off, not they. */
const judgeIsolation = (
  counted: readonly AlertAgent[],
  lost: readonly AlertAgent[],
  home: string | undefined,
): AgentFinding | undefined => {
  const isRemote = (one: AlertAgent): boolean => home === undefined || regionOf(one.location) !== home
  const remote = counted.filter(isRemote)
  const gone = lost.filter(isRemote)
  const newestMs = Math.max(0, ...gone.map(({ lastSeenMs }) => lastSeenMs))
  const together = gone.filter(({ lastSeenMs }) => newestMs - lastSeenMs <= togetherMs)
  const regions = [...new Set(together.map(one => regionOf(one.location)))]
  const elsewhere = new Set(remote.map(one => regionOf(one.location)))
  if (together.length < leastTogether || together.length * 2 < remote.length) return undefined
  // All of one region among several are that region's trouble.
  if (regions.length === 1 && elsewhere.size > 1) return undefined
  if (home === undefined && regions.length < 2) return undefined
  return {
    kind: 'isolated',
    agents: together.map(({ id }) => id),
    regions,
    of: remote.length,
    sinceMs: Math.min(...together.map(({ lastSeenMs }) => lastSeenMs)),
  }
}

export type IdentityPlane = { readonly cluster: string; readonly agents: readonly string[]; readonly of: number }

/** Clusters in which half of the agents that need an SVID have none. `has`: false, the agent says that it has none; undefined, it needs none. */
export const judgeIdentityPlanes = (agents: Iterable<AlertAgent>, has: (agent: string) => boolean | undefined): IdentityPlane[] => {
  const needing = [...agents].filter(({ id }) => has(id) !== undefined)
  const byCluster = Map.groupBy(needing, ({ location }) => location.cluster ?? regionOf(location))
  return [...byCluster].flatMap(([cluster, its]) => {
    const without = its.filter(({ id }) => has(id) === false).map(({ id }) => id)
    return without.length > 0 && without.length * 2 >= its.length ? [{ cluster, agents: without, of: its.length }] : []
  })
}
