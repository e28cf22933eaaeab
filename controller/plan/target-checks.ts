/** Who probes the targets that are not agents: of each region so many agents per target, by rendezvous hashing. */
import type { FleetCheck, FleetTarget } from '../../wire/fleet.ts'
import { regionOf, selects } from '../fleet/select.ts'
import { combine, hashText, score } from './hash.ts'
import type { LiveAgent } from './live-agent.ts'

/** Runners take only checks that name them, and no others do. */
const runsAs = ({ runner }: LiveAgent, { as }: FleetCheck): boolean =>
  as === 'agent' ? !runner : runner !== undefined && runner.namespace === as.namespace && runner.serviceAccount === as.serviceAccount

export type Probed = { target: FleetTarget; agents: LiveAgent[] }

/** `agents` are sorted by ID. */
export const planTargets = (check: FleetCheck, targets: readonly FleetTarget[], agents: readonly LiveAgent[]): Probed[] => {
  const regions = Map.groupBy(
    agents.filter(agent => runsAs(agent, check) && selects(check.from, agent)).map(agent => ({ agent, hash: hashText(agent.id) })),
    ({ agent }) => regionOf(agent.location),
  )
  return targets.map(target => {
    const slot = combine(hashText(check.name), hashText(target.name))
    const chosen = [...regions.values()].flatMap(members => highest(members, check.perLink, slot))
    return { target, agents: chosen.map(({ agent }) => agent) }
  })
}

type Member = { agent: LiveAgent; hash: number }

/** One pass: regions may have thousands of agents and checks thousands of targets. */
const highest = (members: readonly Member[], count: number, slot: number): Member[] => {
  if (members.length <= count) return [...members]
  const found: { member: Member; points: number }[] = []
  for (const member of members) {
    const points = score(slot, member.hash)
    if (found.length === count && points <= found[count - 1]!.points) continue
    const at = found.findIndex(one => one.points < points)
    found.splice(at < 0 ? found.length : at, 0, { member, points })
    if (found.length > count) found.pop()
  }
  return found.map(({ member }) => member)
}

/** A check without targets is for all of them, unless it is what a mesh runs. */
export const targetsOf = (check: FleetCheck, targets: readonly FleetTarget[], inMesh: ReadonlySet<string>): FleetTarget[] => {
  if (check.targets) return targets.filter(({ name }) => check.targets!.includes(name))
  return inMesh.has(check.name) ? [] : [...targets]
}
