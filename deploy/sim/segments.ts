/** What a network card does to TCP packets larger than its MTU, done by hand: a kernel hands on to a bridge what it would have left to the card. */
import { headerChecksum, type Parsed, parsePacket, TCP, transportChecksum } from './ip-packet.ts'

const FIN_PSH = 0x09
const CWR = 0x80
const checksumAt: Record<number, number> = { [TCP]: 16, 17: 6 }

/** Fills in the checksum of the upper layer, in place: what was left to the card. */
export function completeChecksum(packet: Parsed): void {
  const at = checksumAt[packet.protocol]
  if (at === undefined || packet.fragmentOffset > 0) return
  packet.bytes.writeUInt16BE(0, packet.transportAt + at)
  packet.bytes.writeUInt16BE(transportChecksum(packet), packet.transportAt + at)
}

/**
 * The segments of an IPv4 TCP packet, each of at most `segmentBytes` of data, as a card would send them (Linux: net/ipv4/tcp_offload.c): numbered on,
 * FIN and PSH on the last one only, CWR on the first. Anything else comes back as it is.
 */
export function splitSegments(packet: Parsed, segmentBytes: number): Buffer[] {
  const { bytes, transportAt } = packet
  const dataAt = transportAt + (bytes[transportAt + 12]! >> 4) * 4
  if (packet.version !== 4 || packet.protocol !== TCP || segmentBytes <= 0 || bytes.length - dataAt <= segmentBytes) return [bytes]
  const pieces: Buffer[] = []
  const [identification, sequence, flags] = [bytes.readUInt16BE(4), bytes.readUInt32BE(transportAt + 4), bytes[transportAt + 13]!]
  for (let at = dataAt; at < bytes.length; at += segmentBytes) {
    const piece = Buffer.concat([bytes.subarray(0, dataAt), bytes.subarray(at, Math.min(at + segmentBytes, bytes.length))])
    const isFirst = at === dataAt
    const isLast = at + segmentBytes >= bytes.length
    piece.writeUInt16BE(piece.length, 2)
    piece.writeUInt16BE((identification + pieces.length) & 0xffff, 4)
    piece.writeUInt32BE((sequence + at - dataAt) >>> 0, transportAt + 4)
    piece[transportAt + 13] = flags & ~((isLast ? 0 : FIN_PSH) | (isFirst ? 0 : CWR))
    piece.writeUInt16BE(0, 10)
    piece.writeUInt16BE(headerChecksum(piece), 10)
    completeChecksum(parsePacket(piece)!)
    pieces.push(piece)
  }
  return pieces
}
