/** Somebody sets the clock of the machine by an hour while the agent measures: its own log of time goes on, and nothing is lost or counted twice. */
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { configHere, droppedOf, endpointName, policyText, readLedger, startAgentHere } from '../lab/agent-here.ts'
import { openFolder, removeFolder } from '../lab/agent-in.ts'
import { gapsOf, runsOf, sumOf, windowsOf } from '../lab/batches.ts'
import { startOtlpSink } from '../lab/otlp-sink.ts'
import { tcpServers } from '../servers/tcp-servers.ts'

const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
const skip = library === undefined && 'needs libfaketime: apt-get install faketime'
const hourMs = 3_600_000

t.setTimeout(120_000)
for (const [way, offset, byMs] of [
  ['forward', '+3600', hourMs],
  ['back', '-3600', -hourMs],
] as const) {
  t.test(`the clock jumps an hour ${way}`, { skip }, async t => {
    const folder = openFolder()
    const sink = await startOtlpSink()
    const target = await tcpServers.sink()
    t.teardown(async () => {
      await sink.close()
      await target.close()
      removeFolder(folder)
    })
    writeFileSync(join(folder, 'policy.yaml'), policyText)
    const clock = join(folder, 'clock')
    writeFileSync(clock, '+0')
    const config = {
      targets: [{ name: 'open', address: `127.0.0.1:${target.port}` }],
      checks: [{ name: 'c', kind: 'tcp', every: '500ms', lateness: '60s' }],
      export: [{ name: endpointName, url: sink.url }],
      policy: 'policy.yaml',
    }
    const env = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    const agent = await startAgentHere(folder, configHere(folder, config), { env })
    const runs = async (n: number): Promise<void> => {
      const wanted = target.connections() + n
      while (target.connections() < wanted) await new Promise(resolve => setTimeout(resolve, 20))
    }
    await runs(6)
    const jumpedMs = performance.now()
    writeFileSync(clock, offset)
    await runs(30)
    const tookMs = performance.now() - jumpedMs
    const nowMs = Date.now() + byMs
    t.match(await agent.end(), { status: 0 })

    t.ok(tookMs < 5 * 30 * 500, `thirty runs of 500 ms in ${Math.round(tookMs)} ms: none waits for the hour`)
    t.strictSame(gapsOf(sink.batches), [], 'each record once')
    t.strictSame(Object.keys(runsOf(sink.batches)), ['ok'])
    const windows = windowsOf(sink.batches, 'c')
    const told = windows.reduce((sum, window) => sum + window.runs, 0)
    t.equal(told, target.connections(), 'each run is in one window')
    for (const { startMs, endMs } of windows)
      t.ok(endMs > startMs && endMs - startMs < 60_000, `${(endMs - startMs) / 1000} s: no window is as long as the jump`)
    t.ok(
      Math.abs(Math.max(...windows.map(({ endMs }) => (Math.abs(endMs - nowMs) < 60_000 ? endMs : 0))) - nowMs) < 60_000,
      'the last is by the new clock',
    )
    t.ok(sumOf(sink.batches, 'causeway.agent.runs.skipped') < 100, 'the hour is neither caught up nor skipped')
    const ledger = await readLedger(folder)
    t.equal(droppedOf(ledger), 0)
    t.equal(ledger.produced, ledger.delivered)
  })
}
