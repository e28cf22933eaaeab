/** The paths' part of the page for Prometheus, under the names that the agents' own pages have, with where each path leads from and to. */
import { setImmediate } from 'node:timers/promises'
import { Counter, Gauge, Registry, Summary } from 'prom-client'
import { quantiles } from '../../wire/metrics.ts'
import { prometheusLabel, prometheusName } from '../../wire/prometheus-names.ts'
import type { Cumulative } from './cumulative.ts'
import { type Attributes, type Metric, metricsOf, type Point } from './points.ts'

type Line = { value: number; labels: Record<string, string | number>; metricName?: string }

const kinds = {
  sum: { Metric: Counter, type: 'counter' },
  gauge: { Metric: Gauge, type: 'gauge' },
  times: { Metric: Summary, type: 'summary' },
} as const

/** As text, metric by metric; phases and other details are left to OTLP. */
export async function* renderPaths(totals: Cumulative): AsyncGenerator<string> {
  for (const metric of metricsOf(totals.paths)) {
    if (metric.measure.page === 'details') continue
    yield await renderMetric(metric)
    await setImmediate()
  }
}

/** prom-client's own metric, which would keep an object per series, reads its lines from the totals instead. */
const renderMetric = async ({ measure, points }: Metric): Promise<string> => {
  const registry = new Registry()
  const [name, help] = [prometheusName(measure), measure.help]
  const { Metric, type } = kinds[measure.form]
  const values = points.flatMap(point => linesOf(point, name, measure.page === 'quantiles'))
  Object.assign(new Metric({ name, help, registers: [registry] }), { get: async () => ({ name, help, type, values }) })
  return `${await registry.getSingleMetricAsString(name)}\n`
}

const labelsOf = (attributes: Attributes): Line['labels'] =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prometheusLabel(name), value]))

const linesOf = ({ attributes, value }: Point, name: string, hasQuantiles: boolean): Line[] => {
  const labels = labelsOf(attributes)
  if (typeof value === 'number') return [{ value, labels }]
  const { histogram } = value
  const shown = hasQuantiles ? value.quantiles : []
  return [
    ...shown.flatMap((seconds, place) =>
      Number.isNaN(seconds) ? [] : [{ value: seconds, labels: { ...labels, quantile: quantiles[place]! } }],
    ),
    { metricName: `${name}_sum`, value: histogram.sum, labels },
    { metricName: `${name}_count`, value: histogram.count, labels },
  ]
}
