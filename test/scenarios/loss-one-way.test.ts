import t from 'tap'
import { type PairOptions, port, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
const servers: PairOptions['servers'] = [{ kind: 'responder', agentId: 'azure-1' }]
const loss = 0.02

for (const direction of ['forward', 'reverse'] as const) {
  const other = direction === 'forward' ? 'reverse' : 'forward'
  const where = direction === 'forward' ? /on the way from here to 10\.2\.0\.2/ : /on the way from 10\.2\.0\.2 to here/

  t.test(`2 % loss ${direction} and none ${other}: datagrams tell the direction`, { skip }, async t => {
    await using pair = await startCloudPair({ [direction]: { loss }, servers, seed: 7 })
    const run = await probeFrom(pair, [`udp://${pair.target}`, '--count=4000', '--interval=1ms', '--expect-agent=azure-1'])
    const { measured, warnings, outcome } = run.result('udp')
    t.equal(run.status, 0, 'it is a warning: less than --max-loss')
    t.equal(run.document.verdict, 'degraded')
    t.same(outcome, { kind: 'ok' })
    t.ok(measured[direction].lossRatio! > 0.008 && measured[direction].lossRatio! < 0.035, JSON.stringify(measured))
    t.equal(measured[other].lossRatio, 0)
    t.ok(warnings.some(({ code }) => code === 'packet_loss'))
    t.ok(measured.flows.length === 4 && measured.flows.every(flow => flow[direction === 'forward' ? 'forwardLost' : 'reverseLost']! > 0))
    // What the network itself has counted; hellos and queries are lost too.
    const counted = (await pair.counters())[direction === 'forward' ? 'aws' : 'azure'][direction === 'forward' ? 'azure' : 'aws']
    const lost = measured[direction].sent! - measured[direction].received!
    t.ok(lost <= counted.dropped.loss && lost >= counted.dropped.loss - 10, `${lost} lost, ${counted.dropped.loss} dropped`)
    t.ok(measured.rttMs!.min >= 10 && measured.rttMs!.p50 < 300, JSON.stringify(measured.rttMs))
    t.match(measured.responder, { agentId: 'azure-1', source: pair.sites.aws.address })
    t.match(run.diagnosis('packet_loss'), { direction, confidence: 'certain', summary: where })
    t.strictSame(run.causes, ['packet_loss'])
  })

  t.test(`2 % loss ${direction} and none ${other}: the retransmit ratio of a transfer tells the direction`, { skip }, async t => {
    await using pair = await startCloudPair({ [direction]: { loss }, servers, seed: 7 })
    const words = [`tcp://${pair.target}`, '--payload=4MiB', '--timeout=25s', '--expect-agent=azure-1']
    const run = await probeFrom(pair, words)
    const { measured, outcome } = run.result('tcp')
    t.same(outcome, { kind: 'ok' })
    const ratios = { forward: measured.retransmitRatio!, reverse: measured.reverse!.retransmitRatio }
    t.ok(ratios[direction] > 0.01 && ratios[direction] < 0.05, JSON.stringify(measured))
    t.ok(ratios[other] < 0.01, JSON.stringify(measured))
    t.ok(measured.segmentsOut! >= 1000 && measured.reverse!.segmentsOut >= 1000, 'enough to judge 1 % by')
    t.match(measured.responder, { agentId: 'azure-1', source: pair.sites.aws.address, slowed: false })
    t.match(run.diagnosis('packet_loss'), { direction, confidence: 'certain', summary: where })
    t.match(run.diagnosis('packet_loss').evidence?.join('; '), /threshold 1 %/)
    t.equal(run.document.verdict, 'degraded')
  })
}

t.test('a path without loss has no diagnosis, and both directions are counted', { skip }, async t => {
  await using pair = await startCloudPair({ servers, family: 6 })
  const udp = await probeFrom(pair, [`udp://${pair.target}`])
  t.strictSame(udp.causes, [])
  t.match(udp.result('udp').measured, { forward: { sent: 100, received: 100 }, reverse: { sent: 100, received: 100 } })
  const tcp = await probeFrom(pair, [`tcp://${pair.target}`, '--payload=512KiB'])
  t.strictSame(tcp.causes, [])
  t.match(tcp.result('tcp').measured, { bytesAcked: 512 * 1024, reverse: { bytesSent: 512 * 1024 - 4096, retransmits: 0 } })
})

t.test('another agent at the address is not this target: nothing is said of the network', { skip }, async t => {
  await using pair = await startCloudPair({ servers })
  for (const kind of ['udp', 'tcp'] as const) {
    const run = await probeFrom(pair, [`${kind}://${pair.target}`, '--expect-agent=azure-2'])
    t.equal(run.status, 3)
    t.match(run.result(kind).outcome, {
      kind: 'unmeasured',
      reason: 'config_invalid',
      detail: `agent "azure-1" answers at ${pair.address} port ${port}, want "azure-2"`,
    })
  }
})

t.test('UDP that a filter drops while TCP passes is a filtered port', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [{ kind: 'tcp', variant: 'sink' }] })
  const closed = await probeFrom(pair, [`udp://${pair.target}`])
  t.equal(closed.status, 1)
  t.match(closed.result('udp').outcome, { reason: 'tcp_refused' })
  t.strictSame(closed.causes, ['port_closed'])
  await pair.setLink('aws', 'azure', { down: true })
  const silent = await probeFrom(pair, [`udp://${pair.target}`, '--timeout=500ms'])
  t.match(silent.result('udp').outcome, { reason: 'no_reply', detail: /no Causeway responder there, or UDP is dropped/ })
  t.strictSame(silent.causes, ['port_filtered'])
})
