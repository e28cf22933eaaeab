/** The WAN between the sites: finds each packet's direction, carries it, and keeps what is on its way. Clock and chance are arguments. */
import { answer, type Hop, newDirection } from './hop.ts'
import { octets, type Parsed, parsePacket } from './ip-packet.ts'
import { type Counters, changeLink, type Link, perfectLink } from './link.ts'
import type { Site } from './plan.ts'
import { type RouteChange, type RouteOptions, routerAddress } from './route.ts'
import { changeRoute, type Failover, newRoute, newWay, routesNamed, travel, type Way } from './way.ts'

/** A packet that is due at a site. */
export type Due = { bytes: Buffer; site: number; atMs: number }

export type Wan = {
  /** A packet from a site (its position in the list), seen at `nowMs`: what to deliver and when. Nothing for what is not the WAN's business. */
  receive: (site: number, bytes: Buffer, nowMs: number) => Due[]
  setLink: (from: string, to: string, change: Partial<Link>) => void
  /** By `from` and `to`. */
  counters: () => Record<string, Record<string, Counters>>
  /** These throw where there is no such route. */
  setRoute: (from: string, to: string, name: string, change: RouteChange) => void
  /** The routes that carry packets from now on: several are equal-cost paths, chosen by flow. */
  useRoutes: (from: string, to: string, names: string[]) => void
  /** Loses what is sent for `tookMs` from `nowMs` on and then uses other routes, in one or both directions. Throws during another failover. */
  failOver: (from: string, to: string, failover: FailoverOptions, nowMs: number) => void
  /** All failovers so far, the oldest first. */
  failovers: () => Failover[]
  routes: () => Record<string, Record<string, RoutesSeen>>
}

export type FailoverOptions = { routes: string[]; tookMs: number; both?: boolean }

/** The routes of one direction: which are in use, and of each the counters and the addresses of its routers, in order. */
export type RoutesSeen = { use: string[]; routes: Record<string, { hops: { address: string; address6: string }[]; counters: Counters }> }

export function createWan(sites: Site[], random: () => number, routeOptions: readonly RouteOptions[] = []): Wan {
  const ways = sites.map(() => sites.map(newWay))
  const outside = newDirection(perfectLink)
  const routes = new Map(
    sites.flatMap((site, at) => [site.address, site.address6].map(address => [prefix(octets(address).toString('latin1')), at])),
  )
  const gateways = sites.map(site => ({ 4: octets(site.gateway), 6: octets(site.gateway6) }))
  const own = new Set(gateways.flatMap(gateway => [gateway[4].toString('latin1'), gateway[6].toString('latin1')]))
  const position = (name: string) => sites.findIndex(site => site.name === name)
  const wayOf = (from: string, to: string): Way => ways[position(from)]![position(to)]!
  for (const [number, { from, to, name, ...change }] of routeOptions.entries()) addRoute(wayOf(from, to), name, number, change)

  function receive(site: number, bytes: Buffer, nowMs: number): Due[] {
    const packet = parsePacket(bytes)
    if (!packet || own.has(packet.destination) || isLocal(packet)) return []
    const to = routes.get(prefix(packet.destination))
    if (to === site) return []
    const hop: Hop = { address: gateways[site]![packet.version], receiverMtu: sites[to ?? site]!.interfaceMtu, random, nowMs }
    const deliveries =
      to === undefined
        ? answer(packet, { kind: 'no_route' }, outside, outside, hop)
        : travel(packet, ways[site]![to]!, ways[to]![site]!, hop)
    return deliveries.map(({ bytes, back, delayMs }) => ({ bytes, site: back ? site : to!, atMs: nowMs + delayMs }))
  }

  return {
    receive,
    setLink(from, to, change) {
      const { access } = wayOf(from, to)
      access.link = changeLink(access.link, change)
    },
    counters: () => byPair(sites, (i, j) => ways[i]![j]!.access.counters),
    setRoute(from, to, name, change) {
      const way = wayOf(from, to)
      changeRoute(way.routes.get(routesNamed(way, [name])[0]!)!, change)
    },
    useRoutes(from, to, names) {
      const way = wayOf(from, to)
      way.use = routesNamed(way, names)
    },
    ...createFailovers(wayOf),
    routes: () => byPair(sites, (i, j) => routesSeen(ways[i]![j]!)),
  }
}

function addRoute(way: Way, name: string, number: number, change: RouteChange): void {
  const route = newRoute(name, number)
  changeRoute(route, change)
  way.routes.set(name, route)
  if (way.use.length === 0) way.use = [name]
}

function createFailovers(wayOf: (from: string, to: string) => Way): Pick<Wan, 'failOver' | 'failovers'> {
  const log: Failover[] = []
  return {
    failOver(from, to, { routes, tookMs, both = false }, nowMs) {
      const pairs = [[from, to], ...(both ? [[to, from]] : [])] as [string, string][]
      for (const [from, to] of pairs) {
        const way = wayOf(from, to)
        routesNamed(way, routes)
        if (way.failover && nowMs < way.failover.endsAtMs) throw new Error(`${from} to ${to}: a failover is under way`)
      }
      for (const [from, to] of pairs) {
        const way = wayOf(from, to)
        way.failover = { from, to, before: way.use, after: routes, beganAtMs: nowMs, endsAtMs: nowMs + tookMs, lost: 0 }
        way.use = routes
        log.push(way.failover)
      }
    },
    failovers: () => log,
  }
}

const byPair = <T>(sites: Site[], of: (from: number, to: number) => T): Record<string, Record<string, T>> =>
  Object.fromEntries(
    sites.map((from, i) => [from.name, Object.fromEntries(sites.flatMap((to, j) => (i === j ? [] : [[to.name, of(i, j)]])))]),
  )

const routesSeen = ({ use, routes }: Way): RoutesSeen => ({
  use,
  routes: Object.fromEntries(
    [...routes.values()].map(({ name, number, routers, link }) => [
      name,
      {
        hops: routers.map((_, at) => ({ address: routerAddress(number, at, 4), address6: routerAddress(number, at, 6) })),
        counters: link.counters,
      },
    ]),
  ),
})

/** The subnet of an address in bytes: /24 and /64. */
const prefix = (address: string): string => address.slice(0, address.length === 4 ? 3 : 8)

/** Multicast, broadcast and link-local packets end at the router (RFC 1812 §5.3.7, RFC 4291 §2.5.6). */
function isLocal({ version, source, destination }: Parsed): boolean {
  const first = destination.charCodeAt(0)
  if (version === 4) return first >= 0xe0 || first === 0 || first === 127 || destination.startsWith('\xa9\xfe')
  return first === 0xff || /^\xfe[\x80-\xbf]/.test(destination) || /^\xfe[\x80-\xbf]/.test(source)
}

/** mulberry32: a small generator of uniform numbers in 0…1 that a seed repeats. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
