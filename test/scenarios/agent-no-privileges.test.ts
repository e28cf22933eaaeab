/** The whole agent as uid 65534 without capabilities, with a read-only root: as in a pod of the restricted Pod Security Standard. */
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { childrenOf } from '../../deploy/sim/process-table.ts'
import { openFolder, removeFolder, startAgentIn } from '../lab/agent-in.ts'
import { gapsOf, logsOf, runsOf } from '../lab/batches.ts'
import { type CloudPair, type PairOptions, port, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces, needsRoot } from '../lab/needs-namespaces.ts'
import { restricted, standingOf } from '../lab/restricted.ts'

const skip = (await needsNamespaces()) || needsRoot
const servers: PairOptions['servers'] = [{ kind: 'responder' }]
const sysctl = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'
const config = ({ address }: CloudPair) => ({
  targets: [{ name: 'payments', address: `${address}:${port}` }],
  checks: [
    { name: 'ping', kind: 'icmp', every: '500ms', lateness: '10s', options: { count: 1 } },
    { name: 'connect', kind: 'tcp', every: '500ms', lateness: '10s' },
    { name: 'datagrams', kind: 'udp', every: '1s', lateness: '10s', options: { count: 10, interval: '10ms' } },
    { name: 'size', kind: 'mtu', every: '2s', lateness: '10s' },
  ],
  responder: { bind: ['127.0.0.1'] },
})

const start = async (t: Test, pair: CloudPair, isWritable: boolean) => {
  const folder = openFolder()
  const data = join(folder, 'data')
  mkdirSync(data)
  chmodSync(data, 0o777)
  t.teardown(() => removeFolder(folder))
  const agent = await startAgentIn(pair, config(pair), { folder, before: restricted(isWritable ? data : '') })
  const none = '0'.repeat(32)
  const [pid] = childrenOf(agent.child.pid!)
  t.strictSame(standingOf(pid!), { uid: 65_534, capabilities: none, noNewPrivs: '1', rootIsReadOnly: true })
  return { agent, data }
}

t.test('where the group range is open nothing is missing', { skip }, async t => {
  await using pair = await startCloudPair({ servers })
  const { agent, data } = await start(t, pair, true)
  t.match(await agent.get('/readyz'), { status: 200, text: 'ready\n' })
  await sleep(3000)
  t.match(await agent.end(), { status: 0 })
  for (const check of ['ping', 'connect', 'datagrams', 'size']) t.strictSame(Object.keys(runsOf(agent.batches, check)), ['ok'], check)
  t.ok(existsSync(join(data, 'spool')))
})

t.test('where it is closed only ICMP is unmeasured, and the line to add is named', { skip }, async t => {
  await using pair = await startCloudPair({ servers, sites: { aws: { pingGroupRange: 'closed' } } })
  const { agent } = await start(t, pair, true)
  t.match(
    agent.said.find(({ what }) => what === 'icmp over IPv4'),
    { level: 'warn', state: 'missing', remedy: /spec\.securityContext\.sysctls: .*ping_group_range/ },
  )
  t.match(await agent.get('/readyz'), { status: 200 })
  await sleep(3000)
  t.match(await agent.end(), { status: 0 })
  t.strictSame(Object.keys(runsOf(agent.batches, 'ping')), ['unmeasured/local_permission'])
  for (const check of ['connect', 'datagrams']) t.strictSame(Object.keys(runsOf(agent.batches, check)), ['ok'], check)
  const told = logsOf(agent.batches).filter(({ attributes }) => attributes['causeway.check'] === 'ping')
  t.equal(told.length, 1, 'told once')
  t.match(told[0], { text: 'WARN', attributes: { 'error.type': 'local_permission', 'causeway.detail': sysctl } })
})

t.test('a data directory that cannot be written: not ready, with the reason, and results flow from memory', { skip }, async t => {
  await using pair = await startCloudPair({ servers })
  const { agent, data } = await start(t, pair, false)
  t.match(await agent.get('/readyz'), { status: 503, text: /^spool: .*(EROFS|read-only)/ })
  t.match(await agent.get('/healthz'), { status: 200 })
  while (!runsOf(agent.batches)['ok']) await sleep(100)
  t.match(await agent.end(), { status: 0 })
  t.strictSame(Object.keys(runsOf(agent.batches, 'connect')), ['ok'])
  t.strictSame(gapsOf(agent.batches), [])
  t.notOk(existsSync(join(data, 'spool')))
})
