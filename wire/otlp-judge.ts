/** Which data points of an enrolled agent are taken: rules of OTLP's data model (opentelemetry-specification, metrics/data-model.md) and limits of ours. Pure. */
import { type Measure, pathMeasures, selfMeasures } from './metrics.ts'
import type { WirePoint } from './otlp-point.ts'
import type { MetricForm, MetricHead } from './otlp-read.ts'

/** Why a point is refused; the label of the counter and, with its text, what the agent is told. */
export const pointProblemTexts = {
  unknown_metric: 'the metric is not one that agents send',
  wrong_type: 'the type or the unit of the metric is another than in the list of metrics',
  wrong_temporality: 'the temporality is not delta, or a sum is not monotonic',
  no_value: 'the point has no value',
  not_finite: 'a value is not a finite number',
  negative: 'a count or a duration is negative',
  inconsistent: 'the count of a histogram is not that of its buckets',
  out_of_range: 'the scale is not within −10 to 20, or a bucket or a count beyond what a window can have',
  bad_times: 'the end is not after the start',
  too_old: 'the point is older than what is kept of batches',
  in_future: 'the point is from the future: a clock is wrong',
  bad_attributes: 'an attribute is too long, of a type that is not taken, twice, or missing',
  not_owned: 'the path is not one of this agent',
  too_many_paths: 'more paths than one agent may have',
  not_judged: 'too many points before it were refused',
} as const
export type PointProblem = keyof typeof pointProblemTexts

/** How a metric's points are kept: undefined `measure` for one that is taken and not kept, since it follows from another. */
export type Wanted = {
  readonly key: string
  readonly measure: Measure
  readonly isPath: boolean
  readonly isKept: boolean
  readonly form: MetricForm
}

const formOfMeasure = { sum: 'sum', gauge: 'gauge', times: 'exponentialHistogram' } as const satisfies Record<Measure['form'], MetricForm>

const wantedByName = new Map<string, Wanted>()
for (const [isPath, table] of [
  [true, pathMeasures],
  [false, selfMeasures],
] as const)
  for (const [key, measure] of Object.entries<Measure>(table)) {
    wantedByName.set(measure.name, { key, measure, isPath, isKept: true, form: formOfMeasure[measure.form] })
    if (measure.quantileGauge !== undefined) wantedByName.set(measure.quantileGauge, { key, measure, isPath, isKept: false, form: 'gauge' })
  }

export const isProblem = (judged: Wanted | PointProblem): judged is PointProblem => typeof judged === 'string'

/** AGGREGATION_TEMPORALITY_DELTA */
const delta = 1

export const judgeMetric = (head: Readonly<MetricHead>): Wanted | PointProblem => {
  const wanted = wantedByName.get(head.name)
  if (!wanted) return 'unknown_metric'
  if (head.form !== wanted.form || head.unit !== wanted.measure.unit) return 'wrong_type'
  if (head.form !== 'gauge' && head.temporality !== delta) return 'wrong_temporality'
  if (head.form === 'sum' && !head.isMonotonic) return 'wrong_temporality'
  return wanted
}

/** Between which Unix times a point may end. */
export type TimeBounds = { readonly earliestMs: number; readonly latestMs: number }
/** reliability: what a spool holds and two hours; more than any clock that is synchronised is wrong. */
const mostAgeMs = 26 * 3_600_000
const mostAheadMs = 2 * 60_000
export const timeBounds = (nowMs: number): TimeBounds => ({ earliestMs: nowMs - mostAgeMs, latestMs: nowMs + mostAheadMs })

/** FLAG_NO_RECORDED_VALUE */
const noRecordedValue = 1
const nsPerMs = 1e6
/** Far more than can happen in a window; so that sums of them stay exact. */
const mostCount = 2 ** 40
/** All doubles are within 2^±1075; the index of a bucket at scale s is the exponent times 2^s. */
const mostExponent = 1100
const [leastScale, mostScale] = [-10, 20]

export const judgePoint = (point: Readonly<WirePoint>, form: MetricForm, bounds: TimeBounds): PointProblem | undefined => {
  const endMs = point.endNs / nsPerMs
  if (form === 'gauge' ? point.startNs > point.endNs : point.startNs >= point.endNs) return 'bad_times'
  if (endMs < bounds.earliestMs) return 'too_old'
  if (endMs > bounds.latestMs) return 'in_future'
  if ((point.flags & noRecordedValue) !== 0) return 'no_value'
  return form === 'exponentialHistogram' ? judgeHistogram(point) : judgeNumber(point.value, form)
}

const judgeNumber = (value: number | undefined, form: MetricForm): PointProblem | undefined => {
  if (value === undefined) return 'no_value'
  if (!Number.isFinite(value)) return 'not_finite'
  if (form === 'gauge') return undefined
  if (value < 0) return 'negative'
  return value > mostCount ? 'out_of_range' : undefined
}

const judgeHistogram = (point: Readonly<WirePoint>): PointProblem | undefined => {
  const { count, zeroCount, sum, min, max, scale, offset, size } = point
  if (count === 0 || sum === undefined || min === undefined || max === undefined) return 'no_value'
  if (!(Number.isFinite(sum) && Number.isFinite(min) && Number.isFinite(max))) return 'not_finite'
  if (sum < 0 || min < 0 || point.negativeCount > 0) return 'negative'
  if (scale < leastScale || scale > mostScale || count > mostCount) return 'out_of_range'
  const mostIndex = mostExponent * 2 ** scale + 1
  if (offset < -mostIndex || offset + size > mostIndex) return 'out_of_range'
  let counted = zeroCount
  for (let k = 0; k < size; k++) counted += point.counts[k]!
  return counted === count && min <= max ? undefined : 'inconsistent'
}
