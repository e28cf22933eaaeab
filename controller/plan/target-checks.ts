/** Who probes the targets that are not agents: of each region so many agents per target, by rendezvous hashing. */
import type { FleetCheck, FleetTarget } from '../../wire/fleet.ts'
import { type Kind, kinds } from '../../wire/result.ts'
import { regionOf, selects } from '../fleet/select.ts'
import { combine, hashText, highest } from './hash.ts'
import type { LiveAgent } from './live-agent.ts'
import type { PlannedFleet } from './plan.ts'

/** Runners take only checks that name them, and no others do. */
const runsAs = ({ runner }: LiveAgent, { as }: FleetCheck): boolean =>
  as === 'agent' ? !runner : runner !== undefined && runner.namespace === as.namespace && runner.serviceAccount === as.serviceAccount

export type Probed = { target: FleetTarget; agents: LiveAgent[] }

/** `agents` are sorted by ID. */
export const planTargets = (check: FleetCheck, targets: readonly FleetTarget[], agents: readonly LiveAgent[]): Probed[] => {
  const able = agents.filter(agent => runsAs(agent, check) && selects(check.from, agent))
  const regions = [...Map.groupBy(able, ({ location }) => regionOf(location)).values()].map(members => ({
    members,
    hashes: Uint32Array.from(members, ({ id }) => hashText(id)),
  }))
  return targets.map(target => {
    const slot = combine(hashText(check.name), hashText(target.name))
    const chosen = regions.flatMap(({ members, hashes }) => highest(hashes, slot, check.perLink, () => true).map(index => members[index]!))
    return { target, agents: chosen }
  })
}

/** What the fleet measures on a target, whoever does it. */
export const kindsOn = (target: string, { checks, targets, mesh }: Pick<PlannedFleet, 'checks' | 'targets' | 'mesh'>): Kind[] => {
  const inMesh = new Set(mesh.flatMap(one => one.checks))
  const own = checks.filter(check => check.as === 'agent' && targetsOf(check, targets, inMesh).some(({ name }) => name === target))
  return kinds.filter(kind => own.some(check => check.kind === kind))
}

/** A check without targets is for all of them, unless it is what a mesh runs. */
export const targetsOf = (check: FleetCheck, targets: readonly FleetTarget[], inMesh: ReadonlySet<string>): FleetTarget[] => {
  if (check.targets) return targets.filter(({ name }) => check.targets!.includes(name))
  return inMesh.has(check.name) ? [] : [...targets]
}
