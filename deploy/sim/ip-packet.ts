/** IPv4 (RFC 791) and IPv6 (RFC 8200) packets as bytes: what a forwarding hop has to read and change. */

import ipaddr from 'ipaddr.js'

export const TCP = 6
export const ICMP = 1
export const ICMPV6 = 58

/** Where things are in a packet. Offsets count from its first byte. */
export type Parsed = {
  version: 4 | 6
  bytes: Buffer
  /** Upper-layer protocol, and where its header starts. */
  protocol: number
  transportAt: number
  dontFragment: boolean
  /** Byte offset of a fragment in its packet; 0 for the first one and for whole packets. */
  fragmentOffset: number
  moreFragments: boolean
  source: string
  destination: string
}

/** An address as it stands in a packet. */
export const octets = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray())

/** Reads a packet, cut to the length its header gives. Undefined when it is not a well-formed IPv4 or IPv6 packet. */
export function parsePacket(bytes: Buffer): Parsed | undefined {
  if (bytes.length < 20) return undefined
  return bytes[0]! >> 4 === 4 ? parse4(bytes) : bytes[0]! >> 4 === 6 && bytes.length >= 40 ? parse6(bytes) : undefined
}

function parse4(bytes: Buffer): Parsed | undefined {
  const headerLength = (bytes[0]! & 0xf) * 4
  const length = bytes.readUInt16BE(2)
  if (headerLength < 20 || length < headerLength || length > bytes.length) return undefined
  const flags = bytes.readUInt16BE(6)
  return {
    version: 4,
    bytes: bytes.subarray(0, length),
    protocol: bytes[9]!,
    transportAt: headerLength,
    dontFragment: (flags & 0x4000) !== 0,
    fragmentOffset: (flags & 0x1fff) * 8,
    moreFragments: (flags & 0x2000) !== 0,
    source: bytes.toString('latin1', 12, 16),
    destination: bytes.toString('latin1', 16, 20),
  }
}

/** Headers between the IPv6 header and the upper layer: hop-by-hop, routing, destination options (RFC 8200 §4). */
const skipped: ReadonlySet<number> = new Set([0, 43, 60])
const FRAGMENT = 44

function parse6(bytes: Buffer): Parsed | undefined {
  const length = 40 + bytes.readUInt16BE(4)
  if (length > bytes.length) return undefined
  let protocol = bytes[6]!
  let at = 40
  let fragment = 0
  while ((skipped.has(protocol) || protocol === FRAGMENT) && at + 8 <= length) {
    if (protocol === FRAGMENT) fragment = bytes.readUInt16BE(at + 2)
    const size = protocol === FRAGMENT ? 8 : 8 + bytes[at + 1]! * 8
    protocol = bytes[at]!
    at += size
    if (fragment & 0xfff8) break
  }
  return {
    version: 6,
    bytes: bytes.subarray(0, length),
    protocol,
    transportAt: at,
    dontFragment: true,
    fragmentOffset: fragment & 0xfff8,
    moreFragments: (fragment & 1) !== 0,
    source: bytes.toString('latin1', 8, 24),
    destination: bytes.toString('latin1', 24, 40),
  }
}

/** The TTL or hop limit that is left. */
export const timeToLive = (packet: Parsed): number => packet.bytes[packet.version === 4 ? 8 : 7]!

/** Takes one from the TTL or hop limit, in place. The IPv4 checksum follows by RFC 1624 equation 3. */
export function decrementTimeToLive(packet: Parsed): void {
  const { bytes } = packet
  if (packet.version === 6) {
    bytes[7]! -= 1
    return
  }
  bytes[8]! -= 1
  const sum = (~bytes.readUInt16BE(10) & 0xffff) + 0xfeff
  bytes.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10)
}

/** The 16-bit one's complement sum of RFC 1071, not yet complemented. */
export function sum16(bytes: Buffer, from = 0, to = bytes.length, start = 0): number {
  let sum = start
  let at = from
  for (; at + 1 < to; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (at < to) sum += bytes[at]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

/** The checksum of an IPv4 header (RFC 791 §3.1) over what its checksum field holds now: 0 when that is right. */
export const headerChecksum = (packet: Buffer): number => ~sum16(packet, 0, (packet[0]! & 0xf) * 4) & 0xffff

/** The checksum of the upper layer with its pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1): 0 over a packet that is right. */
export function transportChecksum(packet: Parsed): number {
  const { bytes, version, transportAt, protocol } = packet
  if (version === 4 && protocol === ICMP) return ~sum16(bytes, transportAt) & 0xffff
  const addresses = version === 4 ? sum16(bytes, 12, 20) : sum16(bytes, 8, 40)
  return ~sum16(bytes, transportAt, bytes.length, addresses + protocol + (bytes.length - transportAt)) & 0xffff
}

/**
 * Cuts an IPv4 packet into fragments of at most `mtu` bytes (RFC 791 §3.2); a fragment can be cut again. Only the options with the copied flag
 * go into fragments after the first; the others become no-operations, so that every header has the same length.
 */
export function fragment4(packet: Parsed, mtu: number): Buffer[] {
  const { bytes, transportAt } = packet
  const room = (mtu - transportAt) & ~7
  if (room <= 0) return []
  const pieces: Buffer[] = []
  for (let at = transportAt; at < bytes.length; at += room) {
    const data = bytes.subarray(at, Math.min(at + room, bytes.length))
    const piece = Buffer.concat([bytes.subarray(0, transportAt), data])
    if (at > transportAt) blankOptions(piece, transportAt)
    const more = packet.moreFragments || at + room < bytes.length
    piece.writeUInt16BE(piece.length, 2)
    piece.writeUInt16BE((more ? 0x2000 : 0) | ((packet.fragmentOffset + at - transportAt) >> 3), 6)
    piece.writeUInt16BE(0, 10)
    piece.writeUInt16BE(headerChecksum(piece), 10)
    pieces.push(piece)
  }
  return pieces
}

function blankOptions(header: Buffer, end: number): void {
  for (let at = 20; at < end; ) {
    const kind = header[at]!
    const length = kind > 1 ? Math.max(header[at + 1] ?? 2, 2) : 1
    if (kind === 0) return
    if (!(kind & 0x80)) header.fill(1, at, Math.min(at + length, end))
    at += length
  }
}
