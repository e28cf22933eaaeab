/** One turn of the leader: look, plan when anything has changed, move the rollout on, write what differs. */
import { combine, hashText } from '../plan/hash.ts'
import { listSeen } from '../store/agents.ts'
import { type AssignmentHead, listAssignments } from '../store/assignments.ts'
import { addEvent } from '../store/events.ts'
import { putSetting } from '../store/settings.ts'
import type { Sql } from '../store/sql.ts'
import { listStandings } from '../store/standings.ts'
import type { Store } from '../store/store.ts'
import { stateOf } from './agent-state.ts'
import { type Outlook, openDocuments, readAgents, readOutlook, rolloutSetting, rotationOf } from './gather.ts'
import type { Planner } from './planner.ts'
import type { Planned } from './planning.ts'
import { type Rollout, type RolloutLimits, type RolloutSeen, stepRollout } from './rollout.ts'
import { type OnAssigned, planChanges, writeChanges } from './write-plan.ts'

export type LeaderMeans = {
  store: Pick<Store, 'read'>
  planner: Planner
  nowMs: () => number
  limits: RolloutLimits
  /** A transaction of the leader. */
  write: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  onAssigned?: OnAssigned
  /** Assignments that do not leave. */
  unsound: (faults: Planned['faults']) => void
}

/** One per term of office: what it remembers of the store is right for as long as nobody else writes. Resolves to whether a rollout is going on. */
export const startTerm = (means: LeaderMeans): (() => Promise<boolean>) => {
  const { store, planner, nowMs, write } = means
  const documentsOf = openDocuments(store)
  let known: Map<string, AssignmentHead> | undefined
  let planned: Planned[] = []
  let plannedFor = ''
  const plan = async ({ rollout, newest, version }: Outlook): Promise<void> => {
    const now = nowMs()
    const candidates = await documentsOf([...new Set([rollout.good, newest])], rollout.refused)
    const wanted = JSON.stringify([rollout.good, newest, rollout.refused, version, rotationOf(candidates, now)])
    if (wanted === plannedFor) return
    planned = await planner.plan({ candidates, agents: await readAgents(store), nowMs: now })
    plannedFor = wanted
    const faults = planned.find(({ generation }) => generation === rollout.good)?.faults ?? []
    if (faults.length > 0) means.unsound(faults)
  }
  const moveOn = async ({ rollout, newest }: Outlook): Promise<Rollout> => {
    if (newest === rollout.good && !rollout.next) return rollout
    const step = stepRollout(rollout, await look(store, planned, rollout.good, newest, nowMs()), nowMs(), means.limits)
    if (step.rollout !== rollout)
      await write(async sql => {
        await putSetting(sql, rolloutSetting, step.rollout, nowMs())
        for (const { kind, body } of step.events) await addEvent(sql, { kind, subject: String(body['generation']), body })
      })
    return step.rollout
  }
  return async () => {
    known ??= new Map((await store.read(listAssignments)).map(head => [head.agentId, head]))
    const outlook = await readOutlook(store)
    await plan(outlook)
    const rollout = await moveOn(outlook)
    // What follows the end of a rollout is planned in the next turn.
    await writeChanges(planChanges(rollout, planned, known), { ...means, known, nowMs: nowMs() })
    return rollout.next !== undefined || rollout.good !== outlook.rollout.good || rollout.refused !== outlook.rollout.refused
  }
}

const look = async (
  store: Pick<Store, 'read'>,
  planned: readonly Planned[],
  good: number,
  newest: number,
  nowMs: number,
): Promise<RolloutSeen> => {
  const planOf = (generation: number): Planned | undefined => planned.find(one => one.generation === generation)
  const [before, after] = [planOf(good), planOf(newest)]
  const { agents, standings } = await store.read(async sql => ({ agents: await listSeen(sql), standings: await listStandings(sql) }))
  const lastSeenMs = new Map(agents.map(agent => [agent.id, agent.lastSeenMs]))
  const live = new Set(agents.filter(agent => stateOf(agent, nowMs) === 'live').map(({ id }) => id))
  const standing = new Map(standings.map(one => [one.agentId, one]))
  const isHere = (id: string): boolean => live.has(id) && standing.get(id)?.goneMs === undefined
  // Another generation, another canary.
  const rank = (id: string): number => combine(newest, hashText(id))
  return {
    newest,
    changed: [...(after?.revisions ?? [])]
      .filter(([id, revision]) => before?.revisions.get(id) !== revision)
      .map(([id]) => ({ id, away: Number(!isHere(id)), rank: rank(id) }))
      .sort((a, b) => a.away - b.away || a.rank - b.rank || (a.id < b.id ? -1 : 1))
      .map(({ id }) => id),
    revisionOf: id => after?.revisions.get(id),
    standingOf: id => standing.get(id),
    lastSeenMsOf: id => lastSeenMs.get(id),
    faults: after?.faults ?? [],
  }
}
