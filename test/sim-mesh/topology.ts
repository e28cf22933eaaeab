/** Clouds, regions, zones, nodes, agents, services; and the elements between them, one for each direction. */

import type { Home } from '../../controller/localise/place.ts'
import { combine, hashText } from '../../controller/plan/hash.ts'
import type { Element } from './element.ts'
import { pick } from './random.ts'

export type End = Required<Home> & { name: string; isAgent: boolean; trustDomain: string }
export type World = {
  agents: End[]
  services: End[]
  regions: string[]
  hubs: readonly string[]
  element: (name: string) => Element
  /** The way of packets from one end to another. */
  route: (from: End, to: End) => Element[]
  hubBetween: (from: End, to: End) => string | undefined
}
export type Shape = {
  clouds: number
  regionsPerCloud: number
  zonesPerRegion: number
  agents: number
  agentsPerNode: number
  servicesPerRegion: number
}

const cloudNames = ['aws', 'azure', 'gcp', 'oci', 'onprem', 'edge']

/** Clouds that share no interconnect meet at a hub: the first with the last. */
const hubs = ['hub-a', 'hub-b'] as const

const buildEnds = (shape: Shape, random: () => number): { agents: End[]; services: End[]; regions: string[] } => {
  const clouds = cloudNames.slice(0, shape.clouds)
  const regions = clouds.flatMap(cloud => Array.from({ length: shape.regionsPerCloud }, (_, i) => `${cloud}/r${i}`))
  const zoneOf = (index: number): Omit<Required<Home>, 'node'> => {
    const region = regions[index % regions.length]!
    const zone = `${region}/${'abcdef'[Math.floor(index / regions.length) % shape.zonesPerRegion]}`
    return { zone, region, cloud: region.split('/')[0]! }
  }
  const stride = regions.length * shape.zonesPerRegion
  const agents = Array.from({ length: shape.agents }, (_, i): End => {
    const home = zoneOf(i)
    const node = `${home.zone}/node-${Math.floor(Math.floor(i / stride) / shape.agentsPerNode)}`
    return { ...home, node, name: `agent-${i}`, isAgent: true, trustDomain: `${home.cloud}.example` }
  })
  const services = Array.from({ length: regions.length * shape.servicesPerRegion }, (_, i): End => {
    const home = zoneOf((i % regions.length) + regions.length * Math.floor(random() * shape.zonesPerRegion))
    return { ...home, node: `host-${i}`, name: `service-${i}`, isAgent: false, trustDomain: `${home.cloud}.example` }
  })
  return { agents, services, regions }
}

export const buildWorld = (shape: Shape, random: () => number): World => {
  const ends = buildEnds(shape, random)
  const elements = new Map<string, Element>()
  const element = (name: string): Element => {
    const known = elements.get(name)
    if (known) return known
    const fresh = { name, troubles: [] }
    elements.set(name, fresh)
    return fresh
  }
  const [first, last] = [cloudNames[0], cloudNames[shape.clouds - 1]]
  /** Forward and return usually take the same hub; one region pair in seven comes back through the other one. */
  const hubBetween = (from: End, to: End): string | undefined => {
    if (shape.clouds < 3 || !((from.cloud === first && to.cloud === last) || (from.cloud === last && to.cloud === first))) return undefined
    const pair = combine(...[hashText(from.region), hashText(to.region)].sort((a, b) => a - b))
    const isOdd = pair % 7 === 0 && from.region < to.region
    return hubs[(pair + (isOdd ? 1 : 0)) % 2]
  }
  const between = (from: End, to: End): string[] => {
    if (from.region === to.region) return []
    const hub = hubBetween(from, to)
    const crossing = from.cloud === to.cloud ? [] : [`interconnect ${from.cloud}>${to.cloud}`]
    return [
      `region ${from.region} out`,
      ...crossing,
      ...(hub ? [`hub ${hub}`] : []),
      `link ${from.region}>${to.region}`,
      `region ${to.region} in`,
    ]
  }
  const known = new Map<string, Element[]>()
  const middle = (from: End, to: End): Element[] => {
    const key = `${from.zone} ${to.zone}`
    let way = known.get(key)
    if (!way) {
      const zones = from.zone === to.zone ? { out: [], in: [] } : { out: [`zone ${from.zone} out`], in: [`zone ${to.zone} in`] }
      way = [...zones.out, ...between(from, to), ...zones.in].map(element)
      known.set(key, way)
    }
    return way
  }
  const route = (from: End, to: End): Element[] => [
    element(`agent ${from.name} out`),
    element(`node ${from.node} out`),
    ...middle(from, to),
    element(`node ${to.node} in`),
    element(`agent ${to.name} in`),
  ]
  return { ...ends, hubs, element, route, hubBetween }
}

export type Pair = { from: End; to: End; families: readonly (4 | 6)[]; hub: string | undefined; forward: Element[]; back: Element[] }

/** Each agent probes others, all of them or `degree` of them, spread over regions; services are probed by eight agents. Every third pair has IPv6 too. */
export const planPairs = (world: World, degree: number, random: () => number): Pair[] => {
  const byRegion = new Map(world.regions.map(region => [region, world.agents.filter(agent => agent.region === region)]))
  const pairOf = (from: End, to: End): Pair => ({
    from,
    to,
    families: random() < 1 / 3 ? [4, 6] : [4],
    hub: world.hubBetween(from, to),
    forward: world.route(from, to),
    back: world.route(to, from),
  })
  const chosen = (from: End): End[] => {
    if (world.agents.length <= degree) return world.agents.filter(to => to !== from)
    const found = new Set<End>()
    for (let turn = 0; found.size < degree && turn < 4 * degree; turn++) found.add(pick(byRegion.get(pick(world.regions, random))!, random))
    found.delete(from)
    return [...found]
  }
  const mesh = world.agents.flatMap(from => chosen(from).map(to => pairOf(from, to)))
  const asked = world.services.flatMap(to => Array.from({ length: 8 }, () => pairOf(pick(world.agents, random), to)))
  return [...mesh, ...new Map(asked.map(pair => [`${pair.from.name} ${pair.to.name}`, pair])).values()]
}
