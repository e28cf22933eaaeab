/** A whole agent whose endpoints are as bad as endpoints get, beside one that is well: what became of every item is known of each. */
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Ledger } from '../../agent/spool/options.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { configure, run, temporary } from './every-kind.ts'
import { startOtlp, startResetting } from './send/otlp-server.ts'
import { droppedOf, isExact } from './spool/numbered.ts'

type Fate = 'delivered' | 'rejected' | 'waiting'
type Bad = { fate: Fate; start: (t: Test) => Promise<{ url: string }> }
const answer =
  (status: number, headers: Record<string, string> = {}) =>
  (t: Test) =>
    startOtlp(t, response => void response.writeHead(status, headers).end('no'))

/** More of it than anyone would read. */
const pour = (response: ServerResponse): void => {
  const chunk = Buffer.alloc(1 << 16, 'x')
  let left = 100 * 2 ** 20
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length
      if (!response.write(chunk)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}

const whole = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}'
const bad: Record<string, Bad> = {
  hangs: { fate: 'waiting', start: t => startOtlp(t, () => {}) },
  'nobody-there': { fate: 'waiting', start: async () => ({ url: 'http://127.0.0.1:1' }) },
  'answers-400': { fate: 'rejected', start: answer(400) },
  'answers-401': { fate: 'waiting', start: answer(401) },
  'answers-413': { fate: 'rejected', start: answer(413) },
  'answers-500': { fate: 'rejected', start: answer(500) },
  'answers-503': { fate: 'waiting', start: answer(503) },
  'asks-for-an-hour': { fate: 'waiting', start: answer(429, { 'retry-after': '3600' }) },
  'busy-for-a-while': {
    fate: 'delivered',
    start: t =>
      startOtlp(t, (response, nth) =>
        nth < 3 ? void response.writeHead(429, { 'retry-after': '1' }).end() : void response.writeHead(200).end(),
      ),
  },
  'sends-100-MB': { fate: 'delivered', start: t => startOtlp(t, pour) },
  'sends-100-MB-with-400': { fate: 'rejected', start: t => startOtlp(t, response => pour(response.writeHead(400))) },
  'resets-at-each-byte': { fate: 'delivered', start: t => startResetting(t, whole) },
}

const fateOf = ({ produced, delivered, spooled, dropped }: Ledger): Fate | 'mixed' => {
  if (delivered === produced) return 'delivered'
  if (dropped.rejected === produced) return 'rejected'
  return spooled === produced ? 'waiting' : 'mixed'
}

t.setTimeout(90_000)

t.test('twelve bad endpoints: each costs only its own data, the ledgers are exact, and measuring goes on', async t => {
  const directory = temporary(t)
  const server = await tcpServers.echo()
  t.teardown(server.close)
  const good = await startOtlp(t)
  const names = Object.keys(bad)
  const started = await Promise.all(names.map(name => bad[name]!.start(t)))
  const config = configure(directory, {
    targets: [
      { name: 'open', address: `127.0.0.1:${server.port}` },
      { name: 'closed', address: '127.0.0.1:1' },
    ],
    checks: [{ name: 'connect', kind: 'tcp', every: '200ms', lateness: '1s' }],
    export: [{ name: 'good', url: good.url }, ...started.map(({ url }, i) => ({ name: names[i]!, url, timeout: '500ms' }))],
  })
  // Little jitter: 2 ms after the first failure, 120 ms at most.
  const agent = await run(t, config, { random: () => 0.002 })
  const before = process.memoryUsage().rss
  let most = before
  for (let second = 0; second < 22; second++) {
    await sleep(1000)
    most = Math.max(most, process.memoryUsage().rss)
  }
  const page = await agent.page()
  await agent.close()

  const runs = Number(/causeway_probe_runs_total\{outcome="ok",check="connect".*\} (\d+)/.exec(page)?.[1])
  t.ok(runs > 40, `${runs} runs of the path that is well`)
  t.notOk(page.includes('outcome="unmeasured"'), "none is the agent's own fault")
  t.ok(most - before < 128 * 2 ** 20, `${((most - before) / 2 ** 20).toFixed(0)} MiB more at most, twelve servers among them`)
  t.match(await agent.ledger('good'), { spooled: 0, dropped: { size: 0, memory: 0, corrupt: 0, rejected: 0 } })
  const { produced } = await agent.ledger('good')
  t.ok(produced > 4)
  for (const name of names) {
    const ledger = await agent.ledger(name)
    t.ok(isExact(ledger), `${name}: ${JSON.stringify(ledger)}`)
    t.equal(ledger.produced, produced, `${name}: produced as for the others`)
    t.equal(fateOf(ledger), bad[name]!.fate, `${name}: ${JSON.stringify(ledger)}`)
    t.equal(droppedOf(ledger), bad[name]!.fate === 'rejected' ? produced : 0)
    const counted = new RegExp(`causeway_agent_windows_dropped_total\\{reason="rejected",endpoint="${name}".*\\} [1-9]`)
    t.equal(counted.test(page), bad[name]!.fate === 'rejected', `${name}: on the page`)
    const said = agent.lines.some(({ level, facts }) => level === 'warn' && facts['endpoint'] === name)
    if (bad[name]!.fate !== 'delivered') t.ok(said, `${name}: in the log`)
  }
})
