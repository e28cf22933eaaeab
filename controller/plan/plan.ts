/**
 * Who probes what: a pure function of the fleet, the live agents and the time. The same on every replica, whatever the order of its arguments; who
 * joins or leaves moves only what it must. What it costs is in the summary.
 */
import type { Assignment } from '../../wire/assignment.ts'
import type { FleetCheck, FleetLink, FleetPrice, FleetTarget, Mesh } from '../../wire/fleet.ts'
import { withoutOwner } from '../fleet/merge.ts'
import { type Location, selects } from '../fleet/select.ts'
import { agentTargets, type Drafts, draftPairs, draftTarget, finish, newDrafts, pathCounts } from './assignments.ts'
import { type Coverage, coverageOf } from './coverage.ts'
import { byId, isEligible, type LiveAgent } from './live-agent.ts'
import { addPairs, addTargets, addTelemetry, type Loads } from './loads.ts'
import { type Pairs, planPairs } from './pairs.ts'
import { type PlannedCheck, plannedChecks } from './planned-check.ts'
import { priceLookup } from './price.ts'
import { reachOf } from './reach.ts'
import { type AtLimit, type Idle, linkSummaries, type PlanSummary, summarise } from './summary.ts'
import { planTargets, targetsOf } from './target-checks.ts'

/** What planning needs of a fleet: one owner's document or all of them merged. */
export type PlannedFleet = {
  targets: readonly FleetTarget[]
  checks: readonly FleetCheck[]
  mesh: readonly Mesh[]
  links: readonly FleetLink[]
  prices: readonly FleetPrice[]
}
/** `nowMs` moves the rotation of sampled meshes on and nothing else. `controller`: where telemetry goes; without it, it is counted to `elsewhere`. */
export type Circumstances = { nowMs: number; controller?: Location }
/** `assignments` has every live agent, also those that have nothing to do. */
export type Plan = { assignments: ReadonlyMap<string, Assignment>; summary: PlanSummary }

/** What an agent runs without being told otherwise. */
const probesPerSecond = 200

export const planFleet = (fleet: PlannedFleet, live: readonly LiveAgent[], { nowMs, controller }: Circumstances): Plan => {
  const agents = live.toSorted(byId)
  const eligible = agents.filter(isEligible)
  const drafts = newDrafts(agents)
  const checks = plannedChecks(fleet.checks)
  const loads: Loads = new Map()
  const meshes = fleet.mesh
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(mesh => planMesh(mesh, fleet, eligible, checks, { drafts, loads, nowMs }))
  const idle = planChecks(fleet, eligible, checks, { drafts, loads })
  const rates = addRates(eligible, drafts, loads, controller)
  const links = linkSummaries(loads, priceLookup(fleet))
  const summary = summarise(
    links,
    meshes.map(({ coverage }) => coverage),
    {
      agents: eligible.length,
      idle,
      atLimit: [...meshes.flatMap(({ pairs }) => atLimit(pairs)), ...rates],
      underProbed: meshes.flatMap(({ pairs }) => underProbed(pairs)),
    },
  )
  return { assignments: finish(drafts), summary }
}

type Made = { drafts: Drafts; loads: Loads }

const planMesh = (
  mesh: Mesh,
  fleet: PlannedFleet,
  eligible: readonly LiveAgent[],
  checks: ReadonlyMap<string, PlannedCheck>,
  { drafts, loads, nowMs }: Made & { nowMs: number },
): { pairs: Pairs; coverage: Coverage } => {
  const members = eligible.filter(agent => !agent.runner && selects(mesh.from, agent))
  const reach = reachOf(members, fleet.links)
  const pairs = planPairs(mesh, members, reach, nowMs)
  const own = mesh.checks.flatMap(name => checks.get(name) ?? [])
  draftPairs(drafts, pairs, reach, agentTargets(members), own)
  addPairs(loads, pairs, own)
  return { pairs, coverage: coverageOf(pairs, reach) }
}

const planChecks = (
  fleet: PlannedFleet,
  eligible: readonly LiveAgent[],
  checks: ReadonlyMap<string, PlannedCheck>,
  { drafts, loads }: Made,
): Idle[] => {
  const inMesh = new Set(fleet.mesh.flatMap(mesh => mesh.checks))
  return fleet.checks
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((check): Idle[] => {
      const planned = checks.get(check.name)!
      const targets = targetsOf(check, fleet.targets, inMesh)
      const probed = planTargets(check, targets, eligible)
      for (const one of probed) {
        const target = withoutOwner(one.target)
        for (const { id } of one.agents) draftTarget(drafts, id, planned, target)
        addTargets(loads, one, planned)
      }
      if (targets.length) return probed.some(({ agents }) => agents.length) ? [] : [{ check: check.name, why: 'agents' }]
      return inMesh.has(check.name) ? [] : [{ check: check.name, why: 'targets' }]
    })
}

/** Telemetry of every agent, and those that run more than an agent does. */
const addRates = (eligible: readonly LiveAgent[], drafts: Drafts, loads: Loads, controller: Location | undefined): AtLimit[] =>
  eligible.flatMap((agent): AtLimit[] => {
    const paths = pathCounts(drafts.get(agent.id)!)
    addTelemetry(loads, agent, paths, controller)
    const value = paths.reduce((sum, { everyMs, count }) => sum + (count * 1000) / everyMs, 0)
    return value > probesPerSecond ? [{ agent: agent.id, limit: 'probesPerSecond', value, most: probesPerSecond }] : []
  })

const atLimit = ({ mesh, agents, targets }: Pairs): AtLimit[] =>
  agents.flatMap(({ id }, index): AtLimit[] => {
    const value = targets[index]!.length
    return value < mesh.maxTargets || value >= agents.length - 1
      ? []
      : [{ agent: id, limit: 'maxTargets', mesh: mesh.name, value, most: mesh.maxTargets }]
  })

const underProbed = ({ mesh, agents, probers }: Pairs): PlanSummary['underProbed'] =>
  agents.flatMap(({ id }, index) => {
    const count = probers[index]!.length
    return count < mesh.inDegree ? [{ agent: id, mesh: mesh.name, probers: count, wanted: mesh.inDegree }] : []
  })
