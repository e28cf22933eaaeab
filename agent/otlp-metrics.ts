import { setImmediate } from 'node:timers/promises'
import { ValueType } from '@opentelemetry/api'
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type MetricData,
  type MetricProducer,
  MetricReader,
} from '@opentelemetry/sdk-metrics'
import { toOtlpHistogram } from '../wire/histogram.ts'
import { toHrTime } from '../wire/hr-time.ts'
import { type Measure, measureOf, quantileAttribute, quantiles, variantAttributes } from '../wire/metrics.ts'
import type { Series } from './columns.ts'
import { type Attributes, pathAttributes, sourceAttributes } from './metrics.ts'
import type { Encoded, Encoding, OtlpResource } from './otlp.ts'
import { joinRequests } from './otlp-join.ts'
import type { WindowRecord } from './record.ts'
import type { Point } from './table.ts'

/** Points that are made and encoded in one go: some ms, after which other work gets its turn. */
const pointsPerSlice = 250
const scope = { name: 'causeway' }

type Attributed = { readonly point: Point; readonly measure: Measure; readonly attributes: Attributes }

/** A reader without a timer: it collects when it is told to, and what it collected is sent by others. */
class SliceReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** A record as OTLP metrics, with delta temporality and the times at which it was measured. */
export const encodeWindow = async (record: WindowRecord, resource: OtlpResource, encoding: Encoding): Promise<Encoded> => {
  const serializer = encoding === 'protobuf' ? ProtobufMetricsSerializer : JsonMetricsSerializer
  let slice: Attributed[] = []
  const producer: MetricProducer = {
    collect: async (): Promise<CollectionResult> => {
      const metrics = buildMetrics(slice, record)
      return { resourceMetrics: { resource, scopeMetrics: metrics.length > 0 ? [{ scope, metrics }] : [] }, errors: [] }
    },
  }
  const reader = new SliceReader()
  reader.setMetricProducer(producer)
  const parts: Uint8Array[] = []
  let points = 0
  for (const next of slicesOf(record)) {
    if (parts.length > 0) await setImmediate()
    slice = next
    const { resourceMetrics } = await reader.collect()
    parts.push(serializer.serializeRequest(resourceMetrics)!)
    points += resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0)
  }
  return { signal: 'metrics', body: joinRequests(parts, encoding, 'resourceMetrics'), points }
}

/** Series that this version does not know (a record of a newer one) are left out. */
function* slicesOf({ self, paths, source }: WindowRecord): Generator<Attributed[]> {
  let slice: Attributed[] = []
  let count = 0
  const variants = new Map<Series, Attributes>()
  const owners = [{ points: self, attributes: sourceAttributes(source) }]
  for (const { labels, points } of paths) owners.push({ points, attributes: pathAttributes(labels, source) })
  for (const { points, attributes } of owners)
    for (const point of points) {
      const measure = measureOf(point.series.key)
      if (measure?.form !== point.series.form) continue
      slice.push({ point, measure, attributes: withVariant(attributes, variants, measure, point) })
      count += 1 + (measure.quantileGauge === undefined ? 0 : quantiles.length)
      if (count + quantiles.length < pointsPerSlice) continue
      yield slice
      slice = []
      count = 0
    }
  if (slice.length > 0) yield slice
}

/** What a series adds to the attributes of its path; `variants` has what was made for it before. */
const withVariant = (attributes: Attributes, variants: Map<Series, Attributes>, measure: Measure, { series }: Point): Attributes => {
  if (series.variant.length === 0) return attributes
  let more = variants.get(series)
  if (!more) variants.set(series, (more = variantAttributes(measure, series.variant)))
  return { ...attributes, ...more }
}

const buildMetrics = (slice: readonly Attributed[], { startMs, endMs }: WindowRecord): MetricData[] => {
  const metrics = new Map<string, MetricData>()
  const [startTime, endTime] = [toHrTime(startMs), toHrTime(endMs)]
  const add = (measure: Measure, kind: Shape, attributes: Attributes, value: number | ExponentialHistogram): void => {
    let metric = metrics.get(measure.name)
    if (!metric) metrics.set(measure.name, (metric = emptyMetric(measure, kind)))
    const points = metric.dataPoints as DataPoint<number | ExponentialHistogram>[]
    points.push({ startTime, endTime, attributes, value })
  }
  for (const { point, measure, attributes } of slice) {
    const { value } = point
    if (typeof value === 'number') {
      add(measure, shapes[measure.form], attributes, value)
      continue
    }
    add(measure, shapes.times, attributes, toOtlpHistogram(value.histogram))
    if (measure.quantileGauge === undefined) continue
    const gauge: Measure = { ...measure, name: measure.quantileGauge, form: 'gauge' }
    quantiles.forEach((q, place) => {
      add(gauge, shapes.gauge, { ...attributes, [quantileAttribute]: q }, value.quantiles[place]!)
    })
  }
  return [...metrics.values()]
}

type Shape = { dataPointType: DataPointType; valueType: ValueType; isMonotonic?: true }
const shapes = {
  sum: { dataPointType: DataPointType.SUM, valueType: ValueType.INT, isMonotonic: true },
  gauge: { dataPointType: DataPointType.GAUGE, valueType: ValueType.DOUBLE },
  times: { dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM, valueType: ValueType.DOUBLE },
} as const satisfies Record<string, Shape>

const emptyMetric = ({ name, unit, help }: Measure, { valueType, ...kind }: Shape): MetricData =>
  ({
    descriptor: { name, unit, description: help, valueType },
    aggregationTemporality: AggregationTemporality.DELTA,
    ...kind,
    dataPoints: [],
  }) as MetricData
