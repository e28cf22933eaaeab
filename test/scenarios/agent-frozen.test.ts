/** The agent's own trouble is never the network's: a process that is stopped, or gets no CPU. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { childrenOf } from '../../deploy/sim/process-table.ts'
import { removeFolder, type SiteAgent, startAgentIn } from '../lab/agent-in.ts'
import { logsOf, runsOf, sumOf } from '../lab/batches.ts'
import { port, startCloudPair } from '../lab/cloud-pair.ts'
import { needsCpuQuota, openCpuQuota } from '../lab/cpu-quota.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
/** Long runs, so that some are always under way. */
const slow = { forward: { delayMs: 100 }, reverse: { delayMs: 100 } }
const perSecond = 5
const config = (address: string) => ({
  targets: [{ name: 'payments', address: `${address}:${port}` }],
  checks: [
    { name: 'ping', kind: 'icmp', every: '1s', options: { count: 4, interval: '200ms' } },
    { name: 'connect', kind: 'tcp', every: '500ms' },
    { name: 'transfer', kind: 'tcp', every: '1s', options: { payload: '8KiB' } },
    { name: 'datagrams', kind: 'udp', every: '1s', options: { count: 20, interval: '20ms' } },
  ],
})

const skippedOf = ({ batches }: SiteAgent): number => sumOf(batches, 'causeway.agent.runs.skipped')
const all = (runs: Record<string, number>): number => Object.values(runs).reduce((sum, n) => sum + n, 0)

/** Nothing in what was sent says that the network lost or refused anything. */
const checkInnocent = (t: Test, { batches }: SiteAgent): void => {
  t.strictSame(
    Object.keys(runsOf(batches)).toSorted((a, b) => a.localeCompare(b)),
    ['ok', 'unmeasured/local_overload'],
  )
  const echoes = (state: string) => sumOf(batches, 'causeway.icmp.packets', { 'causeway.state': state })
  t.ok(echoes('sent') > 0)
  t.equal(echoes('received'), echoes('sent'), 'no echo lost')
  t.equal(sumOf(batches, 'causeway.tcp.syn_retransmits'), 0)
  const severe = logsOf(batches).filter(({ text, name }) => text === 'ERROR' || name === 'causeway.run.failed')
  t.strictSame(severe, [])
  t.strictSame(
    logsOf(batches).filter(({ attributes }) => !['ok', 'unmeasured'].includes(String(attributes['causeway.outcome']))),
    [],
  )
}

t.test('an agent that is stopped for 12 s and continued blames itself, and nobody else', { skip }, async t => {
  await using pair = await startCloudPair({ ...slow, servers: [{ kind: 'responder' }] })
  const agent = await startAgentIn(pair, config(pair.address))
  t.teardown(() => removeFolder(agent.folder))
  const startMs = performance.now()
  await sleep(2500)
  agent.freeze()
  const stoppedS = 12
  await sleep(stoppedS * 1000)
  agent.thaw()
  await sleep(2500)
  t.match(await agent.end(), { status: 0 })
  const lastedS = (performance.now() - startMs) / 1000
  checkInnocent(t, agent)
  const runs = runsOf(agent.batches)
  t.ok(runs['unmeasured/local_overload']! >= 2, 'those that the stop fell into')
  t.ok(runs['ok']! > 2 * perSecond, 'and before and after it everything is as ever')
  t.ok(skippedOf(agent) >= (stoppedS - 2) * perSecond, `${skippedOf(agent)} skipped`)
  const counted = all(runs) + skippedOf(agent)
  t.ok(Math.abs(counted - lastedS * perSecond) <= 2 * perSecond, `${counted} runs measured or skipped in ${lastedS.toFixed(1)} s`)
})

const skipQuota = skip || needsCpuQuota()

t.test('an agent whose node is out of CPU says so, and pages nobody for the network', { skip: skipQuota }, async t => {
  await using pair = await startCloudPair({ ...slow, servers: [{ kind: 'responder' }] })
  const agent = await startAgentIn(pair, config(pair.address))
  const quota = openCpuQuota(20)
  t.teardown(() => {
    quota.remove()
    removeFolder(agent.folder)
  })
  await sleep(2000)
  const rival = pair.spawn('aws', ['sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
  for (const { pid } of [agent.child, rival]) for (const child of childrenOf(pid!)) quota.add(child)
  await sleep(8000)
  t.ok(quota.throttledTimes() > 4, `throttled ${quota.throttledTimes()} times`)
  rival.kill('SIGKILL')
  await sleep(2000)
  t.match(await agent.end(), { status: 0 })
  checkInnocent(t, agent)
  const told = logsOf(agent.batches).find(({ attributes }) => attributes['error.type'] === 'local_overload')
  t.match(told, { text: 'WARN', body: /local_overload: this process stood still for \d+ ms/ })
  const delays = agent.batches.flatMap(({ points }) => points).filter(({ name }) => name === 'causeway.agent.loop.delay')
  t.ok(
    delays.some(({ value }) => (value as { max: number }).max > 0.1),
    'its own metrics show it',
  )
})
