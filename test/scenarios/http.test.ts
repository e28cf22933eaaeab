/** A service that is slow, and a network that is: the same seconds, and another team to call. */
import t from 'tap'
import { type PairOptions, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'
import type { HttpVariant } from '../servers/http-servers.ts'

const skip = await needsNamespaces()

const startPair = (variant: HttpVariant, network: PairOptions = {}) => startCloudPair({ ...network, servers: [{ kind: 'http', variant }] })

t.test('a slow service over a quick network', { skip }, async t => {
  await using pair = await startPair('answers after 300 ms')
  const run = await probeFrom(pair, [`http://${pair.target}/`])
  t.equal(run.status, 0)
  const { rttMs, serverMs } = run.result('http').measured
  t.ok(rttMs! >= 9 && rttMs! < 100, `the network ${rttMs} ms`)
  t.ok(serverMs! >= 295, `the service ${serverMs} ms`)
})

t.test('a quick service over a slow network', { skip }, async t => {
  await using pair = await startPair('answers at once', { forward: { delayMs: 150 }, reverse: { delayMs: 150 } })
  const run = await probeFrom(pair, [`http://${pair.target}/`])
  t.equal(run.status, 0)
  const { rttMs, serverMs } = run.result('http').measured
  t.ok(rttMs! >= 295, `the network ${rttMs} ms`)
  t.ok(serverMs! < 290, `the service ${serverMs} ms`)
})

t.test('a service that takes the request and never answers', { skip }, async t => {
  await using pair = await startPair('accepts the request and says nothing')
  const run = await probeFrom(pair, [`http://${pair.target}/`, '--timeout', '1s'])
  t.equal(run.status, 1)
  t.match(run.result('http'), { outcome: { reason: 'http_timeout' }, measured: { requestAcked: true, retransmits: 0 } })
  t.match(run.document.diagnosis, [{ cause: 'service_slow', layer: 'http', confidence: 'likely' }])
})
