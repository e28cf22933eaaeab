/** An agent whose responder is flooded while it measures, its own responder among other things. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { waitFor } from '../interop/programs.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { configure, run, temporary } from './every-kind.ts'

const program = fileURLToPath(new URL('flood.ts', import.meta.url))

const startFlood = (t: Test, tcp: number, udp: number): { sent(): Record<string, number> } => {
  const child: ChildProcess = spawn(process.execPath, [program, String(tcp), String(udp)], {
    env: cleanEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = '{}'
  child.stdout!.on('data', data => (last = String(data).trim().split('\n').at(-1)!))
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  return { sent: () => JSON.parse(last) as Record<string, number> }
}

t.setTimeout(90_000)

t.test('garbage, half-open connections and oversize datagrams harm neither the schedule nor a result', async t => {
  const server = await tcpServers.echo()
  t.teardown(server.close)
  const base = { agent: { id: 'flooded', interception: 'off' }, responder: { bind: ['127.0.0.1'], tcp: 0, udp: 0 } }
  const directory = temporary(t)
  const agent = await run(t, configure(directory, base))
  const { tcp, udp } = agent.agent.listening.responder!
  const targets = [
    { name: 'elsewhere', address: `127.0.0.1:${server.port}` },
    { name: 'self-tcp', address: `127.0.0.1:${tcp}`, agentId: 'flooded' },
    { name: 'self-udp', address: `127.0.0.1:${udp}`, agentId: 'flooded' },
  ]
  const checks = [
    { name: 'connect', kind: 'tcp', every: '200ms', targets: ['elsewhere'] },
    { name: 'transfer', kind: 'tcp', every: '500ms', targets: ['self-tcp'], options: { payload: '64KiB' } },
    { name: 'loss', kind: 'udp', every: '500ms', targets: ['self-udp'], options: { count: 20, interval: '5ms' } },
  ]
  const flood = startFlood(t, tcp!, udp!)
  await waitFor('flood', async () => ((flood.sent()['garbage'] ?? 0) > 1000 ? true : undefined))
  const before = process.memoryUsage().rss
  await agent.agent.reload(configure(directory, { ...base, targets, checks }))

  const countOf = (page: string, check: string, outcome: string): number =>
    [...page.matchAll(new RegExp(`^causeway_probe_runs_total\\{outcome="${outcome}".*check="${check}".* (\\d+)$`, 'gm'))].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    )
  const page = await waitFor('40 runs', async () => [await agent.page()].find(text => countOf(text, 'connect', 'ok') > 40))
  const { garbage, oversize, connects, refused } = flood.sent()
  t.comment(`${garbage} datagrams of garbage, ${oversize} oversize, ${connects} connections, ${refused} refused`)
  t.ok(garbage! > 10_000 && oversize! > 1000 && connects! > 500)
  for (const { name } of checks) {
    t.equal(countOf(page, name, 'fail'), 0, `${name}: no run failed`)
    const [good, own] = [countOf(page, name, 'ok'), countOf(page, name, 'unmeasured')]
    // A machine that is busy with other tests makes some unmeasured; none may be called a failure.
    t.ok(good > 10 && own <= good / 3, `${name}: ${good} ok, ${own} unmeasured`)
  }
  const packets = (state: string): number =>
    Number(new RegExp(`^causeway_udp_packets_total\\{direction="forward",state="${state}".* (\\d+)$`, 'm').exec(page)?.[1])
  t.ok(packets('sent') > 200)
  t.equal(packets('received'), packets('sent'), 'no datagram of ours was lost')
  const late = Number(/^causeway_agent_schedule_delay_seconds\{quantile="0.95".* (\S+)$/m.exec(page)?.[1])
  t.ok(late < 2, `95 of 100 runs started within ${(late * 1000).toFixed(1)} ms`)
  t.ok(process.memoryUsage().rss - before < 96 * 2 ** 20, `${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0)} MiB more`)
})
