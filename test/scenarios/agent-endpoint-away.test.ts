/** The endpoint is away: nothing is lost, nothing comes twice, and everything says when it was measured. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { droppedOf, endpointName, policyText, readLedger, startAgentHere } from '../lab/agent-here.ts'
import { openFolder, removeFolder } from '../lab/agent-in.ts'
import { gapsOf, logsOf, runsOf, windowsOf } from '../lab/batches.ts'
import { type OtlpSink, startOtlpSink } from '../lab/otlp-sink.ts'
import { tcpServers } from '../servers/tcp-servers.ts'

/** Half of the outage: so long refused, so long hanging. For one of ten minutes, by hand: CAUSEWAY_OUTAGE_MS=300000 tap --timeout=900, this file. */
const outageMs = Number(process.env['CAUSEWAY_OUTAGE_MS'] ?? 14_000)
const windowMs = 10_000

/** A folder with a policy, an endpoint, and a target with a port that refuses now and then, so that there are events too. */
const setUp = async (t: Test) => {
  const folder = openFolder()
  writeFileSync(join(folder, 'policy.yaml'), policyText)
  const sink = await startOtlpSink()
  const target = await tcpServers.sink()
  t.teardown(async () => {
    await sink.close()
    await target.close()
    removeFolder(folder)
  })
  const config = {
    targets: [
      { name: 'open', address: `127.0.0.1:${target.port}` },
      { name: 'closed', address: '127.0.0.1:1' },
    ],
    checks: [{ name: 'connect', kind: 'tcp', every: '200ms', lateness: '10s' }],
    export: [{ name: endpointName, url: sink.url, timeout: '1s' }],
    policy: 'policy.yaml',
  }
  return { folder, sink, config, connections: () => target.connections() }
}

/** Items that a batch stands for, as the spool counts them: paths and events. */
const itemsOf = (sink: OtlpSink): number =>
  sink.batches.reduce((sum, { points, logs }) => {
    const paths = new Set(points.map(({ attributes }) => attributes['causeway.target']).filter(name => name !== undefined))
    return sum + (logs.length || Math.max(1, paths.size))
  }, 0)

type SetUp = Awaited<ReturnType<typeof setUp>>

/** Everything that was measured has come, once, with its own time; and the ledger on disk says the same. */
const checkAll = async (t: Test, { folder, sink, connections }: SetUp): Promise<void> => {
  t.strictSame(gapsOf(sink.batches), [])
  const { ok, ...others } = runsOf(sink.batches)
  t.equal(ok, connections(), 'one run for each connection that the target saw')
  t.strictSame(Object.keys(others), ['fail/tcp_refused'])
  const ledger = await readLedger(folder)
  t.match(ledger, { spooled: 0, produced: itemsOf(sink), delivered: itemsOf(sink) })
  t.equal(droppedOf(ledger), 0)
}

/** Windows of one process, one after the other, without a hole between them. */
const checkWindows = (t: Test, windows: ReturnType<typeof windowsOf>): void => {
  for (const [i, { startMs, endMs }] of windows.entries()) {
    t.ok(endMs > startMs && endMs - startMs <= windowMs, `${endMs - startMs} ms`)
    if (i > 0) t.equal(startMs, windows[i - 1]!.endMs)
    if (i > 0) t.equal(startMs % windowMs, 0, 'windows are on the grid of the wall clock')
  }
}

t.test('refused, then hanging, then back: all comes once, with the time when it was measured', async t => {
  const all = await setUp(t)
  const { folder, sink, config } = all
  const agent = await startAgentHere(folder, config)
  await sleep(2000)
  await sink.become('away')
  const awayMs = Date.now()
  await sleep(outageMs)
  await sink.become('hanging')
  await sleep(outageMs)
  // It may wait a minute between two attempts.
  for (const endMs = Date.now() + 70_000; sink.unanswered() === 0 && Date.now() < endMs; ) await sleep(250)
  const before = sink.batches.length
  await sink.become('taking')
  t.ok(sink.unanswered() > 0, 'it was asked while it hung')
  while (outageMs > 60_000 && sink.batches.length < before + 10) await sleep(1000)
  const backMs = Date.now()
  const { status, tookMs } = await agent.end()
  t.equal(status, 0)
  t.ok(tookMs < 25_000, `took ${tookMs} ms`)
  t.ok(agent.said.some(({ msg }) => /takes nothing/.test(msg)))
  await checkAll(t, all)
  const windows = windowsOf(sink.batches, 'connect')
  checkWindows(t, windows)
  t.ok(
    windows.some(({ startMs, endMs }) => startMs >= awayMs && endMs <= backMs),
    'windows of the outage itself',
  )
  const first = logsOf(sink.batches)[0]!
  t.ok(Number(BigInt(first.ns) / 1_000_000n) < awayMs, 'an event says when it happened')
})

t.test('away over a restart: the next start sends what the last one could not, SIGTERM loses nothing', async t => {
  const all = await setUp(t)
  const { folder, sink, config } = all
  await sink.become('away')
  const first = await startAgentHere(folder, config)
  await sleep(3000)
  const { status, tookMs } = await first.end()
  t.equal(status, 0)
  t.ok(tookMs < 25_000, `took ${tookMs} ms`)
  const { spooled, produced, delivered } = await readLedger(folder)
  t.ok(spooled > 0 && spooled === produced && delivered === 0)
  await sink.become('taking')
  const second = await startAgentHere(folder, config)
  await sleep(1000)
  t.match(await second.end(), { status: 0 })
  t.equal(new Set(sink.batches.map(({ boot }) => boot)).size, 2)
  await checkAll(t, all)
})

t.test('kill -9 in the middle of a window: no more than two seconds of its runs are lost', async t => {
  const { folder, sink, config } = await setUp(t)
  await sink.become('away')
  const first = await startAgentHere(folder, config)
  const startedMs = Date.now()
  // Seven seconds into a window that began with the agent already at work.
  await sleep(windowMs - (startedMs % windowMs) + 7000)
  t.match(await first.end('SIGKILL'), { signal: 'SIGKILL' })
  const killedMs = Date.now()
  await sink.become('taking')
  const second = await startAgentHere(folder, config)
  await sleep(500)
  t.match(await second.end(), { status: 0 })
  t.strictSame(gapsOf(sink.batches), [])
  const open = windowsOf(sink.batches, 'connect').find(({ startMs }) => startMs === killedMs - (killedMs % windowMs))
  t.ok(open && killedMs - open.endMs < 3000, `the open window is there up to ${open && killedMs - open.endMs} ms before the end`)
})

t.test('kill -9 while it is away: what ended two seconds before is there after the next start', async t => {
  const { folder, sink, config } = await setUp(t)
  await sink.become('away')
  const first = await startAgentHere(folder, config)
  await sleep(windowMs - (Date.now() % windowMs) + 2200)
  const killedMs = Date.now()
  t.match(await first.end('SIGKILL'), { signal: 'SIGKILL' })
  await sink.become('taking')
  const second = await startAgentHere(folder, config)
  await sleep(500)
  t.match(await second.end(), { status: 0 })
  t.strictSame(gapsOf(sink.batches), [])
  const killed = sink.batches.filter(({ boot }) => boot === sink.batches[0]!.boot)
  t.ok(
    windowsOf(killed, 'connect').some(({ endMs }) => endMs === killedMs - (killedMs % windowMs)),
    'the last window that had ended',
  )
  t.ok(
    logsOf(killed).some(({ body }) => /closed: tcp_refused/.test(String(body))),
    'and the event of the first second',
  )
  const ledger = await readLedger(folder)
  t.match(ledger, { spooled: 0, produced: itemsOf(sink), delivered: itemsOf(sink) })
})
