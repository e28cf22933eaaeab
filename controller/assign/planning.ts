/** From the store's rows to assignments with their revisions. Pure but for what it remembers of its last plans; runs in a thread of its own where there is much to plan. */
import { createHash } from 'node:crypto'
import type { Assignment } from '../../wire/assignment.ts'
import type { Fleet } from '../../wire/fleet.ts'
import { documentsInForce } from '../fleet/default-fleet.ts'
import { mergeFleets } from '../fleet/merge.ts'
import { planFleet } from '../plan/plan.ts'
import type { PlannableRow } from '../store/agents.ts'
import { liveAgentOf } from './live-agents.ts'
import { assignmentFaults } from './sound-assignment.ts'

/** `documents` of all owners as of a generation; without any it is the default fleet. */
export type Candidate = { generation: number; documents: readonly Fleet[] }
export type PlanQuestion = { candidates: readonly Candidate[]; agents: readonly PlannableRow[]; nowMs: number }
/** `faults`: what must not leave, by agent; the first few. */
export type Planned = {
  generation: number
  revisions: ReadonlyMap<string, string>
  faults: readonly { agent: string; problems: string[] }[]
}

export type Planning = {
  plan(question: PlanQuestion): Planned[]
  /** JSON of assignments of the last plan, in the order asked for. */
  bodies(generation: number, agentIds: readonly string[]): string[]
}

/** Of one agent. */
const maxProblems = 5

export const startPlanning = (): Planning => {
  let assignments = new Map<number, ReadonlyMap<string, Assignment>>()
  let sound = new Set<string>()
  return {
    plan: ({ candidates, agents, nowMs }) => {
      const live = agents.map(liveAgentOf)
      const passed = new Set<string>()
      assignments = new Map()
      const planned = candidates.map(({ generation, documents }): Planned => {
        const plan = planFleet(mergeFleets(documentsInForce(documents)), live, { nowMs })
        assignments.set(generation, plan.assignments)
        const revisions = new Map<string, string>()
        const faults: { agent: string; problems: string[] }[] = []
        for (const [agent, assignment] of plan.assignments) {
          const revision = revisionOf(JSON.stringify(assignment))
          revisions.set(agent, revision)
          const problems = passed.has(revision) || sound.has(revision) ? [] : assignmentFaults(assignment)
          if (problems.length === 0) passed.add(revision)
          else faults.push({ agent, problems: problems.slice(0, maxProblems) })
        }
        return { generation, revisions, faults }
      })
      sound = passed
      return planned
    },
    bodies: (generation, agentIds) => agentIds.map(id => JSON.stringify(assignments.get(generation)?.get(id))),
  }
}

/** Of the content alone: 128 bits of its SHA-256. */
export const revisionOf = (body: string): string => createHash('sha256').update(body).digest('base64url').slice(0, 22)
