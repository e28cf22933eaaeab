import t from 'tap'
import { sum16 } from '../../../deploy/sim/ip-packet.ts'
import { planSites } from '../../../deploy/sim/plan.ts'
import { type RouteChange, type RouteOptions, routeProblems, routerAddress, routesProblems } from '../../../deploy/sim/route.ts'
import { createWan, seededRandom } from '../../../deploy/sim/wan.ts'
import { buildIcmp, buildPacket, buildTcp, buildUdp, six } from './build-packet.ts'

const sites = planSites({ aws: {}, azure: {} })
const [AWS, AZURE] = [0, 1]

const there = (name: string, change: RouteChange = {}): RouteOptions => ({ from: 'aws', to: 'azure', name, ...change })
const back = (name: string, change: RouteChange = {}): RouteOptions => ({ from: 'azure', to: 'aws', name, ...change })
const wanWith = (...routes: RouteOptions[]) => createWan(sites, seededRandom(1), routes)

/** What one packet from aws comes to: where, when, its TTL and, of an answer, who says it. */
const send = (wan: ReturnType<typeof createWan>, bytes: Buffer, nowMs = 1000) =>
  wan.receive(AWS, bytes, nowMs).map(due => ({
    site: due.site,
    delayMs: due.atMs - nowMs,
    ttl: due.bytes[8],
    from: [...due.bytes.subarray(12, 16)].join('.'),
    bytes: due.bytes,
  }))

for (const { name, ttl, wanted } of [
  { name: 'the gateway', ttl: 1, wanted: { site: AWS, delayMs: 0, ttl: 64, from: '10.1.0.1' } },
  { name: 'the first router', ttl: 2, wanted: { site: AWS, delayMs: 20, ttl: 254, from: '172.16.0.1' } },
  { name: 'the last router', ttl: 4, wanted: { site: AWS, delayMs: 60, ttl: 252, from: '172.16.0.3' } },
  { name: 'the site', ttl: 5, wanted: { site: AZURE, delayMs: 40, ttl: 1, from: '10.1.0.2' } },
]) {
  t.test(`a TTL of ${ttl} ends at ${name}, after its share of the delay`, async t => {
    const wan = wanWith(there('vpn', { delayMs: 40, hops: 3 }), back('vpn', { delayMs: 40, hops: 3 }))
    t.match(send(wan, buildUdp(100, { ttl })), [wanted])
  })
}

t.test('the way back has its own length and delay, and answers take it', async t => {
  const wan = wanWith(there('vpn', { delayMs: 8, hops: 1 }), back('internet', { delayMs: 100, hops: 9 }))
  t.match(send(wan, buildUdp(100, { ttl: 2 })), [{ from: '172.16.0.1', delayMs: 4 + 50, ttl: 250 }])
  t.match(wan.receive(AZURE, buildUdp(100, { from: '10.2.0.2', to: '10.1.0.2' }), 0), [{ site: AWS, atMs: 100 }])
})

t.test('an IPv6 router has an address of its own', async t => {
  const [told] = wanWith(there('vpn', { hops: 2 })).receive(AWS, buildUdp(100, { ...six, ttl: 3 }), 0)
  t.equal(told!.bytes.toString('hex', 8, 24), 'fd010001000000000000000000000002')
  t.strictSame([told!.bytes[40], told!.bytes[41]], [3, 0])
})

t.test('two hundred and fifty-four routers leave one hop for the site', async t => {
  const wan = wanWith(there('long', { hops: 254 }), back('long', { hops: 254 }))
  t.match(send(wan, buildUdp(100, { ttl: 255 })), [{ site: AWS, from: '172.16.0.254', ttl: 1 }])
  t.equal(routerAddress(4095, 253, 4), '172.31.255.254')
})

t.test('a route has an MTU of its own, which the gateway tells', async t => {
  const wan = wanWith(there('vpn', { mtu: 1400, signal: true, hops: 2 }))
  const [told] = send(wan, buildUdp(1401))
  t.strictSame([told!.from, told!.bytes.readUInt16BE(26)], ['10.1.0.1', 1400])
  t.match(send(wan, buildUdp(1400)), [{ site: AZURE }])
})

t.test('a silent router says nothing, those behind it do', async t => {
  const wan = wanWith(there('vpn', { hops: [{}, { silent: true }, {}] }))
  t.strictSame(send(wan, buildUdp(100, { ttl: 3 })), [])
  t.match(send(wan, buildUdp(100, { ttl: 4 })), [{ from: '172.16.0.3' }])
})

t.test('a router with a limit answers so often and no more, and counts the rest', async t => {
  const wan = wanWith(there('vpn', { hops: [{ errorsPerSecond: 2 }] }))
  const answered = (nowMs: number) => send(wan, buildUdp(100, { ttl: 2 }), nowMs).length
  t.strictSame([1000, 1000, 1000, 1400, 1500, 1500].map(answered), [1, 1, 0, 0, 1, 0])
  t.match(wan.routes()['aws']!['azure']!.routes['vpn']!.counters, { limited: 3, signalled: 3, delivered: 0, dropped: { ttl: 6 } })
  t.equal(send(wan, buildUdp(100), 1500).length, 1, 'what passes is not limited')
})

t.test('a router that loses packets loses those that go on as well', async t => {
  const wan = wanWith(there('vpn', { hops: [{}, { loss: 1 }, {}] }))
  t.match(send(wan, buildUdp(100, { ttl: 2 })), [{ from: '172.16.0.1' }])
  for (const ttl of [3, 4, 64]) t.strictSame(send(wan, buildUdp(100, { ttl })), [])
  t.equal(wan.routes()['aws']!['azure']!.routes['vpn']!.counters.dropped.router, 3)
})

t.test('a loop sends packets back and forth until they die', async t => {
  const wan = wanWith(there('vpn', { hops: 3, loop: true, delayMs: 4 }))
  const heard = [2, 3, 4, 5, 6, 7, 64].map(ttl => send(wan, buildUdp(100, { ttl }))[0]!.from.split('.').at(-1))
  t.strictSame(heard, ['1', '2', '3', '2', '3', '2', '3'])
  t.match(send(wanWith(there('vpn', { hops: 1, loop: true })), buildUdp(100)), [{ from: '172.16.0.1' }])
})

t.test('what the way back loses of everything it loses of answers', async t => {
  const lost: RouteChange[] = [{ down: true }, { loss: 1 }, { dropIcmp: true }, { dropIcmpErrors: true }]
  for (const change of lost) t.strictSame(send(wanWith(there('vpn', { hops: 2 }), back('vpn', change)), buildUdp(100, { ttl: 2 })), [])
})

t.test('errors carry the label stack of the packet as RFC 4884 and RFC 4950 say', async t => {
  const wan = wanWith(there('vpn', { hops: [{ mplsLabels: [16_001, 24] }] }))
  const { bytes } = send(wan, buildUdp(100, { ttl: 2 }))[0]!
  const extension = bytes.subarray(28 + 128)
  t.strictSame(
    [bytes[25], extension.length, extension[0]! >> 4, extension.readUInt16BE(4), extension[6], extension[7]],
    [32, 16, 2, 12, 1, 1],
  )
  t.strictSame([extension.readUIntBE(8, 3) >> 4, extension.readUIntBE(12, 3) >> 4], [16_001, 24])
  t.strictSame([extension[10]! & 1, extension[14]! & 1], [0, 1], 'bottom of stack')
  t.equal(sum16(extension), 0xffff)
  t.equal(wan.receive(AWS, buildUdp(100, { ...six, ttl: 2 }), 0)[0]!.bytes[44], 16)
})

t.test('equal-cost paths: a flow keeps its route, flows are spread, and one bad member loses its own only', async t => {
  const wan = wanWith(there('good', { hops: 1 }), there('bad', { loss: 1 }), there('third'))
  t.strictSame(wan.routes()['aws']!['azure']!.use, ['good'], 'the first, until told otherwise')
  wan.useRoutes('aws', 'azure', ['good', 'bad', 'third'])
  const flow = (port: number) => buildTcp({ port, flags: 'syn' })
  const arrive = Array.from({ length: 300 }, (_, at) => send(wan, flow(10_000 + at)).length)
  const share = arrive.reduce((sum, count) => sum + count, 0) / arrive.length
  t.ok(share > 0.55 && share < 0.78, `${share} of the flows, want about two of three`)
  for (let at = 0; at < 20; at++) t.equal(send(wan, flow(10_000 + at)).length, arrive[at])
})

t.test('the flow of an echo is its checksum, of a fragment its addresses', async t => {
  const wan = wanWith(there('one', { delayMs: 1 }), there('two', { delayMs: 2 }))
  wan.useRoutes('aws', 'azure', ['one', 'two'])
  const delays = (packets: Buffer[]) => new Set(packets.map(bytes => send(wan, bytes)[0]!.delayMs)).size
  const echo = (checksum: number, sequence: number) => {
    const payload = Buffer.alloc(16)
    payload[0] = 8
    payload.writeUInt16BE(checksum, 2)
    payload.writeUInt16BE(sequence, 6)
    return buildPacket({ protocol: 1, payload })
  }
  const many = Array.from({ length: 30 }, (_, at) => at)
  t.equal(delays(many.map(at => echo(7, at))), 1)
  t.equal(delays(many.map(at => echo(at, 7))), 2)
  const piece = (first: number) => buildPacket({ payload: Buffer.alloc(16, first), df: false, fragment: { offset: 0, more: true } })
  t.equal(delays(many.map(piece)), 1)
})

t.test('a failover loses what is sent while it lasts, then the other route carries, and the log says when', async t => {
  const wan = wanWith(there('one', { delayMs: 5 }), there('two', { delayMs: 25 }), back('one'), back('two'))
  t.match(send(wan, buildUdp(100), 1000), [{ delayMs: 5 }])
  wan.failOver('aws', 'azure', { routes: ['two'], tookMs: 300, both: true }, 2000)
  t.strictSame(
    [2000, 2100, 2299.9].map(nowMs => send(wan, buildUdp(100), nowMs).length),
    [0, 0, 0],
  )
  t.strictSame(wan.receive(AZURE, buildIcmp(0, { from: '10.2.0.2', to: '10.1.0.2' }), 2200), [])
  t.throws(() => wan.failOver('azure', 'aws', { routes: ['one'], tookMs: 1 }, 2200), /azure to aws: a failover is under way/)
  t.match(send(wan, buildUdp(100), 2300), [{ delayMs: 25 }])
  t.strictSame(wan.failovers(), [
    { from: 'aws', to: 'azure', before: ['one'], after: ['two'], beganAtMs: 2000, endsAtMs: 2300, lost: 3 },
    { from: 'azure', to: 'aws', before: ['one'], after: ['two'], beganAtMs: 2000, endsAtMs: 2300, lost: 1 },
  ])
})

t.test('a route changes while it is in use', async t => {
  const wan = wanWith(there('vpn', { hops: 2, delayMs: 3 }))
  wan.setRoute('aws', 'azure', 'vpn', { delayMs: 9 })
  t.match(send(wan, buildUdp(100)), [{ delayMs: 9, ttl: 61 }])
  wan.setRoute('aws', 'azure', 'vpn', { hops: 5, loop: false })
  t.match(send(wan, buildUdp(100)), [{ delayMs: 9, ttl: 58 }])
  t.throws(() => wan.setRoute('aws', 'azure', 'vpm', {}), /unknown route "vpm": want one of vpn/)
  t.throws(() => wan.useRoutes('azure', 'aws', ['vpn']), /want one of none: it has no routes/)
  t.throws(() => wan.useRoutes('aws', 'azure', []), /unknown route ""/)
})

t.test('a packet that is delivered twice crosses each router twice', async t => {
  const wan = wanWith(there('vpn', { hops: 2, duplicate: 1 }))
  t.match(send(wan, buildUdp(100)), [{ ttl: 61 }, { ttl: 61 }])
})

t.test('a bad route is refused with all its problems', async t => {
  const bad = [{ silent: 1 }, { errorsPerSecond: 0, loss: 2, colour: 'red' }, { mplsLabels: [1 << 20] }] as never
  t.match(routeProblems({ hops: bad, loop: 'yes' as never, mtu: 1 }), [
    /mtu is 1, want/,
    /hop 1: silent is 1, want true or false/,
    /hop 2: errorsPerSecond is 0, want a number above 0/,
    /hop 2: loss is 2/,
    /hop 2: unknown setting colour: want one of silent/,
    /hop 3: mplsLabels is \[1048576\], want at most 16/,
    /loop is "yes"/,
  ])
  t.match(routeProblems({ hops: 255 }), [/hops is 255, want 0 to 254/])
  t.match(routesProblems([there('Bad name'), there('vpn'), there('vpn')]), [/route "Bad name"/, /aws to azure: vpn: given twice/])
})
