/**
 * Reads ExportMetricsServiceRequest (opentelemetry-proto, collector/metrics/v1 and metrics/v1) by walking the wire format: no object is made for
 * a point, and every limit is checked before something is allocated. Fields may come in any order, unknown ones are passed over. Of a field that may
 * be there once and has other messages in it (the data of a metric) a second one is refused rather than merged; no exporter writes that.
 */
import { emptyPoint, readHistogramPoint, readNumberPoint, type WirePoint } from './otlp-point.ts'
import { OverLimit, Unreadable, WireReader } from './protobuf.ts'

/** `malformed`: not the message it should be. `limit`: it may be one, and is more than is taken. */
export type ReadFault = { readonly kind: 'malformed' | 'limit'; readonly detail: string }

export const metricForms = ['gauge', 'sum', 'exponentialHistogram'] as const
export type MetricForm = (typeof metricForms)[number]

/** Of a metric, before its points. `form` is undefined where it has data of a kind that no agent sends, or none. */
export type MetricHead = {
  name: string
  unit: string
  form: MetricForm | undefined
  /** AggregationTemporality: 1 is delta, 2 is cumulative. */
  temporality: number
  isMonotonic: boolean
}

/** What is done with what is read. `metric` says whether its points are wanted; those of others are only counted, in `unwanted`. */
export type MetricsSink = {
  /** The content of a Resource: `bytes` from `from` to before `to`. */
  resource(bytes: Uint8Array, from: number, to: number): void
  metric(head: MetricHead): boolean
  point(point: WirePoint, bytes: Uint8Array): void
  unwanted(points: number): void
}

/** What a request may hold. An agent's largest record makes some 15,000 points and 300 metrics. */
export type RequestLimits = { readonly points: number; readonly metrics: number; readonly nameBytes: number }
export const defaultRequestLimits: RequestLimits = { points: 50_000, metrics: 5_000, nameBytes: 255 }

/** Undefined when all of it was read. Never throws for what the bytes are; the sink has had what came before a fault. */
export const readMetrics = (bytes: Uint8Array, sink: MetricsSink, limits = defaultRequestLimits): ReadFault | undefined => {
  const walk: Walk = { wire: new WireReader(bytes), sink, limits, points: 0, metrics: 0 }
  return faultOf(() => eachField(walk.wire, bytes.length, 10, end => readResourceMetrics(walk, end)))
}

/** Runs a reader; what it throws about the bytes is returned. */
export const faultOf = (read: () => void): ReadFault | undefined => {
  try {
    read()
    return undefined
  } catch (error) {
    if (error instanceof Unreadable) return { kind: 'malformed', detail: error.message }
    if (error instanceof OverLimit) return { kind: 'limit', detail: error.message }
    throw error
  }
}

type Walk = { wire: WireReader; sink: MetricsSink; limits: RequestLimits; points: number; metrics: number }

/** Calls `read` for every field with this tag, of a message that ends at `end`, and passes over the others. */
export const eachField = (wire: WireReader, end: number, tag: number, read: (end: number) => void): void => {
  while (wire.at < end) {
    const seen = wire.tag()
    if (seen === tag) read(wire.enter(end))
    else wire.skip(seen)
  }
  wire.leave(end)
}

const readResourceMetrics = (walk: Walk, end: number): void => {
  const { wire, sink } = walk
  const start = wire.at
  // The resource is to be known before the points, wherever it stands.
  eachField(wire, end, 10, resourceEnd => {
    sink.resource(wire.bytes, wire.at, resourceEnd)
    wire.at = resourceEnd
  })
  wire.at = start
  eachField(wire, end, 18, scopeEnd => eachField(wire, scopeEnd, 18, metricEnd => readMetric(walk, metricEnd)))
}

const formOf: Readonly<Record<number, MetricForm>> = { 42: 'gauge', 58: 'sum', 82: 'exponentialHistogram' }
const [histogramTag, summaryTag] = [74, 90]
const dataTags = [42, 58, 82, histogramTag, summaryTag]

/** Twice over the fields of a metric: what it is may stand behind its points. */
const readMetric = (walk: Walk, end: number): void => {
  const { wire, limits, sink } = walk
  if (++walk.metrics > limits.metrics) throw new OverLimit(`more than ${limits.metrics} metrics`)
  const head: MetricHead = { name: '', unit: '', form: undefined, temporality: 0, isMonotonic: false }
  let [from, to] = [-1, -1]
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 10) head.name = readText(wire, end, limits.nameBytes)
    else if (tag === 26) head.unit = readText(wire, end, limits.nameBytes)
    else if (dataTags.includes(tag)) {
      if (from >= 0) throw new Unreadable('a metric with data twice')
      to = wire.enter(end)
      from = wire.at
      head.form = formOf[tag]
      readDataHead(wire, to, head)
    } else wire.skip(tag)
  }
  wire.leave(end)
  if (from < 0) return
  wire.at = from
  readPoints(walk, to, head.form !== undefined && sink.metric(head) ? head.form : undefined)
  wire.at = end
}

/** Of Sum and ExponentialHistogram: aggregation_temporality = 2, is_monotonic = 3. */
const readDataHead = (wire: WireReader, end: number, head: MetricHead): void => {
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 16 && head.form !== 'gauge') head.temporality = wire.uint32() | 0
    else if (tag === 24 && head.form === 'sum') head.isMonotonic = wire.uint64() !== 0
    else wire.skip(tag)
  }
  wire.leave(end)
}

const readPoints = (walk: Walk, end: number, form: MetricForm | undefined): void => {
  const { wire, sink, limits } = walk
  let unwanted = 0
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag !== 10) {
      wire.skip(tag)
      continue
    }
    const pointEnd = wire.enter(end)
    if (++walk.points > limits.points) throw new OverLimit(`more than ${limits.points} data points`)
    if (form === undefined) {
      unwanted++
      wire.at = pointEnd
      continue
    }
    if (form === 'exponentialHistogram') readHistogramPoint(wire, scratch, pointEnd)
    else readNumberPoint(wire, scratch, pointEnd)
    sink.point(scratch, wire.bytes)
  }
  if (unwanted > 0) sink.unwanted(unwanted)
}

const scratch = emptyPoint()

/** Text of a field; longer than `most` bytes is over the limit. What is not UTF-8 is replaced, as every reader of the web does. */
export const readText = (wire: WireReader, limit: number, most: number): string => {
  const end = wire.enter(limit)
  if (end - wire.at > most) throw new OverLimit(`a text of more than ${most} bytes`)
  const text = textOf(wire.bytes, wire.at, end)
  wire.at = end
  return text
}

export const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()
