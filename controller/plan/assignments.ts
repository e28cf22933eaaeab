/** From pairs and targets to what each agent is told. Targets are made once and shared: ten thousand agents name each other a million times. */
import type { AssignedCheck, AssignedTarget, Assignment } from '../../wire/assignment.ts'
import { agentPrefix } from '../fleet/place-rules.ts'
import { regionOf } from '../fleet/select.ts'
import { type Advertised, defaultPorts, type LiveAgent, type Service } from './live-agent.ts'
import type { Pairs } from './pairs.ts'
import type { PlannedCheck } from './planned-check.ts'
import type { Reach } from './reach.ts'

/** Lists as they were made: several, where several meshes or checks have the same. */
type Draft = { targets: (readonly AssignedTarget[])[]; checks: Map<string, { planned: PlannedCheck; targets: (readonly string[])[] }> }
export type Drafts = Map<string, Draft>

export const newDrafts = (agents: readonly LiveAgent[]): Drafts => new Map(agents.map(({ id }) => [id, { targets: [], checks: new Map() }]))

const draftChecks = (draft: Draft, planned: PlannedCheck, names: readonly string[]): void => {
  const entry = draft.checks.get(planned.check.name)
  if (entry) entry.targets.push(names)
  else draft.checks.set(planned.check.name, { planned, targets: [names] })
}

export const draftTarget = (drafts: Drafts, agentId: string, planned: PlannedCheck, target: AssignedTarget): void => {
  const draft = drafts.get(agentId)!
  draft.targets.push([target])
  draftChecks(draft, planned, [target.name])
}

/** How many paths of each check an agent has. */
export const pathCounts = (draft: Draft): { everyMs: number; count: number }[] =>
  [...draft.checks.values()].map(({ planned, targets }) => ({ everyMs: planned.everyMs, count: namesOf(targets).length }))

const namesOf = (lists: readonly (readonly string[])[]): readonly string[] =>
  lists.length === 1 ? lists[0]! : [...new Set(lists.flat())].sort()

/** `agent/<id>`, `agent/<id>/tls`, `agent/<id>/mtls`: one name per port of its responder. */
export const agentTargets = (agents: readonly LiveAgent[]): ((index: number, at: Advertised, service: Service) => AssignedTarget) => {
  const made = new Map<Advertised, { [S in Service]?: AssignedTarget }>()
  const holders = new Map<string, number>()
  const hostAndPort = ({ host, ports }: Advertised, service: Service): string => {
    const port = ports?.[service] ?? defaultPorts[service]
    return `${host.includes(':') ? `[${host}]` : host}:${port}`
  }
  for (const { advertise } of agents)
    for (const at of advertise) holders.set(hostAndPort(at, 'echo'), (holders.get(hostAndPort(at, 'echo')) ?? 0) + 1)
  return (index, at, service) => {
    const known = made.get(at) ?? {}
    made.set(at, known)
    const { id, location, spiffeId } = agents[index]!
    // Behind one address of a balancer any of its agents answers, and none of them is wrong.
    const isOwn = holders.get(hostAndPort(at, 'echo')) === 1
    known[service] ??= Object.freeze({
      name: `${agentPrefix}${id}${service === 'echo' ? '' : `/${service}`}`,
      address: hostAndPort(at, service),
      location: `${regionOf(location)}${location.zone === undefined ? '' : `/${location.zone}`}`,
      ...(isOwn && { agentId: id }),
      ...(isOwn && service === 'mtls' && spiffeId !== undefined && { expectId: spiffeId }),
    })
    return known[service]
  }
}

export const draftPairs = (
  drafts: Drafts,
  { agents, targets }: Pairs,
  reach: Reach,
  targetOf: ReturnType<typeof agentTargets>,
  checks: readonly PlannedCheck[],
): void => {
  const services = Map.groupBy(checks, ({ service }) => service)
  for (const [from, others] of targets.entries()) {
    if (!others.length) continue
    const draft = drafts.get(agents[from]!.id)!
    const addresses = others.map(to => reach.addressOf(from, to))
    for (const [service, its] of services) {
      const list = others.map((to, index) => targetOf(to, addresses[index]!, service))
      const names = Object.freeze(list.map(({ name }) => name))
      draft.targets.push(list)
      for (const planned of its) draftChecks(draft, planned, names)
    }
  }
}

/** Frozen, sorted by name: the same drafts make the same bytes whatever the order they were made in. */
export const finish = (drafts: Drafts): Map<string, Assignment> => {
  const assignments = new Map<string, Assignment>()
  for (const [id, { targets, checks }] of drafts) {
    const assigned = [...checks.values()].map(
      ({ planned, targets }): AssignedCheck => Object.freeze({ ...planned.assigned, targets: Object.freeze(namesOf(targets)) as string[] }),
    )
    const unique = targets.length === 1 ? targets[0]! : new Map(targets.flat().map(target => [target.name, target])).values()
    assignments.set(
      id,
      Object.freeze({ targets: Object.freeze([...unique].sort(byName)), checks: Object.freeze(assigned.sort(byName)) }) as Assignment,
    )
  }
  return assignments
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
