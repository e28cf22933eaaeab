/** A packet's way through the routers of a route: TTL, loss, and what the routers say about the packets that end there. */
import { type Delivery, eatsErrors, type Hop } from './hop.ts'
import { buildIcmpError } from './icmp-error.ts'
import { decrementTimeToLive, octets, type Parsed, parsePacket, timeToLive } from './ip-packet.ts'
import { type Router, routerAddress } from './route.ts'
import type { Route, Way } from './way.ts'

/** One allowance of ICMP errors per router that limits them: a token bucket that holds one second's worth. */
export const newLimits = (routers: readonly Router[]): { tokens: number; atMs: number }[] =>
  routers.map(({ errorsPerSecond = 0 }) => ({ tokens: Math.max(1, errorsPerSecond), atMs: 0 }))

type Crossing = {
  /** The packet entered the route so long after it reached the gateway. */
  enteredMs: number
  route: Route
  /** Which route the answers take, if any, and their whole way. */
  opposite: Route | undefined
  back: Way
  hop: Hop
}

/** The packet at the site, an answer of a router in between, or nothing. */
export function crossRouters(delivery: Delivery, crossing: Crossing): Delivery[] {
  const { route, hop, enteredMs } = crossing
  const { routers, loop } = route
  const { counters } = route.link
  // A packet that is delivered twice is one buffer so far.
  const bytes = Buffer.from(delivery.bytes)
  const packet = parsePacket(bytes)!
  const legMs = (delivery.delayMs - enteredMs) / (routers.length + 1)
  for (let step = 0; ; step++) {
    const at = routerAt(step, routers.length, loop)
    if (at === undefined) return [{ ...delivery, bytes }]
    const { loss } = routers[at]!
    if (loss > 0 && hop.random() < loss) {
      counters.delivered--
      counters.dropped.router++
      return []
    }
    if (timeToLive(packet) <= 1) {
      counters.delivered--
      counters.dropped.ttl++
      return exceeded(packet, at, enteredMs + legMs * (step + 1), crossing)
    }
    decrementTimeToLive(packet)
  }
}

/** Which router is next; undefined at the end of the route. In a loop the last two take turns for ever; a single one is its own loop. */
function routerAt(step: number, count: number, loop: boolean): number | undefined {
  if (step < count) return step
  return loop ? Math.max(0, count - 2 + ((step - count) % 2)) : undefined
}

/** "Time exceeded" from a router, `delayMs` after the packet reached the gateway, if the router says it and the way back carries it. */
function exceeded(packet: Parsed, at: number, delayMs: number, { route, opposite, back, hop }: Crossing): Delivery[] {
  const { counters } = route.link
  const { silent, mplsLabels } = route.routers[at]!
  if (silent) return []
  if (!allowed(route, at, hop.nowMs + delayMs)) {
    counters.limited++
    return []
  }
  const address = octets(routerAddress(route.number, at, packet.version))
  const share = (at + 1) / (route.routers.length + 1)
  const hopsBack = Math.round(share * ((opposite?.routers.length ?? 0) + 1))
  const bytes = buildIcmpError(packet, { kind: 'time_exceeded' }, address, { ttl: Math.max(1, 255 - hopsBack), mplsLabels })
  if (!bytes || isLost(opposite, back, hop)) return []
  counters.signalled++
  const backMs = share * (back.access.link.delayMs + (opposite?.link.link.delayMs ?? 0))
  return [{ bytes, back: true, delayMs: delayMs + backMs }]
}

/** The way back loses what it loses of everything. */
function isLost(opposite: Route | undefined, back: Way, { random, nowMs }: Hop): boolean {
  if (back.failover && nowMs < back.failover.endsAtMs) return true
  return [back.access, ...(opposite ? [opposite.link] : [])].some(
    direction => direction.link.down || eatsErrors(direction) || (direction.link.loss > 0 && random() < direction.link.loss),
  )
}

function allowed({ routers, limits }: Route, at: number, nowMs: number): boolean {
  const { errorsPerSecond } = routers[at]!
  if (errorsPerSecond === undefined) return true
  const limit = limits[at]!
  limit.tokens = Math.min(Math.max(1, errorsPerSecond), limit.tokens + (Math.max(0, nowMs - limit.atMs) * errorsPerSecond) / 1000)
  limit.atMs = Math.max(limit.atMs, nowMs)
  if (limit.tokens < 1) return false
  limit.tokens--
  return true
}
