/**
 * Everything between one site and another, in one direction: the gateway's link, then one of the routes. Several routes in use are equal-cost
 * paths, chosen by flow. A failover loses what enters it until the next route stands. Clock and chance are arguments.
 */
import { carry, type Delivery, type Direction, eatsErrors, type Hop, newDirection, pass } from './hop.ts'
import { type Parsed, parsePacket } from './ip-packet.ts'
import { changeLink, perfectLink } from './link.ts'
import { buildRouters, type RouteChange, type Router } from './route.ts'
import { crossRouters, newLimits } from './routers.ts'

export type Route = {
  name: string
  /** Its position among all routes of the network: what its routers' addresses are made of. */
  number: number
  /** Between the gateway and the first router. */
  link: Direction
  routers: Router[]
  limits: ReturnType<typeof newLimits>
  loop: boolean
}

export type Way = {
  access: Direction
  routes: Map<string, Route>
  /** Names of the routes in use; none where there are no routes, and the gateway's link ends at the site. */
  use: string[]
  failover?: Failover
}

/** One entry of the log of failovers, in ms of the WAN's clock. */
export type Failover = {
  from: string
  to: string
  before: string[]
  after: string[]
  beganAtMs: number
  /** When the next route carries packets; ahead of now while it is under way. */
  endsAtMs: number
  /** Packets lost so far. */
  lost: number
}

export const newWay = (): Way => ({ access: newDirection(perfectLink), routes: new Map(), use: [] })

export const newRoute = (name: string, number: number): Route => ({
  name,
  number,
  link: newDirection(perfectLink),
  routers: [],
  limits: newLimits([]),
  loop: false,
})

export function changeRoute(route: Route, { hops, loop, ...change }: { [K in keyof RouteChange]: RouteChange[K] | null }): void {
  route.link.link = changeLink(route.link.link, change as RouteChange)
  route.loop = loop ?? route.loop
  if (hops === undefined || hops === null) return
  route.routers = buildRouters(hops)
  route.limits = newLimits(route.routers)
}

/** Takes a packet from the gateway to the site, `back` being the way of the answers. Changes the packet's bytes and the states. */
export function travel(packet: Parsed, way: Way, back: Way, hop: Hop): Delivery[] {
  const deliveries = carry(packet, way.access, back.access, hop)
  if (way.use.length === 0) return deliveries
  return deliveries.flatMap(delivery => (delivery.back ? [delivery] : travelRoute(delivery, way, back, hop)))
}

function travelRoute({ bytes, delayMs }: Delivery, way: Way, back: Way, hop: Hop): Delivery[] {
  const packet = parsePacket(bytes)
  const route = packet && chooseRoute(way, packet)
  if (!packet || !route) return []
  if (way.failover && hop.nowMs < way.failover.endsAtMs) {
    way.failover.lost++
    route.link.counters.packets++
    route.link.counters.dropped.failover++
    return []
  }
  const opposite = chooseRoute(back, packet)
  return pass(packet, route.link, opposite?.link ?? back.access, { ...hop, nowMs: hop.nowMs + delayMs }).flatMap(passed => {
    const delivery = { ...passed, delayMs: delayMs + passed.delayMs }
    if (delivery.back) return eatsErrors(back.access) ? [] : [delivery]
    if (route.routers.length === 0) return [delivery]
    return crossRouters(delivery, { enteredMs: delayMs, route, opposite, back, hop })
  })
}

/** The route of a packet: of several in use the one that its flow falls on (RFC 2992: a hash modulo the number of next hops). */
export function chooseRoute(way: Way, packet: Parsed): Route | undefined {
  const { use } = way
  return way.routes.get(use[use.length > 1 ? flowHash(packet) % use.length : 0] ?? '')
}

/**
 * What real routers hash: addresses, protocol, and the first four bytes of the upper layer. Those are the ports; of ICMP they are type, code and
 * checksum, so that echoes of one flow need one checksum (Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", IMC 2006).
 * Fragments have no ports. FNV-1a with the final mix of MurmurHash3.
 */
export function flowHash({ bytes, source, destination, protocol, transportAt, fragmentOffset, moreFragments }: Parsed): number {
  const ports = fragmentOffset > 0 || moreFragments ? '' : bytes.toString('latin1', transportAt, transportAt + 4)
  const flow = `${source}${destination}${String.fromCharCode(protocol)}${ports}`
  let hash = 0x811c9dc5
  for (let at = 0; at < flow.length; at++) hash = Math.imul(hash ^ flow.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Checks that all routes exist. Throws with what there is. */
export function routesNamed(way: Way, names: readonly string[]): string[] {
  const unknown = names.filter(name => !way.routes.has(name))
  if (unknown.length > 0 || names.length === 0)
    throw new Error(
      `unknown route ${JSON.stringify(unknown[0] ?? '')}: want one of ${[...way.routes.keys()].join(', ') || 'none: it has no routes'}`,
    )
  return [...names]
}
