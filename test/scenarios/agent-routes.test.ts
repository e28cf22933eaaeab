/** Routes that move and routes that break, as an agent tells them. */
import t from 'tap'
import { startNetwork } from '../../deploy/sim/network.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder, startAgentIn } from '../lab/agent-in.ts'
import { logsOf, valuesOf } from '../lab/batches.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(180_000)

t.test('another route is told with both lists, and a path that breaks is traced at once', { skip }, async t => {
  await using network = await startNetwork({
    sites: { aws: {}, azure: {} },
    routes: [
      { from: 'aws', to: 'azure', name: 'tunnel-1', hops: [{}, { silent: true }, {}], delayMs: 5 },
      { from: 'aws', to: 'azure', name: 'tunnel-2', hops: 6, delayMs: 20 },
      { from: 'azure', to: 'aws', name: 'back', hops: 3, delayMs: 5 },
    ],
  })
  const agent = await startAgentIn(network, {
    targets: [{ name: 'azure-1', address: `${network.sites.azure.address}:9` }],
    checks: [
      { name: 'way', kind: 'trace', every: '2s', lateness: '30s' },
      { name: 'ping', kind: 'icmp', every: '1s', lateness: '30s', options: { count: 1 } },
    ],
  })
  t.teardown(() => removeFolder(agent.folder))
  const told = (name: string) => logsOf(agent.batches).filter(log => log.name === name)
  const hops = (direction: string) =>
    valuesOf(agent.batches, 'causeway.path.hops', { 'causeway.check': 'way', 'causeway.direction': direction })
  await waitFor('the first window', async () => (hops('forward').length > 0 ? true : undefined), 60_000)
  t.same([...new Set([hops('forward')[0], hops('reverse')[0]])], [5])
  t.same(told('causeway.route.changed'), [], 'a silent router is no change')

  await network.useRoutes('aws', 'azure', ['tunnel-2'])
  const changed = await waitFor('the change', async () => told('causeway.route.changed')[0], 60_000)
  t.match(changed, {
    body: /The route to .* is not what it was: it differs from hop 2 on/,
    attributes: { 'causeway.cause': 'route_changed', 'causeway.route.before_length': 5, 'causeway.route.after_length': 8 },
  })
  t.not(changed.attributes['causeway.route.before'], changed.attributes['causeway.route.after'])

  // Behind the third router of the new route there is nothing any more.
  await network.setRoute('aws', 'azure', 'tunnel-2', { hops: [{}, {}, {}, { loss: 1 }, {}, {}] })
  const traced = await waitFor('the trace', async () => told('causeway.path.traced')[0], 60_000)
  t.match(traced, {
    body: /no_reply: .*; traced by icmp: the last hop that answers is number 4, 172\.16\.1\.3/,
    attributes: { 'causeway.check': 'ping', 'causeway.trace.reached': false, 'causeway.trace.outcome': 'no_reply' },
  })
  await agent.end()
})
