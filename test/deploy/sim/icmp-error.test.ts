import t from 'tap'
import { buildIcmpError, isIcmpEchoOrError, isIcmpError } from '../../../deploy/sim/icmp-error.ts'
import { headerChecksum, parsePacket, transportChecksum } from '../../../deploy/sim/ip-packet.ts'
import { buildIcmp, buildUdp, six } from './build-packet.ts'

const router4 = Buffer.from([10, 1, 0, 1])
const router6 = Buffer.from('fd000001000000000000000000000001', 'hex')

for (const { name, error, type, code, wordAt4 } of [
  { name: 'packet too big', error: { kind: 'too_big', mtu: 1400 }, type: [3, 2], code: [4, 0], wordAt4: 1400 },
  { name: 'time exceeded', error: { kind: 'time_exceeded' }, type: [11, 3], code: [0, 0], wordAt4: 0 },
  { name: 'no route', error: { kind: 'no_route' }, type: [3, 1], code: [0, 0], wordAt4: 0 },
] as const) {
  t.test(`${name} has right checksums, goes back to the sender, and quotes as much as it may`, async t => {
    for (const size of [100, 1500]) {
      const sent = buildUdp(size)
      const told = parsePacket(buildIcmpError(parsePacket(sent)!, error, router4)!)!
      t.match([told.bytes[20], told.bytes[21], told.bytes.readUInt32BE(24)], [type[0], code[0], wordAt4])
      t.strictSame([headerChecksum(told.bytes), transportChecksum(told)], [0, 0])
      t.strictSame([told.source, told.destination], [router4.toString('latin1'), '\x0a\x01\x00\x02'])
      t.equal(told.bytes.length, Math.min(size + 28, 576))
      t.strictSame(told.bytes.subarray(28), sent.subarray(0, told.bytes.length - 28))
    }
    for (const size of [100, 1500]) {
      const sent = buildUdp(size, six)
      const told = parsePacket(buildIcmpError(parsePacket(sent)!, error, router6)!)!
      t.match([told.bytes[40], told.bytes[41], told.bytes.readUInt32BE(44)], [type[1], code[1], wordAt4])
      t.equal(transportChecksum(told), 0)
      t.equal(told.bytes.length, Math.min(size + 48, 1280))
      t.strictSame(told.bytes.subarray(48), sent.subarray(0, told.bytes.length - 48))
    }
  })
}

t.test('a router says nothing about errors, later fragments and packets of nobody', async t => {
  const silent = {
    'an ICMP error': buildIcmp(3),
    'an ICMPv6 error': buildIcmp(2, six),
    'a later fragment': buildUdp(100, { df: false, fragment: { offset: 8, more: false } }),
    'source 0.0.0.0': buildUdp(100, { from: '0.0.0.0' }),
    'a multicast source': buildUdp(100, { from: '224.0.0.1' }),
    'source ::': buildUdp(100, { ...six, from: '::' }),
  }
  for (const [what, bytes] of Object.entries(silent))
    t.equal(buildIcmpError(parsePacket(bytes)!, { kind: 'time_exceeded' }, bytes[0] === 0x45 ? router4 : router6), undefined, what)
  t.ok(buildIcmpError(parsePacket(buildIcmp(8))!, { kind: 'time_exceeded' }, router4), 'but answers about an echo')
})

t.test('which ICMP a firewall drops as errors, and which as ping', async t => {
  const table = [
    { what: 'echo', bytes: buildIcmp(8), error: false, either: true },
    { what: 'echo reply', bytes: buildIcmp(0), error: false, either: true },
    { what: 'unreachable', bytes: buildIcmp(3), error: true, either: true },
    { what: 'time exceeded', bytes: buildIcmp(11), error: true, either: true },
    { what: 'ICMPv6 echo', bytes: buildIcmp(128, six), error: false, either: true },
    { what: 'ICMPv6 packet too big', bytes: buildIcmp(2, six), error: true, either: true },
    { what: 'neighbour solicitation', bytes: buildIcmp(135, six), error: false, either: false },
    { what: 'UDP', bytes: buildUdp(100), error: false, either: false },
  ]
  for (const { what, bytes, error, either } of table) {
    t.equal(isIcmpError(parsePacket(bytes)!), error, what)
    t.equal(isIcmpEchoOrError(parsePacket(bytes)!), either, what)
  }
})
