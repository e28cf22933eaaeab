/** What the network does, as an agent's metrics and events say it. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { removeFolder, startAgentIn } from '../lab/agent-in.ts'
import { logsOf, runsOf, sumOf } from '../lab/batches.ts'
import { type PairOptions, port, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import type { Batch } from '../lab/otlp-sink.ts'

const skip = await needsNamespaces()
const servers: PairOptions['servers'] = [{ kind: 'responder', agentId: 'azure-1' }]
const threshold = 0.01

t.test('2 % loss one way: the retransmits of the agent on that side show it, those of the other do not', { skip }, async t => {
  await using pair = await startCloudPair({ forward: { loss: 0.02 }, servers, seed: 7 })
  const checks = [
    { name: 'transfer', kind: 'tcp', every: '3s', lateness: '3s', options: { payload: '1MiB' } },
    { name: 'datagrams', kind: 'udp', every: '3s', lateness: '3s', options: { count: 100, interval: '2ms', maxLoss: 0.5 } },
  ]
  const { aws, azure } = pair.sites
  const here = await startAgentIn(pair, {
    targets: [{ name: 'azure-1', address: `${azure.address}:${port}`, agentId: 'azure-1' }],
    checks,
    responder: { bind: [aws.address] },
  })
  const there = await startAgentIn(
    pair,
    {
      targets: [{ name: 'aws-1', address: `${aws.address}:7460`, agentId: 'aws-1' }],
      checks,
      agent: { id: 'azure-1', interception: 'off' },
    },
    { site: 'azure' },
  )
  t.teardown(() => [here, there].map(({ folder }) => removeFolder(folder)))
  await sleep(14_000)
  await Promise.all([here.end(), there.end()])
  for (const { batches } of [here, there]) t.strictSame(Object.keys(runsOf(batches)), ['ok'])
  /** Segments sent again of all sent, by the side that sent them. */
  const ratioOf = (batches: readonly Batch[], direction: 'forward' | 'reverse'): number => {
    const only = { 'causeway.direction': direction }
    const segments = sumOf(batches, 'causeway.tcp.segments', only)
    t.ok(segments > 1000, `${segments} segments are enough to judge 1 % by`)
    return sumOf(batches, 'causeway.tcp.retransmits', only) / segments
  }
  // Each transfer comes back too, and the responder at its other end says what it had to send again.
  for (const lossy of [ratioOf(here.batches, 'forward'), ratioOf(there.batches, 'reverse')])
    t.ok(lossy > threshold && lossy < 5 * threshold, `${lossy}`)
  for (const clean of [ratioOf(here.batches, 'reverse'), ratioOf(there.batches, 'forward')]) t.ok(clean < threshold, `${clean}`)
})

t.test('a balancer that never answers ping while TCP works: a warning, icmp_filtered, and nothing that pages', { skip }, async t => {
  await using pair = await startCloudPair({ forward: { dropIcmp: true }, servers })
  const agent = await startAgentIn(pair, {
    targets: [{ name: 'balancer', address: `${pair.address}:${port}` }],
    checks: [
      { name: 'ping', kind: 'icmp', every: '500ms', lateness: '10s', options: { count: 1 } },
      { name: 'connect', kind: 'tcp', every: '500ms', lateness: '10s' },
    ],
  })
  t.teardown(() => removeFolder(agent.folder))
  await sleep(4000)
  // Now the host is really gone, and that is no warning.
  await pair.setLink('aws', 'azure', { down: true })
  const goneMs = Date.now()
  await sleep(3000)
  await agent.end()
  const at = ({ ns }: { ns: string }): number => Number(BigInt(ns) / 1_000_000n)
  const logs = logsOf(agent.batches).filter(({ attributes }) => attributes['causeway.check'] === 'ping')
  const before = logs.filter(log => at(log) < goneMs)
  t.ok(before.length > 0)
  for (const { text } of before) t.equal(text, 'WARN')
  t.match(before[0], { attributes: { 'causeway.cause': 'icmp_filtered', 'error.type': 'no_reply' }, body: /although TCP works/ })
  t.strictSame(Object.keys(runsOf(agent.batches, 'ping')), ['fail/no_reply'], 'the metrics keep what the run saw')
  t.ok(runsOf(agent.batches, 'connect')['ok']! > 4)
  const after = logsOf(agent.batches).filter(log => at(log) > goneMs && log.text === 'ERROR')
  t.ok(
    after.some(({ attributes }) => attributes['causeway.cause'] === 'host_down'),
    'the balancer itself goes down: an error',
  )
})
