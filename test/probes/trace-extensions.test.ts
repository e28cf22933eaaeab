import fc from 'fast-check'
import t from 'tap'
import { extensionsOf, readExtensions } from '../../probes/trace-extensions.ts'

const object = (kind: number, cType: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(4 + body.length)
  head[2] = kind
  head[3] = cType
  return Buffer.concat([head, body])
}

/** RFC 1071. */
const structure = (objects: Buffer[], { version = 2, checksum }: { version?: number; checksum?: number } = {}): Buffer => {
  const bytes = Buffer.concat([Buffer.from([version << 4, 0, 0, 0]), ...objects])
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  bytes.writeUInt16BE(checksum ?? ~sum & 0xffff, 2)
  return bytes
}

const label = (value: number, trafficClass: number, ttl: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeUInt32BE(value * 4096 + trafficClass * 512 + 256 + ttl)
  return b
}
const labels = object(1, 1, Buffer.concat([label(24_001, 5, 1), label(1_048_575, 0, 254)]))
const name = Buffer.alloc(12)
name[0] = 12
name.write('xe-0/0/1', 1)
const isIncoming = 0
const whole = object(
  2,
  isIncoming | 0b1111,
  Buffer.concat([Buffer.from([0, 0, 2, 1]), Buffer.from([0, 1, 0, 0, 192, 0, 2, 9]), name, Buffer.from([0, 0, 0x23, 0x28])]),
)
const nothing = { mpls: [], interfaces: [] }

t.test('labels and interfaces are read (RFC 4950, RFC 5837)', async t => {
  t.same(readExtensions(structure([labels, whole])), {
    mpls: [
      { label: 24_001, trafficClass: 5, ttl: 1 },
      { label: 1_048_575, trafficClass: 0, ttl: 254 },
    ],
    interfaces: [{ role: 'incoming', index: 513, address: '192.0.2.9', name: 'xe-0/0/1', mtu: 9000 }],
  })
  const six = object(2, 0b1000_0100, Buffer.from([0, 2, 0, 0, 0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1]))
  t.same(readExtensions(structure([six])).interfaces, [{ role: 'outgoing', address: '2001:db8::1' }])
})

t.test('what is not sound is not there', async t => {
  t.same(readExtensions(structure([labels], { version: 1 })), nothing, 'another version')
  t.same(readExtensions(structure([labels], { checksum: 0x1234 })), nothing, 'a wrong checksum')
  t.equal(readExtensions(structure([labels], { checksum: 0 })).mpls.length, 2, 'none was made')
  t.same(readExtensions(structure([object(9, 9, Buffer.alloc(8)), labels])).mpls.length, 2, 'an object that nobody knows is passed over')
  const long = Buffer.from(labels)
  long.writeUInt16BE(4000)
  t.same(readExtensions(structure([long])), nothing, 'an object longer than all')
  const short = Buffer.from(labels)
  short.writeUInt16BE(3)
  t.same(readExtensions(structure([short])), nothing, 'an object shorter than its own header')
  for (const cut of [1, 5, 9, 13, 20])
    t.ok(
      readExtensions(structure([object(2, 0b1111, whole.subarray(4, whole.length - cut))])).interfaces.length === 1,
      'a body that ends early',
    )
})

t.test('where extensions begin: as the router says, or behind 128 bytes of the quote when the checksum proves it', async t => {
  const quote = Buffer.alloc(108)
  t.equal(extensionsOf(Buffer.concat([quote, structure([labels])]), 0, 20).mpls.length, 2)
  t.equal(extensionsOf(Buffer.concat([quote.subarray(8), structure([labels])]), 100, 28).mpls.length, 2)
  t.same(extensionsOf(Buffer.concat([quote, structure([labels], { checksum: 0 })]), 0, 20), nothing, 'could be the quote itself')
  t.same(extensionsOf(quote, 108, 20), nothing)
  t.same(extensionsOf(quote, 5000, 20), nothing)
})

t.test('no bytes make it throw, or read what is not there', async () => {
  const anything = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  const plausible = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.nat(255), fc.uint8Array({ maxLength: 40 })), { maxLength: 4 })
    .map(objects => structure(objects.map(([kind, cType, body]) => object(kind, cType, Buffer.from(body)))))
  fc.assert(
    fc.property(fc.oneof(anything, plausible), fc.nat(400), fc.constantFrom(20, 28, 40, 48), (bytes, at, stripped) => {
      for (const { mpls, interfaces } of [readExtensions(bytes), extensionsOf(bytes, at, stripped)]) {
        if (mpls.some(({ label, ttl }) => label > 0xfffff || ttl > 255)) throw new Error('a number that no label has')
        if (4 * mpls.length > bytes.length || interfaces.length * 4 > bytes.length) throw new Error('more than there was')
      }
    }),
    { numRuns: 2000 },
  )
})
