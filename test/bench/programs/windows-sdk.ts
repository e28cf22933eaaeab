/** The same window of runs in the instruments of the OpenTelemetry SDK, with delta temporality. Prints one line of JSON. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AggregationTemporality, AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { pathAttributes } from '../../../agent/metrics.ts'
import { pathOf, source } from '../../agent/paths.ts'

const { paths: count, runs } = JSON.parse(process.argv[2]!) as { paths: number; runs: number }
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const memory = (): { heap: number; rss: number } => {
  gc()
  gc()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

class Reader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}
const reader = new Reader({
  aggregationTemporalitySelector: () => AggregationTemporality.DELTA,
  aggregationSelector: type => ({
    type: type === 'HISTOGRAM' ? AggregationType.EXPONENTIAL_HISTOGRAM : AggregationType.DEFAULT,
  }),
  cardinalitySelector: () => 1e6,
})
const meter = new MeterProvider({ readers: [reader] }).getMeter('bench')
const [duration, rtt, phase] = ['duration', 'rtt', 'phase'].map(name => meter.createHistogram(name))
const [counter, packets, segments] = ['runs', 'packets', 'segments'].map(name => meter.createCounter(name))
const attributes = Array.from({ length: count }, (_, k) => {
  const path = pathOf(k % 2 === 0 ? 'icmp' : 'tcp', `payments-${k}`)
  const base = pathAttributes({ ...path, target: path.target.name, family: 4 }, source)
  const by = (more: Record<string, string>) => ({ ...base, ...more })
  return {
    base,
    ok: by({ 'causeway.outcome': 'ok' }),
    sent: by({ 'causeway.state': 'sent' }),
    received: by({ 'causeway.state': 'received' }),
    connect: by({ 'causeway.phase': 'connect' }),
  }
})
const empty = memory()
const recordAll = (): void => {
  for (let run = 0; run < runs; run++)
    for (let index = 0; index < count; index++) {
      const { base, ok, sent, received, connect } = attributes[index]!
      const seconds = 0.03 + ((index + 2 * run) % 64) / 64_000
      counter!.add(1, ok)
      duration!.record(seconds, base)
      rtt!.record(seconds, base)
      if (index % 2 === 0) {
        packets!.add(1, sent)
        packets!.add(1, received)
      } else {
        segments!.add(3, base)
        phase!.record(seconds, connect)
      }
    }
}
for (let round = 0; round < 2; round++) {
  recordAll()
  await reader.collect()
}
const before = process.cpuUsage()
recordAll()
const { user, system } = process.cpuUsage(before)
const full = memory()
process.stdout.write(`${JSON.stringify({ recordUs: user + system, heapBytes: full.heap - empty.heap, rssBytes: full.rss - empty.rss })}\n`)
