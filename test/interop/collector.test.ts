/** What a real OpenTelemetry Collector takes of an agent, in every encoding and compression, against what the agent's page says. */
import t from 'tap'
import { kinds } from '../../wire/result.ts'
import { configure, everyKind, run, temporary } from '../agent/every-kind.ts'
import { type ReadPoint, readLogs, readMetrics, readSpans } from '../agent/otlp-reading.ts'
import { startTracedServer } from '../agent/traced-server.ts'
import { type Inlet, startCollector } from './collector.ts'
import { needsCollector } from './needs-collector.ts'
import { waitFor } from './programs.ts'

const ways = { 'protobuf-gzip': {}, 'protobuf-none': {}, 'json-gzip': {}, 'json-none': {} }
const names = Object.keys(ways)
const windowNs = 10_000_000_000n

const bytes = (request: object): Buffer => Buffer.from(JSON.stringify(request))
const pointsOf = (inlet: Inlet): ReadPoint[] => inlet.metrics().flatMap(request => readMetrics(bytes(request), 'json'))

/** Lines of a page: name and labels to value. */
const linesOf = (page: string): Map<string, number> =>
  new Map(
    page.split('\n').flatMap((line): [string, number][] => {
      const [, series, value] = /^([^#].*) (\S+)$/.exec(line) ?? []
      return series === undefined ? [] : [[series, Number(value)]]
    }),
  )

/** What of a page comes from one metric of one check, whatever its other labels: the sum. */
const sumOf = (lines: Map<string, number>, name: string, ...labels: string[]): number =>
  [...lines].reduce(
    (sum, [series, value]) => (series.startsWith(`${name}{`) && labels.every(label => series.includes(label)) ? sum + value : sum),
    0,
  )

const sumOfPoints = (points: readonly ReadPoint[], name: string, wanted: Record<string, unknown>): number =>
  points
    .filter(point => point.name === name && Object.entries(wanted).every(([key, value]) => point.attributes[key] === value))
    .reduce((sum, { value }) => sum + (typeof value === 'number' ? value : (value as { count: number }).count), 0)

t.setTimeout(120_000)

t.test('a real Collector takes metrics and logs, protobuf and JSON, packed and not', { skip: needsCollector }, async t => {
  const directory = temporary(t)
  const inlets = await startCollector(t, directory, names)
  const { targets, checks } = await everyKind(t, directory)
  const service = await startTracedServer(t)
  const traced = { name: 'traced', address: `127.0.0.1:${service.port}`, path: '/' }
  const closed = { name: 'closed', address: '127.0.0.1:1' }
  const config = configure(directory, {
    targets: [...targets, traced, closed],
    checks: [
      ...checks,
      { name: 'traces', kind: 'http', every: '1s', targets: ['traced'], options: { scheme: 'http' } },
      { name: 'refused', kind: 'tcp', every: '1s', targets: ['closed'] },
    ],
    export: names.map(name => {
      const [encoding, compression] = name.split('-')
      return { name, url: inlets[name]!.url, encoding, compression }
    }),
  })
  const agent = await run(t, config, { environment: { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=lab' } })

  // The page changes when a window ends: asked for in the middle of one, it is of all windows before.
  const hasAll = (page: string): boolean =>
    kinds.every(kind => page.includes(`causeway_probe_runs_total{outcome="ok",check="each-${kind}"`))
  const { page, endNs } = await waitFor('page in the middle of a window', async () => {
    const nowMs = Date.now()
    if (nowMs % 10_000 < 2000 || nowMs % 10_000 > 8000) return undefined
    const page = await agent.page()
    return hasAll(page) ? { page, endNs: ((BigInt(nowMs) * 1_000_000n) / windowNs) * windowNs } : undefined
  })
  await agent.close()
  const lines = linesOf(page)

  for (const name of names)
    await t.test(name, async t => {
      const ledger = await agent.ledger(name)
      t.ok(ledger.produced > 0)
      t.match(ledger, { delivered: ledger.produced, spooled: 0, dropped: { size: 0, memory: 0, corrupt: 0, rejected: 0 } })
      const all = await waitFor('last window', async () =>
        [pointsOf(inlets[name]!)].find(points => points.some(({ endNs: end }) => BigInt(end) > endNs)),
      )
      const points = all.filter(({ endNs: end }) => BigInt(end) <= endNs)
      for (const kind of kinds) {
        const [check, label] = [{ 'causeway.check': `each-${kind}` }, `check="each-${kind}"`]
        const runs = sumOf(lines, 'causeway_probe_runs_total', label)
        t.ok(runs > 0, `${kind}: ${runs} runs`)
        t.equal(sumOfPoints(points, 'causeway.probe.runs', check), runs, `${kind}: runs`)
        t.equal(sumOfPoints(points, 'causeway.probe.rtt', check), sumOf(lines, 'causeway_probe_rtt_seconds_count', label), `${kind}: RTTs`)
      }
      for (const direction of ['forward', 'reverse'])
        for (const [metric, series] of [
          ['causeway.udp.packets', 'causeway_udp_packets_total'],
          ['causeway.tcp.segments', 'causeway_tcp_segments_total'],
        ] as const)
          t.equal(
            sumOfPoints(points, metric, { 'causeway.direction': direction }),
            sumOf(lines, series, `direction="${direction}"`),
            `${metric} ${direction}`,
          )
      const medians = points.filter(
        ({ name, attributes }) => name === 'causeway.probe.rtt_quantile' && attributes['causeway.quantile'] === 0.5,
      )
      const last = medians.filter(({ endNs: end, attributes }) => BigInt(end) === endNs && attributes['causeway.check'] === 'each-icmp')
      const shown = sumOf(lines, 'causeway_probe_rtt_seconds', 'quantile="0.5"', 'check="each-icmp"')
      // Records have whole nanoseconds, and a median between two samples may end in half a one.
      t.ok(Math.abs(Number(last[0]?.value) - shown) < 1e-9, `${last[0]?.value} s, ${shown} s on the page`)
      t.same([...new Set(all.flatMap(({ temporality, form }) => (form === 'gauge' ? [] : [temporality])))], [1], 'delta')
      t.match(all[0]!.resource, { 'service.name': 'causeway-agent', 'service.instance.id': 'lab', 'deployment.environment.name': 'lab' })
    })

  await t.test('all four got the same', async t => {
    const [first, ...others] = names.map(name => pointsOf(inlets[name]!))
    const texts = (points: ReadPoint[]): Set<string> => new Set(points.map(point => JSON.stringify(point)))
    for (const other of others) t.same(texts(other), texts(first!))
    const [log, ...logs] = names.map(name => inlets[name]!.logs().flatMap(request => readLogs(bytes(request), 'json')))
    t.match(log![0], { severity: 17, attributes: { 'causeway.check': 'refused', 'error.type': 'tcp_refused' } })
    for (const other of logs) t.same(other, log)
    const [spans, ...otherSpans] = names.map(name => inlets[name]!.traces().flatMap(request => readSpans(bytes(request), 'json')))
    for (const other of otherSpans) t.same(other, spans)
    const seen = new Set(service.traceparents.map(text => text.slice(3, -3)))
    const ours = spans!.filter(({ attributes }) => attributes['causeway.check'] === 'traces')
    t.ok(ours.length > 3)
    for (const { traceId, spanId, kind } of ours) t.ok(kind === 3 && seen.has(`${traceId}-${spanId}`), 'the trace that the service saw')
  })
})
