import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { balanceNonce, balanceOf, buildDatagram, buildEcho, nonceBytes, readQuote, readReply } from '../../../probes/net/trace-packet.ts'

const nonce = randomBytes(nonceBytes)
const other = Buffer.from(nonce.map(byte => byte ^ 0xff))
const ones = (b: Buffer): number => {
  let sum = 0
  for (let i = 0; i < b.length; i += 2) sum += b.readUInt16BE(i)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
const reply = (family: 4 | 6, echo: Buffer): Buffer => {
  const b = Buffer.from(echo)
  b[0] = family === 4 ? 0 : 129
  return b
}

t.test('all packets of a flow have the same checksum, so that no router tells them apart', async t => {
  for (const build of [
    (i: number) => buildEcho(4, i, nonce),
    (i: number) => buildEcho(6, i, nonce),
    (i: number) => buildDatagram(i, nonce),
  ])
    t.equal(new Set(Array.from({ length: 300 }, (_, i) => ones(build(i)))).size, 1)
})

t.test('the checksum is the same in the next trace too, and in echoes of any size that are pinned to the flow', async t => {
  const nonces = Array.from({ length: 50 }, () => balanceNonce(randomBytes(nonceBytes)))
  t.ok(new Set(nonces.map(one => one.toString('hex'))).size > 40, 'they differ nevertheless')
  // ICMPv6 sums the length as well.
  const sumOf = (family: 4 | 6, b: Buffer): number => 0xffff - balanceOf(4, 0, [ones(b), family === 6 ? b.length : 0])
  for (const family of [4, 6] as const) {
    const sums = new Set(nonces.map((one, index) => sumOf(family, buildEcho(family, index, one))))
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff }),
        fc.nat(0xffff_ffff),
        fc.nat(0xffff_ffff),
        fc.integer({ min: 8, max: 4000 }).map(half => 2 * half),
        (sequence, session, index, bytes) => {
          const echo = Buffer.alloc(8 + bytes)
          echo[0] = family === 4 ? 8 : 128
          echo.writeUInt16BE(sequence, 6)
          echo.writeUInt32BE(session, 8)
          echo.writeUInt32BE(index, 12)
          echo.writeUInt16BE(balanceOf(family, echo.length, [sequence, session >>> 16, session, index >>> 16, index]), 16)
          sums.add(sumOf(family, echo))
          return sums.size === 1
        },
      ),
    )
  }
})

t.test('a quote says which packet it is, however much of it there is', async t => {
  for (const index of [0, 1, 255, 7649]) {
    for (let length = 8; length <= 40; length++)
      t.equal(readQuote('icmp', 4, buildEcho(4, index, nonce).subarray(0, length), nonce), index, `${length} bytes of an echo`)
    for (let length = 4; length <= 32; length++)
      t.equal(readQuote('udp', 4, buildDatagram(index, nonce).subarray(0, length), nonce), index, `${length} bytes of a datagram`)
  }
  t.equal(readQuote('icmp', 6, buildEcho(6, 3, nonce), nonce), 3)
  t.equal(readQuote('udp', 4, Buffer.alloc(0), nonce), 'unidentified', 'RFC 792: 8 bytes, all of them UDP header')
  t.equal(readQuote('icmp', 4, buildEcho(4, 3, nonce).subarray(0, 7), nonce), 'unidentified')
})

t.test("someone else's packet is nobody's answer", async t => {
  t.equal(readQuote('icmp', 4, buildEcho(4, 3, other), nonce), 'foreign')
  t.equal(readQuote('udp', 4, buildDatagram(3, other), nonce), 'foreign')
  t.equal(readQuote('icmp', 4, reply(4, buildEcho(4, 3, nonce)), nonce), 'foreign', 'a reply was not sent here')
  t.equal(readReply(4, reply(4, buildEcho(4, 3, other)), nonce), undefined)
  t.equal(readReply(4, buildEcho(4, 3, nonce), nonce), undefined, 'our own request')
  for (const family of [4, 6] as const) t.equal(readReply(family, reply(family, buildEcho(family, 9, nonce)), nonce), 9)
})

t.test('no bytes make it throw, and bytes at random are never ours', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 100 }), fc.constantFrom(4 as const, 6 as const), (bytes, family) => {
      const b = Buffer.from(bytes)
      if (typeof readQuote('icmp', family, b, nonce) === 'number' || typeof readQuote('udp', family, b, nonce) === 'number') return false
      return readReply(family, b, nonce) === undefined
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), bytes => {
      readQuote('icmp', 4, Buffer.from(bytes), nonce)
      readQuote('udp', 4, Buffer.from(bytes), nonce)
      readReply(4, Buffer.from(bytes), nonce)
    }),
  )
})
