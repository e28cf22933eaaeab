/** From what was planned to the rows of the store: only those that change, in transactions that are short. */
import type { Assignment } from '../../wire/assignment.ts'
import { type AssignmentHead, dropAssignment, nextChange, putAssignment, renumberAssignment } from '../store/assignments.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'
import type { Planner } from './planner.ts'
import type { Planned } from './planning.ts'
import type { Rollout } from './rollout.ts'

export type AssignedPath = { check: string; target: string }
/**
 * The paths that an agent has from now on, none when it has gone: called in the transaction that gives them to it, so it may be called again when that is tried
 * again, and does nothing but ask `sql`.
 */
export type OnAssigned = (agentId: string, paths: readonly AssignedPath[], atMs: number, sql: Sql) => Promise<void> | void

type Wanted = { agentId: string; revision: string; generation: number }
export type PlanChanges = { put: Wanted[]; renumber: Wanted[]; drop: string[] }

/** Who is told what: the new generation, or the good one. An agent whose assignment is not sound keeps what it has. */
export const planChanges = (rollout: Rollout, planned: readonly Planned[], known: ReadonlyMap<string, AssignmentHead>): PlanChanges => {
  const changes: PlanChanges = { put: [], renumber: [], drop: [] }
  const byGeneration = new Map(planned.map(one => [one.generation, { ...one, faulty: new Set(one.faults.map(({ agent }) => agent)) }]))
  const good = byGeneration.get(rollout.good)
  const next = rollout.next && byGeneration.get(rollout.next.generation)
  if (!good) return changes
  for (const agentId of good.revisions.keys()) {
    const plan = next && isReleased(rollout, agentId) ? next : good
    if (plan.faulty.has(agentId)) continue
    const wanted = { agentId, revision: plan.revisions.get(agentId)!, generation: plan.generation }
    const has = known.get(agentId)
    if (has?.revision !== wanted.revision) changes.put.push(wanted)
    else if (has.generation !== wanted.generation) changes.renumber.push(wanted)
  }
  for (const agentId of known.keys()) if (!good.revisions.has(agentId)) changes.drop.push(agentId)
  return changes
}

const isReleased = ({ next }: Rollout, agentId: string): boolean =>
  next !== undefined && (next.stage === 'all' || (Object.hasOwn(next.members, agentId) && !next.passedOver.includes(agentId)))

const perTransaction = 100

type Means = {
  planner: Pick<Planner, 'bodies'>
  /** As the leader. */
  write: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  known: Map<string, AssignmentHead>
  nowMs: number
  onAssigned?: OnAssigned
}

/** `known` follows what is committed. */
export const writeChanges = async ({ put, renumber, drop }: PlanChanges, means: Means): Promise<void> => {
  const { planner, write, known, nowMs, onAssigned } = means
  for (const [generation, its] of Map.groupBy(put, wanted => wanted.generation))
    for (const wanted of inBatches(its)) {
      const bodies = await planner.bodies(
        generation,
        wanted.map(({ agentId }) => agentId),
      )
      const rows = wanted.map((one, index) => ({ ...one, body: bodies[index]!, atMs: nowMs }))
      await write(async sql => {
        const change = await nextChange(sql)
        for (const row of rows) {
          await putAssignment(sql, row, change)
          await onAssigned?.(row.agentId, pathsOf(row.body), nowMs, sql)
        }
        await sql.announce()
      })
      for (const one of wanted) known.set(one.agentId, one)
    }
  for (const wanted of inBatches(renumber)) {
    await write(async sql => {
      for (const one of wanted) await renumberAssignment(sql, one)
    })
    for (const one of wanted) known.set(one.agentId, one)
  }
  for (const agentIds of inBatches(drop)) {
    await write(async sql => {
      for (const agentId of agentIds) {
        await dropAssignment(sql, agentId)
        await onAssigned?.(agentId, [], nowMs, sql)
      }
    })
    for (const agentId of agentIds) known.delete(agentId)
  }
  if (put.length + drop.length > 0)
    await write(sql =>
      addEvent(sql, { kind: 'assignments_changed', subject: 'fleet', body: { changed: put.length, dropped: drop.length } }),
    )
}

const inBatches = <T>(list: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(list.length / perTransaction) }, (_, at) => list.slice(at * perTransaction, (at + 1) * perTransaction))

const pathsOf = (body: string): AssignedPath[] =>
  (JSON.parse(body) as Assignment).checks.flatMap(({ name, targets = [] }) => targets.map(target => ({ check: name, target })))
