import fc from 'fast-check'
import t from 'tap'
import { decrementTimeToLive, fragment4, headerChecksum, parsePacket, transportChecksum } from '../../../deploy/sim/ip-packet.ts'
import { buildPacket, buildTcp, buildUdp, six } from './build-packet.ts'

t.test('what is not a packet is not parsed, and nothing throws', async t => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(40), buildUdp(100).subarray(0, 99), buildUdp(100, six).subarray(0, 99)])
    t.equal(parsePacket(bytes), undefined)
  fc.assert(
    fc.property(fc.constantFrom(0x45, 0x4f, 0x60), fc.uint8Array({ minLength: 19, maxLength: 200 }), (first, rest) => {
      const bytes = Buffer.from([first, ...rest])
      if (first === 0x60) bytes.writeUInt16BE(0, 4)
      else bytes.writeUInt16BE(bytes.length, 2)
      const parsed = parsePacket(bytes)
      return parsed === undefined || parsed.bytes.length <= bytes.length
    }),
  )
})

t.test('what stands behind the packet is cut off', async t => {
  t.equal(parsePacket(Buffer.concat([buildUdp(100), Buffer.alloc(6)]))?.bytes.length, 100)
  t.equal(parsePacket(Buffer.concat([buildUdp(100, six), Buffer.alloc(6)]))?.bytes.length, 100)
})

t.test('an IPv6 fragment shows its offset and protocol behind other headers', async t => {
  const options = Buffer.from([44, 0, 0, 0, 0, 0, 0, 0])
  const fragment = Buffer.from([17, 0, 0x05, 0xa9, 0, 0, 0, 1])
  const parsed = parsePacket(buildPacket({ ...six, protocol: 0, payload: Buffer.concat([options, fragment, Buffer.alloc(8)]) }))
  t.match(parsed, { protocol: 17, transportAt: 56, fragmentOffset: 0x5a8, moreFragments: true })
})

t.test('one hop takes one from the TTL and leaves the checksum right', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 28, max: 1500 }), (ttl, size) => {
      const parsed = parsePacket(buildUdp(size, { ttl }))!
      decrementTimeToLive(parsed)
      return parsed.bytes[8] === ttl - 1 && headerChecksum(parsed.bytes) === 0
    }),
  )
})

t.test('the transport checksum of a packet that is right is zero', async t => {
  t.equal(transportChecksum(parsePacket(buildTcp({ bytes: 333 }))!), 0)
  t.equal(transportChecksum(parsePacket(buildTcp({ bytes: 333 }, six))!), 0)
})

/** Puts fragments together again; throws where they overlap or leave a gap. */
function reassemble(pieces: Buffer[]): Buffer {
  let payload = Buffer.alloc(0)
  for (const [at, piece] of pieces.entries()) {
    const parsed = parsePacket(piece)!
    if (headerChecksum(piece) !== 0) throw new Error('header checksum')
    if (parsed.fragmentOffset !== payload.length) throw new Error('gap or overlap')
    if (parsed.moreFragments !== at < pieces.length - 1) throw new Error('more fragments')
    payload = Buffer.concat([payload, piece.subarray(parsed.transportAt)])
  }
  return payload
}

t.test('fragments are small enough, can be cut again, and reassemble to what was sent', async () => {
  const sizes = [fc.integer({ min: 100, max: 9001 }), fc.integer({ min: 68, max: 1500 }), fc.integer({ min: 68, max: 1500 })] as const
  fc.assert(
    fc.property(...sizes, (size, mtu, nextMtu) => {
      const sent = buildUdp(size, { df: false })
      const once = fragment4(parsePacket(sent)!, mtu)
      const twice = once.flatMap(piece => fragment4(parsePacket(piece)!, nextMtu))
      const small = once.every(piece => piece.length <= mtu) && twice.every(piece => piece.length <= nextMtu)
      return small && reassemble(once).equals(sent.subarray(20)) && reassemble(twice).equals(sent.subarray(20))
    }),
  )
})

t.test('only options that ask for it are copied into later fragments', async t => {
  const copied = Buffer.from([0x94, 4, 0, 0])
  const notCopied = Buffer.from([0x44, 4, 5, 0])
  const [first, second] = fragment4(
    parsePacket(buildPacket({ df: false, options: Buffer.concat([notCopied, copied]), payload: Buffer.alloc(200) }))!,
    128,
  )
  t.strictSame(first!.subarray(20, 28), Buffer.concat([notCopied, copied]))
  t.strictSame(second!.subarray(20, 28), Buffer.concat([Buffer.alloc(4, 1), copied]))
})
