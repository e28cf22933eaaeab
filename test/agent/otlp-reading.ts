/** Reads OTLP back, protobuf and JSON into the same shape, with a decoder that is not ours. */
import { fileURLToPath } from 'node:url'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import type { Encoding } from '../../agent/otlp.ts'

const definition = loadSync(fileURLToPath(new URL('../fixtures/otlp/otlp.proto', import.meta.url)), { longs: String, enums: Number })
const decoderOf = (service: string) => (definition[`otlp.${service}`] as ServiceDefinition)['Export']!.requestDeserialize

type AnyValue = {
  stringValue?: string
  boolValue?: boolean
  intValue?: string | number
  doubleValue?: number
  arrayValue?: { values?: AnyValue[] }
}
type KeyValues = { key: string; value: AnyValue }[]
type Buckets = { offset?: number; bucketCounts?: (string | number)[] }
type DataPoint = {
  attributes?: KeyValues
  startTimeUnixNano: string
  timeUnixNano: string
  asInt?: string | number
  asDouble?: number
  count?: string | number
  sum?: number
  min?: number
  max?: number
  scale?: number
  zeroCount?: string | number
  positive?: Buckets
}
type Data = { dataPoints?: DataPoint[]; aggregationTemporality?: number; isMonotonic?: boolean }
type Metric = { name: string; unit?: string; gauge?: Data; sum?: Data; exponentialHistogram?: Data }
type MetricsRequest = {
  resourceMetrics?: { resource: { attributes: KeyValues }; scopeMetrics?: { scope: { name: string }; metrics: Metric[] }[] }[]
}
type LogRecord = {
  timeUnixNano: string
  severityNumber: number
  severityText: string
  body: AnyValue
  eventName: string
  attributes: KeyValues
}
type LogsRequest = {
  resourceLogs?: { resource: { attributes: KeyValues }; scopeLogs?: { scope: { name: string }; logRecords: LogRecord[] }[] }[]
}

type Span = {
  traceId: string | Buffer
  spanId: string | Buffer
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: KeyValues
  status?: { code?: number; message?: string }
}
type TraceRequest = {
  resourceSpans?: { resource: { attributes: KeyValues }; scopeSpans?: { scope: { name: string }; spans: Span[] }[] }[]
}

const parse = (body: Uint8Array, encoding: Encoding, service: string): unknown =>
  encoding === 'json' ? JSON.parse(Buffer.from(body).toString()) : decoderOf(service)(Buffer.from(body))

const anyOf = (value: AnyValue): unknown =>
  value.arrayValue
    ? (value.arrayValue.values ?? []).map(anyOf)
    : (value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue))
const attributesOf = (pairs: KeyValues | undefined): Record<string, unknown> =>
  Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, anyOf(value)]))

export type ReadPoint = {
  name: string
  unit: string
  form: 'gauge' | 'sum' | 'exponentialHistogram'
  temporality: number | undefined
  isMonotonic: boolean
  startNs: string
  endNs: string
  attributes: Record<string, unknown>
  value: unknown
  resource: Record<string, unknown>
  scope: string
}

/** Every data point, by itself. */
export const readMetrics = (body: Uint8Array, encoding: Encoding): ReadPoint[] =>
  ((parse(body, encoding, 'MetricsService') as MetricsRequest).resourceMetrics ?? []).flatMap(({ resource, scopeMetrics }) =>
    (scopeMetrics ?? []).flatMap(({ scope, metrics }) =>
      metrics.flatMap(metric => {
        const form = (['gauge', 'sum', 'exponentialHistogram'] as const).find(name => metric[name])!
        const data = metric[form]!
        return (data.dataPoints ?? []).map(point => ({
          name: metric.name,
          unit: metric.unit ?? '',
          form,
          temporality: data.aggregationTemporality,
          isMonotonic: data.isMonotonic ?? false,
          startNs: point.startTimeUnixNano,
          endNs: point.timeUnixNano,
          attributes: attributesOf(point.attributes),
          value: form === 'exponentialHistogram' ? histogramOf(point) : Number(point.asInt ?? point.asDouble),
          resource: attributesOf(resource.attributes),
          scope: scope.name,
        }))
      }),
    ),
  )

const histogramOf = ({ count, sum, min, max, scale, zeroCount, positive }: DataPoint): object => ({
  count: Number(count),
  sum,
  min,
  max,
  scale: scale ?? 0,
  zeroCount: Number(zeroCount ?? 0),
  offset: positive?.offset ?? 0,
  counts: (positive?.bucketCounts ?? []).map(Number),
})

export const readLogs = (body: Uint8Array, encoding: Encoding) =>
  ((parse(body, encoding, 'LogsService') as LogsRequest).resourceLogs ?? []).flatMap(({ resource, scopeLogs }) =>
    (scopeLogs ?? []).flatMap(({ scope, logRecords }) =>
      logRecords.map(log => ({
        ns: log.timeUnixNano,
        severity: log.severityNumber,
        text: log.severityText,
        name: log.eventName,
        body: anyOf(log.body),
        attributes: attributesOf(log.attributes),
        resource: attributesOf(resource.attributes),
        scope: scope.name,
      })),
    ),
  )

const idOf = (id: string | Buffer): string => (typeof id === 'string' ? id : id.toString('hex'))

export const readSpans = (body: Uint8Array, encoding: Encoding) =>
  ((parse(body, encoding, 'TraceService') as TraceRequest).resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      spans.map(span => ({
        traceId: idOf(span.traceId),
        spanId: idOf(span.spanId),
        name: span.name,
        kind: span.kind,
        startNs: String(span.startTimeUnixNano),
        endNs: String(span.endTimeUnixNano),
        attributes: attributesOf(span.attributes),
        code: span.status?.code ?? 0,
        message: span.status?.message ?? '',
        resource: attributesOf(resource.attributes),
        scope: scope.name,
      })),
    ),
  )
