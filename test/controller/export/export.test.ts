import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ExportOptions, startExport } from '../../../controller/export/start.ts'
import { Ingest } from '../../../controller/ingest/ingest.ts'
import { openCounters } from '../../../controller/metrics.ts'
import { appendHistory } from '../../../controller/store/history.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import type { Store } from '../../../controller/store/store.ts'
import { startOtlp } from '../../agent/send/otlp-server.ts'
import { agentBatches, startMs } from '../../bench/programs/agent-batches.ts'
import { waitFor } from '../../interop/programs.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { decodeMetrics, type Metric } from '../../wire/otlp-messages.ts'

const paths = 20
const hasPromtool = !spawnSync('promtool', ['--version'], { env: cleanEnv }).error

const openStore = async (t: Test): Promise<Store> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-export-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  t.teardown(async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return store
}

/** Minutes of one agent, as ingest makes them: six windows of ten seconds each. */
const minutesOf = async (count: number): Promise<{ startMs: number; blob: Uint8Array }[]> => {
  const nowMs = startMs + count * 60_000
  const ingest = new Ingest({ owns: () => true, nowMs: () => nowMs, commit: () => [] })
  const batches = await agentBatches(count * 6, paths)
  for (const [sequence, { body }] of batches.entries())
    await ingest.receive({ id: { agent: 'agent-1', boot: 'b', sequence }, signal: 'metrics', encoding: 'protobuf', isGzip: true, body })
  return [...ingest.closeMinutes(nowMs)].map(({ startMs, blob }) => ({ startMs, blob }))
}

const store = (store: Store, { startMs, blob }: { startMs: number; blob: Uint8Array }, agentId = 'agent-1'): Promise<void> =>
  store.write(sql => appendHistory(sql, { agentId, resolutionMs: 60_000, startMs }, blob))

const optionsOf = (store: Store, more: Partial<ExportOptions> = {}): ExportOptions => ({
  config: { exports: [] },
  environment: {},
  version: '1.2.3',
  instance: 'here',
  store,
  counters: openCounters(),
  isLeader: () => true,
  nowMs: () => startMs + 180_000,
  onProblem: problem => {
    throw problem
  },
  ...more,
})

const pageOf = async (exporting: { page(): AsyncIterable<string> }): Promise<string> => {
  let page = ''
  for await (const part of exporting.page()) page += part
  return page
}
const counted = (page: string, metric: string): number =>
  [...page.matchAll(new RegExp(`^${metric}\\{.*\\} (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)

t.test('the page adds up the minutes of all agents, once each, and names both ends', async t => {
  const kept = await openStore(t)
  const [first, second, third] = await minutesOf(3)
  await store(kept, first!)
  const exporting = await startExport(optionsOf(kept))
  t.teardown(exporting.close)
  t.equal(await pageOf(exporting), '', 'what was stored before is of another leader')
  await store(kept, second!)
  await store(kept, second!, 'agent-2')
  const page = await pageOf(exporting)
  t.equal(counted(page, 'causeway_probe_runs_total'), 2 * paths * 60)
  t.match(
    page,
    /causeway_probe_runs_total\{agent="agent-2",check="[^"]+",kind="icmp",.*source_cloud="aws",source_region="us-east-1",destination_cloud="[^"]+",.*outcome="ok"\} 60/,
  )
  t.match(page, /causeway_probe_rtt_seconds\{agent="agent-1",.*quantile="0.95"\} 0.02/)
  t.equal(counted(await pageOf(exporting), 'causeway_probe_runs_total'), 2 * paths * 60, 'nothing twice')
  await store(kept, third!)
  t.equal(counted(await pageOf(exporting), 'causeway_probe_runs_total'), 3 * paths * 60)
  if (hasPromtool) {
    const judged = spawnSync('promtool', ['check', 'metrics'], { input: await pageOf(exporting), env: cleanEnv, encoding: 'utf8' })
    t.equal(judged.stderr + judged.stdout, '', 'promtool finds nothing')
  }
})

t.test('who does not lead has no paths, and who leads again begins anew', async t => {
  const kept = await openStore(t)
  const minutes = await minutesOf(2)
  let leads = true
  const exporting = await startExport(optionsOf(kept, { isLeader: () => leads }))
  t.teardown(exporting.close)
  await pageOf(exporting)
  await store(kept, minutes[0]!)
  t.equal(counted(await pageOf(exporting), 'causeway_probe_runs_total'), paths * 60)
  leads = false
  t.equal(await pageOf(exporting), '')
  leads = true
  await pageOf(exporting)
  await store(kept, minutes[1]!)
  t.equal(counted(await pageOf(exporting), 'causeway_probe_runs_total'), paths * 60)
})

t.test('OTLP endpoints get the same, cumulative, with histograms and the controller’s own metrics', async t => {
  const kept = await openStore(t)
  const server = await startOtlp(t, response => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
  const options = optionsOf(kept, { config: { exports: [{ url: server.url, headers: {}, everyMs: 200 }] } })
  options.counters.enrolments.inc({ proof: 'join', outcome: 'ok' })
  const exporting = await startExport(options)
  t.teardown(exporting.close)
  for (const minute of await minutesOf(2)) await store(kept, minute)
  await exporting.read()
  const metricsOf = (body: Buffer): Metric[] =>
    (body[0] === 0x7b ? JSON.parse(body.toString('utf8')) : decodeMetrics(body)).resourceMetrics.flatMap(
      (one: { scopeMetrics: { metrics: Metric[] }[] }) => one.scopeMetrics.flatMap(({ metrics }) => metrics),
    )
  const got = await waitFor('export', async () =>
    server.got.map(({ body }) => metricsOf(body)).find(metrics => metrics.some(({ name }) => name === 'causeway.probe.rtt')),
  )
  const named = (name: string) => got.find(one => one.name === name)!
  t.equal(named('causeway.probe.runs').sum!.aggregationTemporality, 2)
  t.equal(
    named('causeway.probe.runs').sum!.dataPoints!.reduce((sum, { asInt }) => sum + Number(asInt), 0),
    2 * paths * 60,
  )
  t.equal(
    named('causeway.probe.rtt').exponentialHistogram!.dataPoints!.reduce((sum, { count }) => sum + Number(count), 0),
    2 * paths * 60 - (2 * 6 * paths) / 2,
    'one echo of each window is lost',
  )
  t.match(named('causeway.probe.rtt_quantile').gauge!.dataPoints, { length: 3 * paths })
  t.match(named('causeway.controller.enrolments').sum!.dataPoints, [{ asInt: /1/ }])
})
