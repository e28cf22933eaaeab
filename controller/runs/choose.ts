/** Who runs what somebody asks for: pure, from the agents that are there now. */
import type { AssignedTarget } from '../../wire/assignment.ts'
import type { FleetLink, FleetTarget } from '../../wire/fleet.ts'
import { quote } from '../../wire/values.ts'
import { withoutOwner } from '../fleet/merge.ts'
import { regionOf } from '../fleet/select.ts'
import { agentTargets, type Door } from '../plan/assignments.ts'
import { hashText, score } from '../plan/hash.ts'
import type { LiveAgent } from '../plan/live-agent.ts'
import { reachOf } from '../plan/reach.ts'

export type Direction = 'forward' | 'reverse'
/** `targetFor`: where the agent finds what it is sent to, by the port that a check wants. `peer`: the agent at the other end, where there is one. */
export type Chosen = { agentId: string; direction: Direction; peer?: LiveAgent; targetFor: (door: Door) => AssignedTarget }
export type Choice = { ok: true; chosen: Chosen[]; isTarget: boolean } | { ok: false; status: 400 | 404 | 409; problem: string }

type Asked = { from: string; to: string; bothWays: boolean; agents: number }
type Known = {
  live: readonly LiveAgent[]
  targets: readonly FleetTarget[]
  links: readonly FleetLink[] /** Another choice for another run. */
  seed: string
}

export const chooseAgents = ({ from, to, bothWays, agents: wanted }: Asked, { live, targets, links, seed }: Known): Choice => {
  const [sources, others] = [agentsAt(from, live), agentsAt(to, live)]
  if (sources.length === 0) return nobody(from, live)
  const named = targets.find(({ name }) => name === to)
  const target = named && withoutOwner(named)
  if (target && others.length === 0) {
    if (bothWays)
      return { ok: false, status: 400, problem: `${to} is a target and runs nothing: leave bothWays out, or name a location with agents` }
    const chosen = ranked(sources, seed).slice(0, wanted)
    return { ok: true, isTarget: true, chosen: chosen.map(({ id }) => ({ agentId: id, direction: 'forward', targetFor: () => target })) }
  }
  if (others.length === 0) return nobody(to, live)
  const forward = pairUp(sources, others, { direction: 'forward', links, seed, wanted })
  const reverse = bothWays ? pairUp(others, sources, { direction: 'reverse', links, seed, wanted }) : []
  const missing = forward.length === 0 ? `${from} to ${to}` : bothWays && reverse.length === 0 ? `${to} to ${from}` : undefined
  if (missing !== undefined)
    return { ok: false, status: 409, problem: `from ${missing} no agent advertises an address that the other side can reach` }
  return { ok: true, isTarget: false, chosen: [...forward, ...reverse] }
}

/** Of a region, of one of its zones, or the one of that id. */
const agentsAt = (place: string, live: readonly LiveAgent[]): LiveAgent[] =>
  live.filter(({ id, location }) => id === place || place === regionOf(location) || place === `${regionOf(location)}/${location.zone}`)

const nobody = (place: string, live: readonly LiveAgent[]): Choice => {
  const places = [...new Set(live.map(({ location }) => regionOf(location)))].sort((a, b) => (a < b ? -1 : 1)).slice(0, 10)
  const there = places.length > 0 ? `; there are agents in ${places.join(', ')}` : '; there is no agent at all'
  return { ok: false, status: 404, problem: `no agent, and nothing else, is ${quote(place)} now${there}` }
}

const ranked = (agents: readonly LiveAgent[], seed: string): LiveAgent[] => {
  const slot = hashText(seed)
  return agents.toSorted((a, b) => score(slot, hashText(b.id)) - score(slot, hashText(a.id)) || (a.id < b.id ? -1 : 1))
}

type Pairing = { direction: Direction; links: readonly FleetLink[]; seed: string; wanted: number }

/** Different agents at both ends as long as there are any. */
const pairUp = (sources: readonly LiveAgent[], others: readonly LiveAgent[], { direction, links, seed, wanted }: Pairing): Chosen[] => {
  const [from, to] = [ranked(sources, seed), ranked(others, seed)]
  const all = [...new Set([...from, ...to])]
  const indexOf = new Map(all.map((agent, index) => [agent.id, index]))
  const reach = reachOf(all, links)
  const targetOf = agentTargets(all)
  const chosen: Chosen[] = []
  for (const [turn, { id }] of from.slice(0, wanted).entries()) {
    const source = indexOf.get(id)!
    const peers = to.map((_, at) => indexOf.get(to[(at + turn) % to.length]!.id)!)
    const peer = peers.find(other => other !== source && reach.canReach(source, other))
    if (peer === undefined) continue
    const at = reach.addressOf(source, peer)
    chosen.push({ agentId: id, direction, peer: all[peer]!, targetFor: door => targetOf(peer, at, door) })
  }
  return chosen
}
