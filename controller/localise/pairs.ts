/**
 * Paths by the pair they run between: agent, target and address family. The checks of a pair see the same network, so a pair is one witness,
 * however many checks it has. Numbers in arrays: a million paths are grouped in a fraction of a second.
 */
import { mix } from '../plan/hash.ts'
import { locatedKinds } from './place.ts'
import type { PathVerdict } from './verdict.ts'
import { vouchMask } from './witness.ts'

/** Names and the numbers that stand for them; −1 is "not known". */
export type Names = { readonly list: string[]; idOf: (name: string | undefined) => number }
const startNames = (): Names => {
  const ids = new Map<string, number>()
  const list: string[] = []
  const idOf = (name: string | undefined): number => {
    if (name === undefined) return -1
    let id = ids.get(name)
    if (id === undefined) {
      id = list.push(name) - 1
      ids.set(name, id)
    }
    return id
  }
  return { list, idOf }
}

/** How many kinds of place something stands in: agent, node, zone, region, cloud. */
export const levels = locatedKinds.length

export type Pairs = {
  count: number
  /** Per path: its pair. */
  ofPath: Int32Array
  /** Per pair. */
  agent: Int32Array
  target: Int32Array
  family: Uint8Array
  hub: Int32Array
  /** The hub by which pairs of the same regions run the other way, where it is another one: answers may take it. */
  backHub: Int32Array
  trustDomain: Int32Array
  issuer: Int32Array
  /** Per agent: the trust domain that it shows when it is probed itself, or −1. */
  ownTrustDomain: Int32Array
  /** The layers that a good verdict of the pair speaks for: one bit per rank. */
  vouched: Uint16Array
  /** How many of its paths are good, at most 255. */
  good: Uint8ClampedArray
  /** Per agent and level, per target and level: the number of the name of where it stands. */
  agentHome: number[]
  targetHome: number[]
  agents: Names
  targets: Names
  hubs: Names
  trustDomains: Names
  issuers: Names
  /** The names of each level. */
  places: readonly Names[]
}

const emptyPairs = (size: number): Pairs => ({
  count: 0,
  ofPath: new Int32Array(size),
  agent: new Int32Array(size),
  target: new Int32Array(size),
  family: new Uint8Array(size),
  hub: new Int32Array(size),
  backHub: new Int32Array(size).fill(-1),
  trustDomain: new Int32Array(size),
  issuer: new Int32Array(size),
  ownTrustDomain: new Int32Array(size).fill(-1),
  vouched: new Uint16Array(size),
  good: new Uint8ClampedArray(size),
  agentHome: [],
  targetHome: [],
  agents: startNames(),
  targets: startNames(),
  hubs: startNames(),
  trustDomains: startNames(),
  issuers: startNames(),
  places: locatedKinds.map(startNames),
})

const readHomes = (pairs: Pairs, agent: number, target: number, path: PathVerdict): void => {
  const [agents, nodes, zones, regions, clouds] = pairs.places as [Names, Names, Names, Names, Names]
  if (agent * levels === pairs.agentHome.length) {
    const { node, zone, region, cloud } = path
    pairs.agentHome.push(agents.idOf(path.agent), nodes.idOf(node), zones.idOf(zone), regions.idOf(region), clouds.idOf(cloud))
  }
  if (target * levels === pairs.targetHome.length) {
    const { toAgent, toNode, toZone, toRegion, toCloud } = path
    pairs.targetHome.push(agents.idOf(toAgent), nodes.idOf(toNode), zones.idOf(toZone), regions.idOf(toRegion), clouds.idOf(toCloud))
  }
}

/** Finds the pair's number, or gives it one: an open-addressed table of at most half its slots used. */
const startFinding = (pairs: Pairs, size: number): ((agent: number, target: number, family: number) => number) => {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2, size * 2))) - 1
  const slots = new Int32Array(mask + 1).fill(-1)
  return (agent, target, family) => {
    for (let slot = mix(Math.imul(agent, 0x9e3779b1) ^ Math.imul(target, 0x85ebca77) ^ family) & mask; ; slot = (slot + 1) & mask) {
      const pair = slots[slot]!
      if (pair === -1) {
        slots[slot] = pairs.count
        pairs.agent[pairs.count] = agent
        pairs.target[pairs.count] = target
        pairs.family[pairs.count] = family
        pairs.hub[pairs.count] = pairs.trustDomain[pairs.count] = pairs.issuer[pairs.count] = -1
        return pairs.count++
      }
      if (pairs.agent[pair] === agent && pairs.target[pair] === target && pairs.family[pair] === family) return pair
    }
  }
}

/** The region is the last but one of the levels. */
const regionAt = levels - 2

const readBackHubs = (pairs: Pairs): void => {
  if (pairs.hubs.list.length < 2) return
  const width = pairs.places[regionAt]!.list.length
  const ends = (pair: number): [number, number] => [
    pairs.agentHome[pairs.agent[pair]! * levels + regionAt]!,
    pairs.targetHome[pairs.target[pair]! * levels + regionAt]!,
  ]
  const hubOf = new Map<number, number>()
  for (let pair = 0; pair < pairs.count; pair++) {
    const [from, to] = ends(pair)
    if (from >= 0 && to >= 0 && pairs.hub[pair]! >= 0) hubOf.set(from * width + to, pairs.hub[pair]!)
  }
  for (let pair = 0; pair < pairs.count; pair++) {
    const [from, to] = ends(pair)
    const hub = from >= 0 && to >= 0 ? hubOf.get(to * width + from) : undefined
    if (hub !== undefined && hub !== pairs.hub[pair]) pairs.backHub[pair] = hub
  }
}

const readOwnTrustDomains = (pairs: Pairs): void => {
  const ofPlace = new Int32Array(pairs.places[0]!.list.length).fill(-1)
  for (let pair = 0; pair < pairs.count; pair++) {
    const place = pairs.targetHome[pairs.target[pair]! * levels]!
    if (place >= 0 && pairs.trustDomain[pair]! >= 0) ofPlace[place] = pairs.trustDomain[pair]!
  }
  for (let agent = 0; agent < pairs.agents.list.length; agent++) pairs.ownTrustDomain[agent] = ofPlace[pairs.agentHome[agent * levels]!]!
}

/** An agent, and a target, stands where its first path says. */
export const groupPaths = (paths: readonly PathVerdict[]): Pairs => {
  const pairs = emptyPairs(paths.length)
  const find = startFinding(pairs, paths.length)
  let [agent, target, pair] = [-1, -1, -1]
  let last: PathVerdict | undefined
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index]!
    // Paths mostly come agent by agent and target by target.
    const isSame = last !== undefined && last.agent === path.agent && last.target === path.target
    if (!isSame) {
      if (last?.agent !== path.agent) agent = pairs.agents.idOf(path.agent)
      target = pairs.targets.idOf(path.target)
      readHomes(pairs, agent, target, path)
    }
    if (!isSame || last?.family !== path.family) pair = find(agent, target, path.family ?? 0)
    last = path
    pairs.ofPath[index] = pair
    if (path.via !== undefined) pairs.hub[pair] = pairs.hubs.idOf(path.via)
    if (path.trustDomain !== undefined) pairs.trustDomain[pair] = pairs.trustDomains.idOf(path.trustDomain)
    if (path.issuer !== undefined) pairs.issuer[pair] = pairs.issuers.idOf(path.issuer)
    if (path.verdict !== 'good') continue
    pairs.vouched[pair]! |= vouchMask(path.kind)
    pairs.good[pair]!++
  }
  readOwnTrustDomains(pairs)
  readBackHubs(pairs)
  return pairs
}
