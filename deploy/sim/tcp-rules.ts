/** What middleboxes do to TCP (RFC 9293): read its header, lower an MSS, lose the second packet of a flight. */
import { type Parsed, TCP, transportChecksum } from './ip-packet.ts'

const SYN = 2
const ACK = 16

export type Segment = { sourcePort: number; destinationPort: number; sequence: number; syn: boolean; ack: boolean; payloadBytes: number }

/** The TCP header of a packet; undefined for anything else, and for fragments after the first. */
export function parseSegment(packet: Parsed): Segment | undefined {
  const { bytes, transportAt: at } = packet
  if (packet.protocol !== TCP || packet.fragmentOffset > 0 || bytes.length < at + 20) return undefined
  const flags = bytes[at + 13]!
  return {
    sourcePort: bytes.readUInt16BE(at),
    destinationPort: bytes.readUInt16BE(at + 2),
    sequence: bytes.readUInt32BE(at + 4),
    syn: (flags & SYN) !== 0,
    ack: (flags & ACK) !== 0,
    payloadBytes: Math.max(0, bytes.length - at - (bytes[at + 12]! >> 4) * 4),
  }
}

/** Lowers the MSS option (kind 2, RFC 9293 §3.2) of a SYN or SYN-ACK to `limit`, in place; says whether it did. An MSS that is lower stays. */
export function clampMss(packet: Parsed, limit: number): boolean {
  const { bytes, transportAt } = packet
  if (!parseSegment(packet)?.syn) return false
  const end = Math.min(bytes.length, transportAt + (bytes[transportAt + 12]! >> 4) * 4)
  for (let at = transportAt + 20; at < end; ) {
    const kind = bytes[at]!
    if (kind === 0) return false
    const length = kind === 1 ? 1 : (bytes[at + 1] ?? 0)
    if (length < 1 || (kind !== 1 && length < 2) || at + length > end) return false
    if (kind === 2 && length === 4) {
      if (bytes.readUInt16BE(at + 2) <= limit) return false
      bytes.writeUInt16BE(limit, at + 2)
      bytes.writeUInt16BE(0, transportAt + 16)
      bytes.writeUInt16BE(transportChecksum(packet), transportAt + 16)
      return true
    }
    at += length
  }
  return false
}

/** Clients' first flights in one direction: where their data starts, for as long as the server has not sent any. */
export type Flights = Map<string, number>

const REMEMBERED = 10_000

/** The type of a TLS record that holds a handshake message (RFC 8446 §5.1). */
const HANDSHAKE = 22

/**
 * Whether this packet, travelling in the direction of `flights`, is a later part of a client's first flight; with `onlyHellos` of one that begins as TLS does. Also learns
 * new connections from SYNs.
 */
export function inFirstFlightButNotFirst(flights: Flights, packet: Parsed, segment: Segment, onlyHellos = false): boolean {
  const key = flow(packet.source, segment.sourcePort, packet.destination, segment.destinationPort)
  if (segment.syn) {
    if (segment.ack) return false
    flights.delete(key)
    flights.set(key, (segment.sequence + 1) >>> 0)
    if (flights.size > REMEMBERED) flights.delete(flights.keys().next().value as string)
    return false
  }
  const start = flights.get(key)
  if (start === undefined || segment.payloadBytes === 0) return false
  const offset = (segment.sequence - start) >>> 0
  if (onlyHellos && offset === 0 && packet.bytes[packet.bytes.length - segment.payloadBytes] !== HANDSHAKE) flights.delete(key)
  return offset > 0 && offset < 0x8000_0000
}

/** Tells the flights of the opposite direction that this packet's sender has spoken. */
export function endFirstFlight(opposite: Flights, packet: Parsed, segment: Segment): void {
  if (segment.payloadBytes > 0) opposite.delete(flow(packet.destination, segment.destinationPort, packet.source, segment.sourcePort))
}

const flow = (source: string, sourcePort: number, destination: string, destinationPort: number) =>
  `${source}${String.fromCharCode(sourcePort)}${destination}${String.fromCharCode(destinationPort)}`
