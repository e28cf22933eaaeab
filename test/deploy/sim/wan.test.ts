import fc from 'fast-check'
import t from 'tap'
import { type Link, perfectLink } from '../../../deploy/sim/link.ts'
import { planSites } from '../../../deploy/sim/plan.ts'
import { createWan, seededRandom } from '../../../deploy/sim/wan.ts'
import { buildIcmp, buildTcp, buildUdp, six } from './build-packet.ts'

const sites = planSites({ aws: {}, azure: { interfaceMtu: 9001 }, gcp: {} })
const [AWS, AZURE] = [0, 1]

/** What happens to packets from aws to azure over this link, all at `nowMs` 1000: sizes, receivers and delays. */
function send(link: Partial<Link>, packets: Buffer[], back: Partial<Link> = {}) {
  const wan = createWan(sites, seededRandom(1))
  wan.setLink('aws', 'azure', link)
  wan.setLink('azure', 'aws', back)
  const dues = packets.flatMap(bytes => wan.receive(AWS, bytes, 1000))
  const counters = wan.counters()
  return {
    delivered: dues.map(({ bytes, site, atMs }) => ({ size: bytes.length, site, delayMs: atMs - 1000, bytes })),
    counters: counters.aws!.azure!,
    back: counters.azure!.aws!,
  }
}

const syn = Buffer.from([2, 4, 5, 180])

for (const { name, link, packet, dropped, answered } of [
  { name: 'a link that is down', link: { down: true }, packet: buildUdp(100), dropped: 'down' },
  { name: 'ping where ICMP is dropped', link: { dropIcmp: true }, packet: buildIcmp(8), dropped: 'icmp' },
  { name: 'IPv6 ping where ICMP is dropped', link: { dropIcmp: true }, packet: buildIcmp(128, six), dropped: 'icmp' },
  { name: 'an error where errors are dropped', link: { dropIcmpErrors: true }, packet: buildIcmp(3), dropped: 'icmp_error' },
  { name: 'a filtered port', link: { dropTcpPorts: [443] }, packet: buildTcp({ flags: 'syn' }), dropped: 'tcp_port' },
  { name: 'certain loss', link: { loss: 1 }, packet: buildUdp(100), dropped: 'loss' },
  { name: 'one byte over the MTU, without a signal', link: { mtu: 1400 }, packet: buildUdp(1401), dropped: 'mtu' },
  {
    name: 'one byte over the MTU, with the signal',
    link: { mtu: 1400, signal: true },
    packet: buildUdp(1401),
    dropped: 'mtu',
    answered: 576,
  },
  { name: 'the same in IPv6', link: { mtu: 1400, signal: true }, packet: buildUdp(1401, six), dropped: 'mtu', answered: 1280 },
  {
    name: 'no DF where it is not cut',
    link: { mtu: 1400, signal: true, fragment: false },
    packet: buildUdp(1401, { df: false }),
    dropped: 'mtu',
  },
  { name: 'larger than the receiver takes', link: {}, packet: buildUdp(9002), dropped: 'receiver_mtu' },
  { name: 'a TTL that has run out', link: {}, packet: buildUdp(100, { ttl: 1 }), dropped: 'ttl', answered: 128 },
] as const) {
  t.test(`${name}: dropped and counted as ${dropped}`, async t => {
    const { delivered, counters } = send({ ...link, dropTcpPorts: [...('dropTcpPorts' in link ? link.dropTcpPorts : [])] }, [packet])
    t.equal(counters.dropped[dropped], 1)
    t.strictSame([counters.packets, counters.delivered, counters.signalled], [1, 0, answered ? 1 : 0])
    t.match(delivered, answered ? [{ site: AWS, size: answered, delayMs: 0 }] : [])
    t.equal(delivered.length, answered ? 1 : 0)
  })
}

for (const { name, link, packet } of [
  { name: 'exactly the MTU', link: { mtu: 1400 }, packet: buildUdp(1400) },
  { name: 'UDP where ICMP is dropped', link: { dropIcmp: true, dropIcmpErrors: true }, packet: buildUdp(100) },
  { name: 'ping where only errors are dropped', link: { dropIcmpErrors: true }, packet: buildIcmp(8) },
  { name: 'another port than the filtered one', link: { dropTcpPorts: [80] }, packet: buildTcp({ flags: 'syn' }) },
  { name: 'an answer from the filtered port', link: { dropTcpPorts: [443] }, packet: buildTcp({ back: true }) },
]) {
  t.test(`${name}: passes`, async t => {
    const { delivered } = send(link, [packet])
    t.match(delivered, [{ site: AZURE, size: packet.length, delayMs: 0 }])
    t.equal(delivered[0]!.bytes[8], 63)
  })
}

t.test('a firewall on the way back eats what the hop says, and counts it there', async t => {
  for (const rule of ['dropIcmp', 'dropIcmpErrors'] as const) {
    const { delivered, counters, back } = send({ mtu: 1400, signal: true }, [buildUdp(1401)], { [rule]: true })
    t.strictSame([delivered.length, counters.signalled, back.dropped.icmp + back.dropped.icmp_error], [0, 0, 1])
  }
})

t.test('fragments go on, each within the MTU', async t => {
  const { delivered, counters } = send({ mtu: 600, signal: true }, [buildUdp(1400, { df: false })])
  t.strictSame(
    delivered.map(({ size, site }) => [size, site]),
    [
      [596, AZURE],
      [596, AZURE],
      [248, AZURE],
    ],
  )
  t.strictSame([counters.fragmented, counters.delivered], [1, 3])
})

t.test('a SYN is clamped and counted', async t => {
  const { delivered, counters } = send({ clampMss: 1340 }, [buildTcp({ flags: 'syn', options: syn })])
  t.equal(delivered[0]!.bytes.readUInt16BE(42), 1340)
  t.equal(counters.clamped, 1)
})

t.test('a rate spaces packets, and what would wait for more than a quarter of a second is dropped', async t => {
  const { delivered, counters } = send(
    { rateBitsPerSecond: 100_000, delayMs: 5 },
    Array.from({ length: 5 }, () => buildUdp(1250)),
  )
  t.strictSame(
    delivered.map(({ delayMs }) => delayMs),
    [105, 205, 305],
  )
  t.equal(counters.dropped.queue, 2)
})

t.test('a packet that is held back is overtaken, a duplicate arrives with its original', async t => {
  t.match(send({ delayMs: 5, reorder: 1, reorderMs: 30 }, [buildUdp(100)]).delivered, [{ delayMs: 35 }])
  const { delivered, counters } = send({ delayMs: 5, duplicate: 1 }, [buildUdp(100)])
  t.match(delivered, [{ delayMs: 5 }, { delayMs: 5 }])
  t.strictSame([counters.packets, counters.delivered, counters.duplicated], [1, 2, 1])
})

t.test('what is for the router, for neighbours, for nobody or for the own site is not carried', async t => {
  const wan = createWan(sites, seededRandom(1))
  for (const to of ['10.1.0.1', '10.2.0.1', '10.1.0.2', '224.0.0.1', '255.255.255.255', '169.254.169.254', '127.0.0.1'])
    t.strictSame(wan.receive(AWS, buildUdp(100, { to }), 0), [], to)
  for (const to of ['fd00:1::1', 'ff02::1', 'fe80::1']) t.strictSame(wan.receive(AWS, buildUdp(100, { ...six, to }), 0), [], to)
  t.strictSame(wan.receive(AWS, Buffer.from('not a packet at all, really'), 0), [])
})

t.test('an address of no site is answered: no route', async t => {
  const wan = createWan(sites, seededRandom(1))
  const [told] = wan.receive(AWS, buildUdp(100, { to: '10.9.0.2' }), 0)
  t.strictSame([told!.site, told!.bytes[20], told!.bytes[21]], [AWS, 3, 0])
  const [told6] = wan.receive(AWS, buildUdp(100, { ...six, to: 'fd00:9::2' }), 0)
  t.strictSame([told6!.site, told6!.bytes[40], told6!.bytes[41]], [AWS, 1, 0])
})

t.test('every packet is delivered or counted as dropped; jitter alone keeps the order; a seed repeats it all', async () => {
  const share = fc.constantFrom(0, 0.1, 0.5, 1)
  const links = fc.record({
    delayMs: fc.nat(50),
    jitterMs: fc.nat(50),
    loss: share,
    duplicate: share,
    mtu: fc.integer({ min: 68, max: 1500 }),
  })
  const sizes = fc.array(fc.integer({ min: 28, max: 1500 }), { maxLength: 40 })
  fc.assert(
    fc.property(links, sizes, (link, list) => {
      const run = () =>
        send(
          link,
          list.map(size => buildUdp(size)),
        )
      const { delivered, counters } = run()
      const lost = Object.values(counters.dropped).reduce((sum, count) => sum + count, 0)
      const delays = delivered.map(({ delayMs }) => delayMs)
      const inOrder = delays.every((delay, at) => at === 0 || delay >= delays[at - 1]!)
      const inRange = delays.every(delay => delay >= link.delayMs && delay <= link.delayMs + link.jitterMs)
      const again = JSON.stringify(run().delivered) === JSON.stringify(delivered)
      return counters.packets === counters.delivered - counters.duplicated + lost && inOrder && inRange && again
    }),
  )
})

t.test('a direction is nobody else’s', async t => {
  const wan = createWan(sites, seededRandom(1))
  wan.setLink('aws', 'azure', { down: true })
  t.equal(wan.receive(AZURE, buildUdp(100, { from: '10.2.0.2', to: '10.1.0.2' }), 0).length, 1)
  t.equal(wan.receive(AWS, buildUdp(100, { to: '10.3.0.2' }), 0).length, 1)
  t.equal(perfectLink.down, false)
})
