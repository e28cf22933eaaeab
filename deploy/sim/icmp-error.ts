/** ICMP (RFC 792) and ICMPv6 (RFC 4443) errors as a router sends them. */
import { headerChecksum, ICMP, ICMPV6, type Parsed, sum16, transportChecksum } from './ip-packet.ts'

export type IcmpError = { kind: 'too_big'; mtu: number } | { kind: 'time_exceeded' } | { kind: 'no_route' }

/** Types of ICMP errors: unreachable, source quench, redirect, time exceeded, parameter problem. In ICMPv6 every type below 128 (RFC 4443 §2.1). */
const errors4: ReadonlySet<number> = new Set([3, 4, 5, 11, 12])

const icmpType = (packet: Parsed): number | undefined =>
  packet.protocol === (packet.version === 4 ? ICMP : ICMPV6) && packet.fragmentOffset === 0 ? packet.bytes[packet.transportAt] : undefined

export function isIcmpError(packet: Parsed): boolean {
  const type = icmpType(packet)
  return type !== undefined && (packet.version === 4 ? errors4.has(type) : type < 128)
}

/** ICMP of any kind that a firewall may take for "ping": not multicast listening or neighbour discovery (130–137 and 143; RFC 4861, RFC 3810). */
export function isIcmpEchoOrError(packet: Parsed): boolean {
  if (packet.version === 4) return packet.protocol === ICMP
  if (packet.protocol !== ICMPV6) return false
  const type = icmpType(packet)
  return type === undefined || type < 130
}

/**
 * The error that a router at `from` (4 or 16 bytes) sends about a packet, or undefined where it must stay silent: about an ICMP error, a fragment
 * that is not the first, or a source that names no single host (RFC 1812 §4.3.2.7, RFC 4443 §2.4).
 */
export function buildIcmpError(packet: Parsed, error: IcmpError, from: Buffer, manner: Manner = {}): Buffer | undefined {
  if (isIcmpError(packet) || packet.fragmentOffset > 0 || !namesOneHost(packet)) return undefined
  return packet.version === 4 ? error4(packet, error, from, manner) : error6(packet, error, from, manner)
}

/** How a router sends its errors: with this TTL (64 unless given), and with the MPLS label stack of the packet (RFC 4950). */
export type Manner = { ttl?: number; mplsLabels?: readonly number[] | undefined }

/** Not the unspecified address, loopback or multicast. */
function namesOneHost({ version, source }: Parsed): boolean {
  const first = source.charCodeAt(0)
  return version === 4 ? first > 0 && first < 0xe0 : first > 0 && first < 0xff
}

/** As much of the packet as fits: 576 bytes in all for IPv4 (RFC 1812 §4.3.2.3), 1280 for IPv6 (RFC 4443 §2.4 c). */
function error4(packet: Parsed, error: IcmpError, from: Buffer, { ttl = 64, mplsLabels }: Manner): Buffer {
  const { quote, words } = quoted(packet.bytes.subarray(0, 576 - 28), mplsLabels, 4)
  const bytes = Buffer.alloc(28 + quote.length)
  bytes[0] = 0x45
  bytes[1] = 0xc0
  bytes.writeUInt16BE(bytes.length, 2)
  bytes[8] = ttl
  bytes[9] = ICMP
  from.copy(bytes, 12)
  bytes.write(packet.source, 16, 'latin1')
  const [type, code] = { too_big: [3, 4], time_exceeded: [11, 0], no_route: [3, 0] }[error.kind] as [number, number]
  bytes[20] = type
  bytes[21] = code
  bytes[25] = words
  if (error.kind === 'too_big') bytes.writeUInt16BE(error.mtu, 26)
  quote.copy(bytes, 28)
  bytes.writeUInt16BE(headerChecksum(bytes), 10)
  bytes.writeUInt16BE(transportChecksum({ ...packet, version: 4, bytes, protocol: ICMP, transportAt: 20 }), 22)
  return bytes
}

function error6(packet: Parsed, error: IcmpError, from: Buffer, { ttl = 64, mplsLabels }: Manner): Buffer {
  const { quote, words } = quoted(packet.bytes.subarray(0, 1280 - 48), mplsLabels, 8)
  const bytes = Buffer.alloc(48 + quote.length)
  bytes[0] = 0x60
  bytes.writeUInt16BE(8 + quote.length, 4)
  bytes[6] = ICMPV6
  bytes[7] = ttl
  from.copy(bytes, 8)
  bytes.write(packet.source, 24, 'latin1')
  bytes[40] = { too_big: 2, time_exceeded: 3, no_route: 1 }[error.kind]
  if (error.kind === 'too_big') bytes.writeUInt32BE(error.mtu, 44)
  else bytes[44] = words
  quote.copy(bytes, 48)
  bytes.writeUInt16BE(transportChecksum({ ...packet, version: 6, bytes, protocol: ICMPV6, transportAt: 40 }), 42)
  return bytes
}

/** A quote with an extension behind it has exactly so many bytes here, filled up with zeros: the least that RFC 4884 §5 allows. */
const EXTENDED_QUOTE = 128

/** The packet's bytes and, when there are labels, the extension behind them, with the quote's length in words of `wordBytes` (RFC 4884 §5.1, §5.2). */
function quoted(bytes: Buffer, labels: readonly number[] = [], wordBytes: number): { quote: Buffer; words: number } {
  if (labels.length === 0) return { quote: bytes, words: 0 }
  const padded = Buffer.alloc(EXTENDED_QUOTE)
  bytes.copy(padded)
  return { quote: Buffer.concat([padded, mplsExtension(labels)]), words: EXTENDED_QUOTE / wordBytes }
}

/** Header of RFC 4884 §7 (version 2, checksum) and one MPLS label stack object (RFC 4950 §3: class 1, type 1; entries as in RFC 3032 §2.1). */
function mplsExtension(labels: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + 4 * labels.length)
  bytes[0] = 2 << 4
  bytes.writeUInt16BE(4 + 4 * labels.length, 4)
  bytes[6] = 1
  bytes[7] = 1
  for (const [at, label] of labels.entries()) {
    const bottom = at === labels.length - 1 ? 1 : 0
    bytes.writeUInt32BE(label * 0x1000 + (bottom << 8) + 1, 8 + 4 * at)
  }
  bytes.writeUInt16BE(~sum16(bytes) & 0xffff, 2)
  return bytes
}
