/** From pairs and targets to what each agent is told. Targets are made once and shared: ten thousand agents name each other a million times. */
import type { AssignedCheck, AssignedTarget, Assignment } from '../../wire/assignment.ts'
import type { Kind } from '../../wire/result.ts'
import { agentPrefix } from '../fleet/place-rules.ts'
import { regionOf } from '../fleet/select.ts'
import { type Advertised, defaultPorts, type LiveAgent, type Service } from './live-agent.ts'
import type { Pairs } from './pairs.ts'
import { type PlannedCheck, serviceOf } from './planned-check.ts'
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

/** A port of an agent's responder, or the agent without any: its path MTU can be searched by echoes alone. */
export type Door = Service | 'host'

/** Where a check finds an agent; undefined where the agent has nothing that would answer it. */
export const doorOf = ({ serves }: LiveAgent, kind: Kind): Door | undefined => {
  // A responder answers nothing that it does not know; a closed port answers a trace of any protocol.
  if (kind === 'trace') return 'host'
  const service = serviceOf(kind)
  if (kind === 'icmp' || serves === undefined || serves.includes(service)) return service
  return kind === 'mtu' ? 'host' : undefined
}

/** `agent/<id>`, `agent/<id>/tls`, `agent/<id>/mtls`: one name per port of its responder; `agent/<id>/host` without one. */
export const agentTargets = (agents: readonly LiveAgent[]): ((index: number, at: Advertised, door: Door) => AssignedTarget) => {
  const made = new Map<Advertised, { [D in Door]?: AssignedTarget }>()
  const holders = new Map<string, number>()
  const hostAndPort = ({ host, ports }: Advertised, door: Door): string => {
    const bare = host.includes(':') ? `[${host}]` : host
    return door === 'host' ? bare : `${bare}:${ports?.[door] ?? defaultPorts[door]}`
  }
  for (const { advertise } of agents)
    for (const at of advertise) holders.set(hostAndPort(at, 'echo'), (holders.get(hostAndPort(at, 'echo')) ?? 0) + 1)
  return (index, at, door) => {
    const known = made.get(at) ?? {}
    made.set(at, known)
    const { id, location, spiffeId } = agents[index]!
    // Behind one address of a balancer any of its agents answers, and none of them is wrong.
    const isOwn = holders.get(hostAndPort(at, 'echo')) === 1
    known[door] ??= Object.freeze({
      name: `${agentPrefix}${id}${door === 'echo' ? '' : `/${door}`}`,
      address: hostAndPort(at, door),
      location: `${regionOf(location)}${location.zone === undefined ? '' : `/${location.zone}`}`,
      ...(isOwn && { agentId: id }),
      ...(isOwn && door === 'mtls' && spiffeId !== undefined && { expectId: spiffeId }),
    })
    return known[door]
  }
}

export const draftPairs = (
  drafts: Drafts,
  { agents, targets }: Pairs,
  reach: Reach,
  targetOf: ReturnType<typeof agentTargets>,
  checks: readonly PlannedCheck[],
): void => {
  // Checks that find every agent at the same door share one list.
  const groups = Map.groupBy(checks, planned => agents.map(agent => doorOf(agent, planned.assigned.kind) ?? '-').join())
  const lists = [...groups.values()].map(its => ({ its, doors: agents.map(agent => doorOf(agent, its[0]!.assigned.kind)) }))
  for (const [from, others] of targets.entries()) {
    if (!others.length) continue
    const draft = drafts.get(agents[from]!.id)!
    const addresses = others.map(to => reach.addressOf(from, to))
    for (const { its, doors } of lists) {
      const list = others.flatMap((to, index) => (doors[to] ? [targetOf(to, addresses[index]!, doors[to])] : []))
      if (!list.length) continue
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
