/** One direction of a link, and the hop that carries packets over it. Everything is decided here; clock and chance are arguments. */
import { buildIcmpError, isIcmpEchoOrError, isIcmpError } from './icmp-error.ts'
import { decrementTimeToLive, fragment4, type Parsed, timeToLive } from './ip-packet.ts'
import { type Counters, type DropRule, type Link, newCounters } from './link.ts'
import { clampMss, endFirstFlight, type Flights, inFirstFlightButNotFirst, parseSegment } from './tcp-rules.ts'

export type Direction = {
  link: Link
  counters: Counters
  /** When the last packet was handed over to be sent, and when its last bit left: monotonic ms. */
  lastDueMs: number
  freeAtMs: number
  flights: Flights
}

export const newDirection = (link: Link): Direction => ({ link, counters: newCounters(), lastDueMs: 0, freeAtMs: 0, flights: new Map() })

/** `back` is true for what the hop answers to the sender; the rest goes on to the receiver. */
export type Delivery = { bytes: Buffer; back: boolean; delayMs: number }

export type Hop = {
  /** The hop's address on the sender's side, 4 or 16 bytes as the packet's version wants. */
  address: Buffer
  /** The MTU of the receiver's interface: larger packets are lost without a word, as on a wire whose other end can't take them. */
  receiverMtu: number
  random: () => number
  nowMs: number
}

/** A longer backlog than this, in ms of the link's rate, is dropped at the tail. */
const QUEUE_MS = 250

/** Carries a packet in one direction, `opposite` being the way back: what to deliver, when and to whom. Changes the packet's bytes and both states. */
export function carry(packet: Parsed, direction: Direction, opposite: Direction, hop: Hop): Delivery[] {
  const { counters } = direction
  counters.packets++
  counters.bytes += packet.bytes.length
  if (timeToLive(packet) <= 1) {
    counters.dropped.ttl++
    return answer(packet, { kind: 'time_exceeded' }, direction, opposite, hop)
  }
  decrementTimeToLive(packet)
  return filterAndSend(packet, direction, opposite, hop)
}

/** The same for a further link behind the same hop: the TTL stays. */
export function pass(packet: Parsed, direction: Direction, opposite: Direction, hop: Hop): Delivery[] {
  direction.counters.packets++
  direction.counters.bytes += packet.bytes.length
  return filterAndSend(packet, direction, opposite, hop)
}

function filterAndSend(packet: Parsed, direction: Direction, opposite: Direction, hop: Hop): Delivery[] {
  const { link, counters } = direction
  const filter = filteredBy(packet, direction, opposite)
  if (filter) {
    counters.dropped[filter]++
    return []
  }
  if (link.clampMss !== undefined && clampMss(packet, link.clampMss)) counters.clamped++
  const limit = Math.min(link.mtu ?? Number.POSITIVE_INFINITY, hop.receiverMtu)
  if (packet.bytes.length <= limit) return schedule(packet.bytes, direction, hop)
  if (packet.bytes.length <= (link.mtu ?? Number.POSITIVE_INFINITY)) {
    counters.dropped.receiver_mtu++
    return []
  }
  if (!packet.dontFragment && (link.fragment ?? link.signal)) {
    counters.fragmented++
    return fragment4(packet, link.mtu!).flatMap(piece => schedule(piece, direction, hop))
  }
  counters.dropped.mtu++
  if (!link.signal || !packet.dontFragment) return []
  return answer(packet, { kind: 'too_big', mtu: link.signalMtu ?? link.mtu! }, direction, opposite, hop)
}

/** The rule that lets this packet vanish, whatever its size. */
function filteredBy(packet: Parsed, { link, flights }: Direction, opposite: Direction): DropRule | undefined {
  if (link.down) return 'down'
  const icmp = icmpFilteredBy(packet, link)
  if (icmp) return icmp
  const segment = parseSegment(packet)
  if (!segment) return undefined
  if (link.dropTcpPorts?.includes(segment.destinationPort)) return 'tcp_port'
  if (link.loseSecondSegment && inFirstFlightButNotFirst(flights, packet, segment, link.loseSecondSegment === 'tls'))
    return 'second_segment'
  if (opposite.flights.size > 0) endFirstFlight(opposite.flights, packet, segment)
  return undefined
}

function icmpFilteredBy(packet: Parsed, link: Link): 'icmp' | 'icmp_error' | undefined {
  if (link.dropIcmp && isIcmpEchoOrError(packet)) return 'icmp'
  return link.dropIcmpErrors && isIcmpError(packet) ? 'icmp_error' : undefined
}

/** An ICMP error about the packet, from the hop back to the sender at once, unless the way back eats such errors. */
export function answer(
  packet: Parsed,
  error: Parameters<typeof buildIcmpError>[1],
  direction: Direction,
  opposite: Direction,
  hop: Hop,
): Delivery[] {
  const bytes = buildIcmpError(packet, error, hop.address)
  if (!bytes) return []
  if (eatsErrors(opposite)) return []
  direction.counters.signalled++
  return [{ bytes, back: true, delayMs: 0 }]
}

/** Whether a direction eats ICMP errors; counts one when it does. */
export function eatsErrors({ link, counters }: Direction): boolean {
  if (!link.dropIcmp && !link.dropIcmpErrors) return false
  counters.dropped[link.dropIcmp ? 'icmp' : 'icmp_error']++
  return true
}

/** Loss, rate, delay, order and duplication of one packet that fits. */
function schedule(bytes: Buffer, direction: Direction, { random, nowMs }: Hop): Delivery[] {
  const { link, counters } = direction
  const happens = (share: number) => share > 0 && random() < share
  if (happens(link.loss)) {
    counters.dropped.loss++
    return []
  }
  const start = Math.max(nowMs, direction.freeAtMs)
  if (start - nowMs > QUEUE_MS) {
    counters.dropped.queue++
    return []
  }
  if (link.rateBitsPerSecond) direction.freeAtMs = start + (bytes.length * 8000) / link.rateBitsPerSecond
  const sent = link.rateBitsPerSecond ? direction.freeAtMs : nowMs
  let dueMs = sent + link.delayMs + (link.jitterMs > 0 ? random() * link.jitterMs : 0)
  if (happens(link.reorder)) {
    counters.reordered++
    dueMs += link.reorderMs
  } else {
    if (link.jitterMs > 0) dueMs = Math.max(dueMs, direction.lastDueMs)
    direction.lastDueMs = dueMs
  }
  const delivery: Delivery = { bytes, back: false, delayMs: dueMs - nowMs }
  counters.delivered++
  if (!happens(link.duplicate)) return [delivery]
  counters.delivered++
  counters.duplicated++
  return [delivery, { ...delivery }]
}
