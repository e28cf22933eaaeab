/** Routes as lists of who answered at TTL 1, 2, …; null where nobody did. Pure. */
import { createHash } from 'node:crypto'
import type { TraceFlow, TraceMeasured } from '../wire/measured-trace.ts'
import { parseAddress } from './addresses.ts'

export type Route = readonly (string | null)[]

/** Initial TTLs in use: Linux and the BSDs 64, Windows 128, most routers 255 (RFC 1700 recommends 64, RFC 1812 §5.3.1 leaves it open). */
const initialTtls = [64, 128, 255]

/** How many hops a packet has behind it that has so much TTL left, its last one counted: 1 for a neighbour's. */
export const hopsBehind = (ttl: number): number => (initialTtls.find(initial => ttl <= initial) ?? 255) - ttl + 1

/** Without the silence at the end: it says only how long was listened. */
export const trimRoute = (route: Route): Route => route.slice(0, route.findLastIndex(address => address !== null) + 1)

/**
 * Two routes that nothing tells apart: as long, and wherever both answered it was the same router. A silent hop is like any. What a broken path has not shown is
 * no difference either: of two routes that did not both arrive the shorter is compared.
 */
export const isSameRoute = (one: Route, other: Route, arrived = true): boolean => {
  const [a, b] = [trimRoute(one), trimRoute(other)]
  if (arrived && a.length !== b.length) return false
  return a.every((address, at) => address === null || b[at] === null || b[at] === undefined || address === b[at])
}

/**
 * Two routes to one target of which the longer one has nothing but silence more, right before the target: a silent router, or the target itself, whose answer to that
 * TTL was lost while the one to the next came through.
 */
export const differInSilence = (one: Route, other: Route): boolean => {
  const [short, long] = [trimRoute(one), trimRoute(other)].toSorted((a, b) => a.length - b.length) as [Route, Route]
  if (short.length === 0 || short.length === long.length || short.at(-1) !== long.at(-1)) return false
  const upTo = short.length - 1
  return long.slice(upTo, -1).every(address => address === null) && isSameRoute(short.slice(0, -1), long.slice(0, upTo), false)
}

/** A route with what is known of its silent hops from an earlier look at the same route; another route is left as it is. */
export const fillRoute = (known: Route, seen: Route): Route =>
  isSameRoute(known, seen) ? trimRoute(seen).map((address, at) => address ?? known[at] ?? null) : trimRoute(seen)

/**
 * A name of the route: 16 hexadecimal digits over its length and who is where. Silent hops count by their place only. Who knows the route from before gives it as
 * `known`: then a hop that is silent this time changes nothing. Null for a route of which nobody answered.
 */
export const fingerprintOf = (route: Route, known?: Route): string | null => {
  const full = known ? fillRoute(known, route) : trimRoute(route)
  if (full.length === 0) return null
  return createHash('sha256')
    .update(full.map(address => address ?? '*').join(' '))
    .digest('hex')
    .slice(0, 16)
}

/**
 * The routers of a loop, in order: a stretch of at least two hops that comes back at once, at least twice where it has one known router only. The same router at two
 * neighbouring hops is none: some count a packet twice.
 */
export const loopOf = (route: Route): string[] | undefined => {
  for (let start = 0; start < route.length; start++)
    for (let period = 2; start + 2 * period <= route.length; period++) {
      const turn = route.slice(start, start + period)
      const known = turn.filter(address => address !== null)
      if (turn[0] === null || turn.every(address => address === turn[0])) continue
      const turns = known.length > 1 ? 2 : 3
      const rest = route.slice(start, start + turns * period)
      if (rest.length < turns * period) continue
      const isTurning = rest.every((address, at) => address === turn[at % period])
      if (isTurning) return known
    }
  return undefined
}

/** Two addresses of one router, or of the two ends of one cable: equal, or in one network of that size that links between routers have (RFC 3021, RFC 6164). */
export const isSameLink = (one: string, other: string): boolean => {
  if (one === other) return true
  const [a, b] = [parseAddress(one), parseAddress(other)]
  if (!a || !b || a.length !== b.length) return false
  const bits = a.length === 4 ? 29 : 64
  return a.every((byte, at) => {
    const shift = Math.max(0, Math.min(8, 8 * (at + 1) - bits))
    return byte >> shift === b[at]! >> shift
  })
}

/**
 * The flows of a trace that do not arrive, where others do. Most hosts limit how many ports they call unreachable (RFC 1812 §4.3.2.8; Linux: six at once, then one a second):
 * a flow of datagrams that was seen as far as the last router may have arrived without a word.
 */
export const deadFlowsOf = ({ protocol, flows }: Pick<TraceMeasured, 'protocol' | 'flows'>): TraceFlow[] => {
  const shortest = Math.min(...flows.map(({ hops }) => hops ?? Number.POSITIVE_INFINITY))
  return flows.filter(({ reached, route }) => !reached && !(protocol === 'udp' && trimRoute(route).length >= shortest - 1))
}
