/** Metrics for the OpenTelemetry SDK's readers: what the paths have added up to, and what the controller counts of itself. Cumulative. */
import { ValueType } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import type { Registry } from 'prom-client'
import { toOtlpHistogram } from '../../wire/histogram.ts'
import { toHrTime } from '../../wire/hr-time.ts'
import { quantileAttribute, quantiles } from '../../wire/metrics.ts'
import type { Cumulative } from './cumulative.ts'
import { type Metric, metricsOf, type Point } from './points.ts'

const scope = { name: 'causeway' }
const collected = (metrics: MetricData[]): CollectionResult => ({
  resourceMetrics: { resource: emptyResource(), scopeMetrics: metrics.length > 0 ? [{ scope, metrics }] : [] },
  errors: [],
})

/** The paths'. Their own number of series is limited already: the SDK's limit is per collection and no help with cumulative ones. */
export const producePaths = (totals: () => Cumulative | undefined): MetricProducer => ({
  collect: async () => collected(metricsOf(totals()?.paths ?? []).flatMap(toMetrics)),
})

const shapes = {
  sum: { dataPointType: DataPointType.SUM, valueType: ValueType.INT, isMonotonic: true },
  gauge: { dataPointType: DataPointType.GAUGE, valueType: ValueType.DOUBLE },
  times: { dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM, valueType: ValueType.DOUBLE },
} as const

type Described = { name: string; unit: string; help: string; form: keyof typeof shapes }
const metricOf = ({ name, unit, help, form }: Described, dataPoints: DataPoint<number | ExponentialHistogram>[]): MetricData => {
  const { valueType, ...shape } = shapes[form]
  const descriptor = { name, unit, description: help, valueType }
  return { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE, ...shape, dataPoints } as MetricData
}

const toMetrics = ({ measure, points }: Metric): MetricData[] => {
  const metric = metricOf(measure, points.map(toPoint))
  const { quantileGauge } = measure
  return quantileGauge === undefined
    ? [metric]
    : [metric, metricOf({ ...measure, name: quantileGauge, form: 'gauge' }, points.flatMap(quantilePoints))]
}

const toPoint = ({ attributes, startMs, endMs, value }: Point): DataPoint<number | ExponentialHistogram> => ({
  startTime: toHrTime(startMs),
  endTime: toHrTime(endMs),
  attributes,
  value: typeof value === 'number' ? value : toOtlpHistogram(value.histogram),
})

const quantilePoints = ({ attributes, startMs, endMs, value }: Point): DataPoint<number>[] =>
  typeof value === 'number'
    ? []
    : value.quantiles.flatMap((seconds, place) =>
        Number.isNaN(seconds)
          ? []
          : [
              {
                startTime: toHrTime(startMs),
                endTime: toHrTime(endMs),
                attributes: { ...attributes, [quantileAttribute]: quantiles[place]! },
                value: seconds,
              },
            ],
      )

/** What prom-client counts, under OpenTelemetry's names: `causeway_controller_http_requests_total` is `causeway.controller.http_requests`. */
export const produceOwn = (registry: Registry, startMs: number, nowMs: () => number): MetricProducer => ({
  collect: async () => {
    const at = { startTime: toHrTime(startMs), endTime: toHrTime(nowMs()) }
    const metrics = (await registry.getMetricsAsJSON()).flatMap(({ name, help, type, values }): MetricData[] => {
      // The declaration says numbers; a registry of this library prints words.
      const kind = String(type)
      if (kind !== 'counter' && kind !== 'gauge') return []
      const form = kind === 'counter' ? 'sum' : 'gauge'
      const points = values.map(({ labels, value }) => ({ ...at, attributes: attributed(labels), value }))
      return [metricOf({ ...ownName(name), help, form }, points)]
    })
    return collected(metrics)
  },
})

const ownName = (name: string): { name: string; unit: string } => {
  const base = name.replace(/_total$/, '').replace(/^causeway_controller_/, 'causeway.controller.')
  return base.endsWith('_seconds') ? { name: base.replace(/_seconds$/, ''), unit: 's' } : { name: base, unit: '1' }
}
const attributed = (labels: Partial<Record<string, string | number>>): Record<string, string | number> =>
  Object.fromEntries(Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [[`causeway.${name}`, value]])))
