import fc from 'fast-check'
import t from 'tap'
import { parsePacket, transportChecksum } from '../../../deploy/sim/ip-packet.ts'
import { clampMss, endFirstFlight, type Flights, inFirstFlightButNotFirst, parseSegment } from '../../../deploy/sim/tcp-rules.ts'
import { buildTcp, buildUdp, type Segment, six } from './build-packet.ts'

const mss = (value: number) => Buffer.from([2, 4, value >> 8, value & 255])
const nops = (count: number) => Buffer.alloc(count, 1)

/** The MSS option's value after clamping to `limit`, and whether it was changed. */
function clamp(segment: Segment, limit: number, at = 0, family = {}) {
  const packet = parsePacket(buildTcp(segment, family))!
  const changed = clampMss(packet, limit)
  return { changed, value: packet.bytes.readUInt16BE(packet.transportAt + 20 + at + 2), checksum: transportChecksum(packet) }
}

t.test('the MSS of a SYN or SYN-ACK is lowered, never raised', async t => {
  t.match(clamp({ flags: 'syn', options: mss(1460) }, 1340), { changed: true, value: 1340 })
  t.match(clamp({ flags: 'syn-ack', options: mss(1460) }, 1340), { changed: true, value: 1340 })
  t.match(clamp({ flags: 'syn', options: mss(1340) }, 1340), { changed: false, value: 1340 })
  t.match(clamp({ flags: 'syn', options: mss(536) }, 1340), { changed: false, value: 536 })
  t.match(clamp({ flags: 'ack', options: mss(1460) }, 1340), { changed: false, value: 1460 })
})

t.test('a SYN without the option, or with a broken one, is left alone', async t => {
  for (const options of [
    nops(4),
    Buffer.from([0, 2, 4, 9]),
    Buffer.from([2, 0, 9, 9]),
    Buffer.from([2, 40, 9, 9]),
    Buffer.from([3, 1, 9, 9]),
  ])
    t.equal(clamp({ flags: 'syn', options }, 100).changed, false)
  t.equal(clampMss(parsePacket(buildUdp(100))!, 100), false)
})

t.test('a clamp leaves the checksum right, wherever the option stands', async () => {
  const value = fc.integer({ min: 0, max: 65_535 })
  fc.assert(
    fc.property(value, value, fc.integer({ min: 0, max: 20 }), fc.boolean(), (before, limit, at, ipv6) => {
      const after = clamp(
        { flags: 'syn', sequence: before * limit, options: Buffer.concat([nops(at), mss(before)]) },
        limit,
        at,
        ipv6 ? six : {},
      )
      return after.checksum === 0 && after.value === Math.min(before, limit) && after.changed === before > limit
    }),
  )
})

t.test('which packets of a first flight a middlebox loses', async t => {
  const flights: Flights = new Map()
  const lost = (segment: Segment) => {
    const packet = parsePacket(buildTcp(segment))!
    return inFirstFlightButNotFirst(flights, packet, parseSegment(packet)!)
  }
  const start = 0xffff_fff0
  t.equal(lost({ flags: 'syn', sequence: start }), false)
  t.equal(lost({ sequence: start + 1, bytes: 1448 }), false, 'the first')
  t.equal(lost({ sequence: start + 1449, bytes: 300 }), true, 'the second, beyond the wrap of sequence numbers')
  t.equal(lost({ sequence: start + 1449, bytes: 300 }), true, 'its retransmission')
  t.equal(lost({ sequence: start + 1, bytes: 1448 }), false, 'a retransmission of the first')
  t.equal(lost({ sequence: start + 1449 }), false, 'an ACK without data')
  t.equal(lost({ sequence: start + 1449, bytes: 300, port: 444 }), false, 'a connection whose SYN was not seen')
  const answer = parsePacket(buildTcp({ back: true, bytes: 5 }, { from: '10.2.0.2', to: '10.1.0.2' }))!
  endFirstFlight(flights, answer, parseSegment(answer)!)
  t.equal(lost({ sequence: start + 1449, bytes: 300 }), false, 'once the server has spoken')
})

t.test('a middlebox that only looks at TLS leaves other flights alone', async t => {
  const lost = (firstByte: number): boolean => {
    const flights: Flights = new Map()
    const pass = (segment: Segment, payload?: number): boolean => {
      const packet = parsePacket(buildTcp(segment))!
      const parsed = parseSegment(packet)!
      if (payload !== undefined) packet.bytes[packet.bytes.length - parsed.payloadBytes] = payload
      return inFirstFlightButNotFirst(flights, packet, parsed, true)
    }
    pass({ flags: 'syn', sequence: 7 })
    t.equal(pass({ sequence: 8, bytes: 1448 }, firstByte), false)
    return pass({ sequence: 1456, bytes: 300 })
  }
  t.equal(lost(22), true, 'a hello')
  t.equal(lost('G'.charCodeAt(0)), false, 'a request in clear text')
})

t.test('the memory of first flights is bounded', async t => {
  const flights: Flights = new Map()
  for (let port = 1; port <= 12_000; port++) {
    const packet = parsePacket(buildTcp({ flags: 'syn', port }))!
    inFirstFlightButNotFirst(flights, packet, parseSegment(packet)!)
  }
  t.equal(flights.size, 10_000)
})
