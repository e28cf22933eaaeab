import ipaddr from 'ipaddr.js'
import { headerChecksum, parsePacket, transportChecksum } from '../../../deploy/sim/ip-packet.ts'

export type Packet = {
  from?: string
  to?: string
  protocol?: number
  payload: Buffer
  ttl?: number
  df?: boolean
  fragment?: { offset: number; more: boolean }
  /** IPv4 options, a multiple of four bytes. */
  options?: Buffer
}

/** A whole IP packet with right checksums; IPv6 where the addresses are. UDP unless said otherwise, from 10.1.0.2 to 10.2.0.2. */
export function buildPacket({
  from = '10.1.0.2',
  to = '10.2.0.2',
  protocol = 17,
  payload,
  ttl = 64,
  df = true,
  fragment,
  options = Buffer.alloc(0),
}: Packet): Buffer {
  const [source, destination] = [from, to].map(address => Buffer.from(ipaddr.parse(address).toByteArray())) as [Buffer, Buffer]
  if (source.length === 16) {
    const header = Buffer.alloc(8)
    header[0] = 0x60
    header.writeUInt16BE(payload.length, 4)
    header[6] = protocol
    header[7] = ttl
    return Buffer.concat([header, source, destination, payload])
  }
  const header = Buffer.alloc(12)
  header[0] = 0x45 + options.length / 4
  header.writeUInt16BE(20 + options.length + payload.length, 2)
  header.writeUInt16BE(0xbeef, 4)
  header.writeUInt16BE((df ? 0x4000 : 0) | (fragment?.more ? 0x2000 : 0) | ((fragment?.offset ?? 0) >> 3), 6)
  header[8] = ttl
  header[9] = protocol
  const bytes = Buffer.concat([header, source, destination, options, payload])
  bytes.writeUInt16BE(headerChecksum(bytes), 10)
  return bytes
}

/** An IP packet of so many bytes in all, carrying UDP to port 7000. */
export function buildUdp(size: number, packet: Omit<Packet, 'payload'> = {}): Buffer {
  const payload = Buffer.alloc(size - (packet.from?.includes(':') ? 40 : 20))
  payload.writeUInt16BE(5000, 0)
  payload.writeUInt16BE(7000, 2)
  payload.writeUInt16BE(payload.length, 4)
  for (let at = 8; at < payload.length; at++) payload[at] = at * 7
  return buildPacket({ ...packet, payload })
}

export type Segment = {
  port?: number
  sequence?: number
  flags?: 'syn' | 'syn-ack' | 'ack'
  options?: Buffer
  bytes?: number
  back?: boolean
}

/** A TCP packet from port 5000 to `port`, or with `back` the other way, its checksum right. `options` is filled up to four bytes. */
export function buildTcp(segment: Segment, packet: Omit<Packet, 'payload' | 'protocol'> = {}): Buffer {
  const { port = 443, sequence = 0, flags = 'ack', options = Buffer.alloc(0), bytes = 0 } = segment
  const ports = segment.back ? [port, 5000] : [5000, port]
  const optionBytes = (options.length + 3) & ~3
  const payload = Buffer.alloc(20 + optionBytes + bytes)
  payload.writeUInt16BE(ports[0]!, 0)
  payload.writeUInt16BE(ports[1]!, 2)
  payload.writeUInt32BE(sequence >>> 0, 4)
  payload[12] = (5 + optionBytes / 4) << 4
  payload[13] = { syn: 2, 'syn-ack': 18, ack: 16 }[flags]
  options.copy(payload, 20)
  const whole = buildPacket({ ...packet, protocol: 6, payload })
  const parsed = parsePacket(whole)!
  parsed.bytes.writeUInt16BE(transportChecksum(parsed), parsed.transportAt + 16)
  return whole
}

/** An ICMP or ICMPv6 message of this type with 56 bytes behind its header. */
export function buildIcmp(type: number, packet: Omit<Packet, 'payload' | 'protocol'> = {}): Buffer {
  const payload = Buffer.alloc(64)
  payload[0] = type
  const whole = buildPacket({ ...packet, protocol: packet.from?.includes(':') ? 58 : 1, payload })
  const parsed = parsePacket(whole)!
  parsed.bytes.writeUInt16BE(transportChecksum(parsed), parsed.transportAt + 2)
  return whole
}

export const six = { from: 'fd00:1::2', to: 'fd00:2::2' }
