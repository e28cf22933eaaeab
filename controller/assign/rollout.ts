/**
 * How a generation of the fleet reaches the agents: one that it changes something for, then five of a hundred, then all. A stage passes when its agents run it and
 * have gone on running it for a while; one that refuses it or dies of it stops it for good. Pure: a state and what was seen, in; the next state and what to tell, out.
 */
import type { Standing } from '../store/standings.ts'
import { lateMs } from './agent-state.ts'

export const stages = ['canary', 'few', 'all'] as const
export type Stage = (typeof stages)[number]

/** `good`: everybody has run it, or nobody has refused it. `members`: since when each of the agents of the stages so far is told the new one. */
export type Rollout = {
  good: number
  refused: readonly number[]
  next?: { generation: number; stage: Stage; members: Readonly<Record<string, number>>; passedOver: readonly string[] }
}
export const firstRollout: Rollout = { good: 0, refused: [] }

/** `changed`: agents that the new generation tells something else than the good one, in the order in which they come to it, those that are there first. */
export type RolloutSeen = {
  /** The newest that was not refused. */
  newest: number
  changed: readonly string[]
  revisionOf: (agentId: string) => string | undefined
  standingOf: (agentId: string) => Standing | undefined
  lastSeenMsOf: (agentId: string) => number | undefined
  /** What must not leave the controller at all. */
  faults: readonly { agent: string; problems: readonly string[] }[]
}
export type RolloutLimits = { holdMs: number; awayMs: number; diedMs: number }
/** `diedMs`: a restart takes less. */
export const rolloutLimits: RolloutLimits = { holdMs: 5000, awayMs: 60_000, diedMs: 30_000 }
export type RolloutEvent = {
  kind: 'generation_rollout' | 'generation_running' | 'generation_refused'
  body: Readonly<Record<string, unknown>>
}
export type RolloutStep = { rollout: Rollout; events: RolloutEvent[] }

/** Sent so often in a row, it is an agent that starts anew each time. */
const maxSent = 4
const maxRefused = 100
const maxProblems = 20

export const stepRollout = (rollout: Rollout, seen: RolloutSeen, nowMs: number, limits: RolloutLimits): RolloutStep => {
  const { good, next } = rollout
  if (seen.newest === good) return { rollout: withoutNext(rollout), events: [] }
  if (next?.generation !== seen.newest) return begin(rollout, seen, nowMs)
  if (seen.faults.length > 0) return refuse(rollout, seen.faults)
  const members = Object.entries(next.members).filter(([id]) => !next.passedOver.includes(id) && seen.changed.includes(id))
  const judged = members.map(([id, sinceMs]) => ({ id, verdict: judgeMember(id, sinceMs, seen, nowMs, limits) }))
  const bad = judged.flatMap(({ id, verdict }) => (typeof verdict === 'object' ? [{ agent: id, problems: verdict.problems }] : []))
  if (bad.length > 0) return refuse(rollout, bad)
  const away = judged.filter(({ verdict }) => verdict === 'away').map(({ id }) => id)
  if (away.length > 0) return { rollout: replace(rollout, away, seen, nowMs), events: [] }
  if (judged.some(({ verdict }) => verdict !== 'held')) return { rollout, events: [] }
  return advance(rollout, seen, nowMs)
}

type Verdict = 'waiting' | 'held' | 'away' | { problems: readonly string[] }

/** Of an agent that is to run the new generation since then. */
const judgeMember = (id: string, sinceMs: number, seen: RolloutSeen, nowMs: number, { holdMs, awayMs, diedMs }: RolloutLimits): Verdict => {
  const { sent, told, goneMs } = seen.standingOf(id) ?? {}
  const wanted = seen.revisionOf(id)
  const itsTold = told?.revision === wanted ? told : undefined
  if (itsTold?.outcome === 'refused' && itsTold.atMs >= sinceMs) return { problems: itsTold.problems }
  const runsSinceMs = itsTold?.outcome === 'running' ? Math.max(itsTold.atMs, sinceMs) : undefined
  const sentSince = sent && sent.revision === wanted && sent.atMs >= sinceMs ? sent : undefined
  const silentSinceMs = goneMs ?? silentSince(seen.lastSeenMsOf(id), nowMs)
  const isAway = nowMs - sinceMs >= awayMs ? 'away' : 'waiting'
  // It may have run the same before, and not be there now.
  if (!sentSince && (runsSinceMs === undefined || silentSinceMs !== undefined)) return isAway
  if (sentSince && sentSince.count >= maxSent)
    return { problems: [`it has asked for it ${sentSince.count} times in a row, as if it started anew each time`] }
  if (silentSinceMs !== undefined)
    return nowMs - Math.max(silentSinceMs, sinceMs) >= diedMs ? { problems: ['it has not been heard of since it got it'] } : 'waiting'
  if (runsSinceMs === undefined) return isAway
  return nowMs - runsSinceMs >= holdMs ? 'held' : 'waiting'
}

const silentSince = (lastSeenMs: number | undefined, nowMs: number): number | undefined =>
  lastSeenMs !== undefined && nowMs - lastSeenMs >= lateMs ? lastSeenMs : undefined

const sizeOf = (stage: Stage, changed: number): number => (stage === 'canary' ? 1 : stage === 'few' ? Math.ceil(changed / 20) : changed)

const begin = (rollout: Rollout, seen: RolloutSeen, nowMs: number): RolloutStep => {
  const next = { generation: seen.newest, stage: 'canary' as const, members: {}, passedOver: [] }
  if (seen.faults.length > 0) return refuse({ ...rollout, next }, seen.faults)
  return enter({ ...rollout, next }, 'canary', seen, nowMs)
}

/** The next stage that has somebody new in it; nobody: done. */
const advance = (rollout: Rollout, seen: RolloutSeen, nowMs: number): RolloutStep => {
  const stage = stages[stages.indexOf(rollout.next!.stage) + 1]
  return stage ? enter(rollout, stage, seen, nowMs) : finish(rollout)
}

const enter = (rollout: Rollout, stage: Stage, seen: RolloutSeen, nowMs: number): RolloutStep => {
  const next = rollout.next!
  const members = fill(next.members, next.passedOver, sizeOf(stage, seen.changed.length), seen.changed, nowMs)
  const entered = { ...rollout, next: { ...next, stage, members } }
  if (Object.keys(members).length === Object.keys(next.members).length) return advance(entered, seen, nowMs)
  const body = { generation: next.generation, stage, agents: Object.keys(members).length, of: seen.changed.length }
  return { rollout: entered, events: [{ kind: 'generation_rollout', body }] }
}

/** Others take the places of those that are away. */
const replace = (rollout: Rollout, away: readonly string[], seen: RolloutSeen, nowMs: number): Rollout => {
  const next = rollout.next!
  const passedOver = [...next.passedOver, ...away]
  return {
    ...rollout,
    next: { ...next, passedOver, members: fill(next.members, passedOver, sizeOf(next.stage, seen.changed.length), seen.changed, nowMs) },
  }
}

const fill = (
  members: Readonly<Record<string, number>>,
  passedOver: readonly string[],
  size: number,
  changed: readonly string[],
  nowMs: number,
): Record<string, number> => {
  const filled = { ...members }
  const [away, still] = [new Set(passedOver), new Set(changed)]
  let count = Object.keys(members).filter(id => still.has(id) && !away.has(id)).length
  for (const id of changed) {
    if (count >= size) break
    if (Object.hasOwn(filled, id) || away.has(id)) continue
    filled[id] = nowMs
    count++
  }
  return filled
}

const withoutNext = ({ good, refused }: Rollout): Rollout => ({ good, refused })

const finish = ({ refused, next }: Rollout): RolloutStep => ({
  rollout: { good: next!.generation, refused },
  events: [{ kind: 'generation_running', body: { generation: next!.generation } }],
})

const refuse = ({ good, refused, next }: Rollout, bad: RolloutSeen['faults']): RolloutStep => {
  const { generation, stage } = next!
  const agents = bad.slice(0, maxProblems).map(({ agent, problems }) => ({ agent, problems: problems.slice(0, maxProblems) }))
  return {
    rollout: { good, refused: [...refused, generation].slice(-maxRefused) },
    events: [{ kind: 'generation_refused', body: { generation, stage, backTo: good, agents } }],
  }
}
