import t from 'tap'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()

t.test('packet-too-big is eaten on our side: says so, and that the peer gets it', { skip }, async t => {
  await using pair = await startCloudPair({
    forward: { mtu: 1380, signal: true },
    reverse: { mtu: 1420, signal: true, dropIcmpErrors: true },
  })
  const run = await probeFrom(pair)
  t.equal(run.status, 1)
  t.strictSame(run.causes, ['path_mtu_black_hole'])
  t.match(run.result('mtu').measured, {
    forward: { pathMtu: 1380, atLeast: false, blackHole: true, signal: 'none' },
    reverse: { pathMtu: 1420, atLeast: false, blackHole: false, signal: 'packet_too_big' },
    recommendedMss: 1340,
  })
  const found = run.diagnosis('path_mtu_black_hole')
  t.match(found, { direction: 'forward', confidence: 'certain', summary: /lost on our side, while 10\.2\.0\.2's side gets it/ })
  t.ok(found.evidence?.includes('forward: no packet-too-big message reaches our side'))
  t.equal((await pair.counters()).azure.aws.dropped.icmp_error > 0, true, 'the firewall did eat some')
})

t.test("packet-too-big is eaten on the peer's side: says so, and who sends it to us", { skip }, async t => {
  await using pair = await startCloudPair({
    forward: { mtu: 1420, signal: true, dropIcmpErrors: true },
    reverse: { mtu: 1380, signal: true },
  })
  const run = await probeFrom(pair)
  const hop = pair.sites.aws.gateway
  t.equal(run.status, 1)
  t.strictSame(run.causes, ['path_mtu_black_hole'])
  t.match(run.result('mtu').measured, {
    forward: { pathMtu: 1420, atLeast: false, blackHole: false, signal: 'packet_too_big', signalFrom: hop, signalMtu: 1420 },
    reverse: { pathMtu: 1380, atLeast: false, blackHole: true, signal: 'none' },
    recommendedMss: 1340,
  })
  const found = run.diagnosis('path_mtu_black_hole')
  t.match(found, {
    direction: 'reverse',
    confidence: 'certain',
    summary: /lost on 10\.2\.0\.2's side, while our side gets it from 10\.1\.0\.1/,
  })
  t.ok(found.evidence?.includes("reverse: no packet-too-big message reaches 10.2.0.2's side"))
  t.ok(found.evidence?.includes(`forward: ${hop} answers too large packets with packet-too-big, MTU 1420`))
})

/** Both directions carry 1400 bytes, silently; a gateway lowers the MSS to 1360 in what leaves one side. */
const clamped = { mtu: 1400, clampMss: 1360 }
const unclamped = { mtu: 1400 }

for (const { name, forward, reverse, direction, lacks, clamps, mss } of [
  {
    name: "our gateway clamps the MSS and the peer's does not",
    forward: clamped,
    reverse: unclamped,
    direction: 'forward',
    lacks: "10.2.0.2's side",
    clamps: 'our side',
    mss: { mssForward: 1460 },
  },
  {
    name: "the peer's gateway clamps the MSS and ours does not",
    forward: unclamped,
    reverse: clamped,
    direction: 'reverse',
    lacks: 'our side',
    clamps: "10.2.0.2's side",
    mss: { mssForward: 1360 },
  },
] as const) {
  t.test(name, { skip }, async t => {
    await using pair = await startCloudPair({ forward, reverse })
    const run = await probeFrom(pair)
    t.equal(run.status, 1)
    t.strictSame(run.causes, ['mss_not_clamped'])
    const other = direction === 'forward' ? 'reverse' : 'forward'
    t.match(run.result('mtu').measured, {
      [direction]: { pathMtu: 1400, tcpPacket: 1500, blackHole: true, clamped: false },
      [other]: { pathMtu: 1400, tcpPacket: 1400, blackHole: false, clamped: true },
      recommendedMss: 1360,
    })
    t.match(run.result('tcp').measured, mss)
    const found = run.diagnosis('mss_not_clamped')
    t.match(found, { layer: 'path', direction, confidence: 'certain' })
    t.match(found.summary, `The gateway on ${lacks} does not clamp the MSS, the one on ${clamps} does`)
    t.match(found.fixes, [{ where: lacks, command: /maxseg size set 1360$/ }])
  })
}
