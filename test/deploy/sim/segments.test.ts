/** Segmentation by hand, as a network card does it. */
import fc from 'fast-check'
import t from 'tap'
import { headerChecksum, parsePacket, transportChecksum } from '../../../deploy/sim/ip-packet.ts'
import { completeChecksum, splitSegments } from '../../../deploy/sim/segments.ts'

const tcpPacket = (data: Buffer, flags: number, sequence: number): Buffer => {
  const packet = Buffer.alloc(40 + data.length)
  packet.writeUInt16BE(0x4500, 0)
  packet.writeUInt16BE(packet.length, 2)
  packet.writeUInt16BE(65_534, 4)
  packet.writeUInt16BE(0x4000, 6)
  packet.writeUInt16BE(0x4006, 8)
  packet.set([10, 91, 0, 11, 10, 92, 0, 21], 12)
  packet.writeUInt32BE(sequence, 24)
  packet[32] = 0x50
  packet[33] = flags
  data.copy(packet, 40)
  packet.writeUInt16BE(headerChecksum(packet), 10)
  return packet
}

t.test('the segments are the stream again, each a sound packet no larger than asked', async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 9000 }),
      fc.integer({ min: 1, max: 1460 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.boolean(),
      (bytes, segmentBytes, sequence, isEnd) => {
        const data = Buffer.from(bytes)
        const packet = parsePacket(tcpPacket(data, isEnd ? 0x19 : 0x10, sequence))!
        completeChecksum(packet)
        const pieces = splitSegments(packet, segmentBytes).map(piece => parsePacket(piece)!)
        const joined = Buffer.concat(pieces.map(piece => piece.bytes.subarray(40)))
        let at = 0
        for (const [i, piece] of pieces.entries()) {
          if (headerChecksum(piece.bytes) !== 0 || transportChecksum(piece) !== 0) return false
          if (piece.bytes.length - 40 > segmentBytes) return false
          if (piece.bytes.readUInt32BE(24) !== (sequence + at) >>> 0) return false
          if (piece.bytes.readUInt16BE(4) !== ((65_534 + i) & 0xffff)) return false
          if (Boolean(piece.bytes[33]! & 0x09) !== (isEnd && i === pieces.length - 1)) return false
          at += piece.bytes.length - 40
        }
        return joined.equals(data)
      },
    ),
  )
})

t.test('what is no TCP segment, or small enough, is left as it is', async t => {
  const small = parsePacket(tcpPacket(Buffer.alloc(100), 0x10, 1))!
  t.strictSame(splitSegments(small, 1460), [small.bytes])
  t.strictSame(splitSegments(small, 0), [small.bytes], 'a size of nothing is none')
})
