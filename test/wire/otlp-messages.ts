/** Requests as messages and as bytes, by a writer and a reader that are not ours (protobufjs through @grpc/proto-loader). */
import { fileURLToPath } from 'node:url'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import fc from 'fast-check'
import { pathMeasures } from '../../wire/metrics.ts'

const definition = loadSync(fileURLToPath(new URL('../fixtures/otlp/otlp.proto', import.meta.url)), {
  longs: String,
  enums: Number,
  keepCase: false,
})
const methodOf = (service: string) => (definition[`otlp.${service}`] as ServiceDefinition)['Export']!
export const encodeMetrics = (message: object): Buffer => methodOf('MetricsService').requestSerialize(message)
export const encodeLogs = (message: object): Buffer => methodOf('LogsService').requestSerialize(message)
/** Throws for what it can't read. */
export const decodeMetrics = (bytes: Uint8Array): Message => methodOf('MetricsService').requestDeserialize(Buffer.from(bytes)) as Message

export type Message = { resourceMetrics?: { scopeMetrics?: { metrics?: Metric[] }[] }[] }
type Buckets = { offset?: number; bucketCounts?: string[] }
export type Metric = {
  name?: string
  unit?: string
  gauge?: Data
  sum?: Data
  exponentialHistogram?: Data
}
type Data = { dataPoints?: Point[]; aggregationTemporality?: number; isMonotonic?: boolean }
export type Point = {
  attributes?: { key?: string; value?: object }[]
  startTimeUnixNano?: string
  timeUnixNano?: string
  asInt?: string
  asDouble?: number
  count?: string
  sum?: number
  min?: number
  max?: number
  scale?: number
  zeroCount?: string
  positive?: Buckets
}

const word = fc.string({ maxLength: 10, unit: 'grapheme' })
const value = fc.oneof(
  fc.record({ stringValue: word }),
  fc.record({ boolValue: fc.boolean() }),
  fc.record({ intValue: fc.integer().map(String) }),
  fc.record({ doubleValue: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
)
const attributes = fc.array(fc.record({ key: word, value }), { maxLength: 5 })
const nanos = fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String)
const double = fc.double({ noNaN: true, noDefaultInfinity: true })
const times = { startTimeUnixNano: nanos, timeUnixNano: nanos }
const number = fc.oneof(
  fc.record({ attributes, ...times, asDouble: double }),
  fc.record({ attributes, ...times, asInt: fc.bigInt({ min: -(2n ** 50n), max: 2n ** 50n }).map(String) }),
)
const count = fc.nat().map(String)
const histogram = fc.record({
  attributes,
  ...times,
  count,
  zeroCount: count,
  sum: double,
  min: double,
  max: double,
  scale: fc.integer({ min: -20, max: 30 }),
  positive: fc.record({
    offset: fc.integer(),
    bucketCounts: fc.array(fc.bigInt({ min: 0n, max: 2n ** 53n }).map(String), { maxLength: 8 }),
  }),
})
const name = fc.oneof(word, fc.constantFrom(...Object.values(pathMeasures).map(measure => measure.name)))
const head = { name, unit: fc.constantFrom('s', 'By', '{run}', '') }
const metric = fc.oneof(
  fc.record({ ...head, gauge: fc.record({ dataPoints: fc.array(number, { maxLength: 3 }) }) }),
  fc.record({
    ...head,
    sum: fc.record({
      dataPoints: fc.array(number, { maxLength: 3 }),
      aggregationTemporality: fc.nat({ max: 3 }),
      isMonotonic: fc.boolean(),
    }),
  }),
  fc.record({
    ...head,
    exponentialHistogram: fc.record({ dataPoints: fc.array(histogram, { maxLength: 3 }), aggregationTemporality: fc.nat({ max: 3 }) }),
  }),
)
export const metricsMessage = fc.record({
  resourceMetrics: fc.array(
    fc.record({
      resource: fc.record({ attributes }),
      scopeMetrics: fc.array(fc.record({ metrics: fc.array(metric, { maxLength: 3 }) }), { maxLength: 2 }),
    }),
    { maxLength: 2 },
  ),
})
