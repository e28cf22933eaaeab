/** What Prometheus and a real OpenTelemetry Collector take of the real controller, with the data of an agent in it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporary } from '../agent/every-kind.ts'
import { readMetrics } from '../agent/otlp-reading.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { type ControllerProcess, personAt, startControllerProcess } from '../lab/controller-process.ts'
import { fleetOf, pathsPerAgent, runsPerBatch } from '../lab/simulated-agent.ts'
import { type SimulatedFleet, startSimulatedFleet } from '../lab/simulated-fleet.ts'
import { startCollector } from './collector.ts'
import { needsCollector } from './needs-collector.ts'
import { freePorts, keepRunning, waitFor } from './programs.ts'

t.setTimeout(240_000)
const needs = (program: string): false | string =>
  spawnSync(program, ['--version'], { env: cleanEnv }).error ? `needs ${program}: apt-get install prometheus` : false

type Running = { controller: ControllerProcess; page(): Promise<string>; fleet: SimulatedFleet }

/** With two agents, whose data comes after the counting has begun. */
const start = async (t: Test, folder: string, env: NodeJS.ProcessEnv = {}): Promise<Running> => {
  const data = join(folder, 'controller')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'fleet.yaml'), fleetOf())
  const [port = 0] = await freePorts(1)
  const controller = await startControllerProcess({ data, port, words: ['--fleet', join(data, 'fleet.yaml')], env })
  t.teardown(() => controller.child.kill('SIGKILL'))
  const page = async (): Promise<string> => await (await fetch(`${controller.url}/metrics`)).text()
  const person = personAt(controller.url, controller.token)
  await controller.hear(/^this controller plans from now on$/)
  // The counting begins with the first page of the one that plans; what was asked a moment before may share its answer.
  await page()
  await page()
  const fleet = await startSimulatedFleet({ size: 2, url: controller.url, person })
  await sendSome(fleet)
  await waitFor('paths on the page', async () => ((await page()).includes('causeway_probe_runs_total{agent="vm-1"') ? true : undefined))
  return { controller, page, fleet }
}

const sendSome = async (fleet: SimulatedFleet): Promise<void> => {
  const stop = new AbortController()
  const sending = fleet.send(stop.signal)
  await waitFor('batches', async () => (fleet.acknowledged() >= 20 ? true : undefined))
  stop.abort()
  await sending
}

t.test('promtool finds nothing to say of the page, and Prometheus answers with its numbers', { skip: needs('prometheus') }, async t => {
  const folder = temporary(t)
  const { controller, page, fleet } = await start(t, folder)
  const text = await page()
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8', env: cleanEnv })
  t.equal(stdout + stderr, '')
  t.equal(status, 0)

  const [port] = await freePorts(1)
  const file = join(folder, 'prometheus.yaml')
  const job = { job_name: 'controller', scrape_interval: '1s', static_configs: [{ targets: [new URL(controller.url).host] }] }
  writeFileSync(file, JSON.stringify({ scrape_configs: [job] }))
  const words = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`, `--web.listen-address=127.0.0.1:${port}`]
  keepRunning(t, 'prometheus', words, join(folder, 'prometheus.log'))
  type Sample = { metric: Record<string, string>; value: [number, string] }
  const ask = async (query: string): Promise<Sample[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => undefined)
    return answer?.ok ? ((await answer.json()) as { data: { result: Sample[] } }).data.result : []
  }
  const wanted = fleet.acknowledged() * runsPerBatch
  const ends = 'source_cloud,source_region,destination_cloud,destination_region'
  const [sum] = await waitFor('scrape of all runs', async () =>
    [await ask(`sum by (${ends}) (causeway_probe_runs_total)`)].find(samples => Number(samples[0]?.value[1]) === wanted),
  )
  t.match(sum!.metric, { source_cloud: 'aws', source_region: 'us-east-1', destination_cloud: 'azure', destination_region: 'eastus' })
  t.match(await ask('count(causeway_probe_rtt_seconds{quantile="0.5",agent="vm-0"})'), [{ value: [Number, String(pathsPerAgent)] }])
  t.match(await ask('up'), [{ value: [Number, '1'] }])
  await fleet.close()
  t.match(await controller.end(), { status: 0 })
})

t.test('a Collector takes cumulative metrics of all paths, and the traces of requests', { skip: needsCollector }, async t => {
  const folder = temporary(t)
  const { metrics, traces } = await startCollector(t, folder, ['metrics', 'traces'])
  const env = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${metrics!.url}/v1/metrics`,
    OTEL_EXPORTER_OTLP_ENDPOINT: traces!.url,
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    OTEL_BSP_SCHEDULE_DELAY: '500',
  }
  const { controller, fleet } = await start(t, folder, env)
  const wanted = fleet.acknowledged() * runsPerBatch
  const points = await waitFor('all runs', async () => {
    const last = metrics!.metrics().at(-1)
    const all = last ? readMetrics(Buffer.from(JSON.stringify(last)), 'json') : []
    const runs = all.filter(({ name }) => name === 'causeway.probe.runs').reduce((sum, { value }) => sum + Number(value), 0)
    return runs === wanted ? all : undefined
  })
  t.same([...new Set(points.flatMap(({ temporality, form }) => (form === 'gauge' ? [] : [temporality])))], [2], 'cumulative')
  const path = points.find(({ name }) => name === 'causeway.probe.runs')!
  t.match(path.attributes, { 'causeway.source.cloud': 'aws', 'causeway.destination.region': 'eastus' })
  type Spans = { resourceSpans: { scopeSpans: { spans: { name: string; traceId: string; kind: number }[] }[] }[] }
  const spans = await waitFor('spans', async () => {
    const all = (traces!.traces() as Spans[]).flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    )
    return all.some(({ name }) => name === 'POST /v1/metrics') ? all : undefined
  })
  t.match(spans[0], { traceId: /^[0-9a-f]{32}$/ })
  await fleet.close()
  t.match(await controller.end(), { status: 0 })
})
