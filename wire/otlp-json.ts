/**
 * OTLP/JSON (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding") as OTLP/protobuf: one reader judges both, so they can't differ.
 * Keys are lowerCamelCase, unknown ones are ignored, enums are integers only, integers of 64 bits are numbers or strings, IDs of traces are hex.
 */
import type { ReadFault } from './otlp-read.ts'
import { fixed64Type, OverLimit, Unreadable, varintType, WireWriter } from './protobuf.ts'

type Scalar = 'string' | 'bool' | 'int' | 'uint32' | 'sint32' | 'uint64' | 'int64' | 'fixed64' | 'sfixed64' | 'double'
/** A field's number, what it holds (a scalar or the name of a message), and whether it is a list. */
type Field = readonly [field: number, holds: Scalar | keyof typeof messages, isList?: 'list']
type Fields = { readonly [name: string]: Field }

/** What an agent's requests consist of; the rest is ignored, as unknown fields are. */
const messages = {
  MetricsRequest: { resourceMetrics: [1, 'ResourceMetrics', 'list'] },
  ResourceMetrics: { resource: [1, 'Resource'], scopeMetrics: [2, 'ScopeMetrics', 'list'] },
  ScopeMetrics: { metrics: [2, 'Metric', 'list'] },
  Metric: {
    name: [1, 'string'],
    unit: [3, 'string'],
    gauge: [5, 'NumberData'],
    sum: [7, 'NumberData'],
    histogram: [9, 'OtherData'],
    exponentialHistogram: [10, 'HistogramData'],
    summary: [11, 'OtherData'],
  },
  NumberData: { dataPoints: [1, 'NumberPoint', 'list'], aggregationTemporality: [2, 'int'], isMonotonic: [3, 'bool'] },
  HistogramData: { dataPoints: [1, 'HistogramPoint', 'list'], aggregationTemporality: [2, 'int'] },
  OtherData: { dataPoints: [1, 'Nothing', 'list'] },
  Nothing: {},
  NumberPoint: {
    attributes: [7, 'KeyValue', 'list'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    asDouble: [4, 'double'],
    asInt: [6, 'sfixed64'],
    flags: [8, 'uint32'],
  },
  HistogramPoint: {
    attributes: [1, 'KeyValue', 'list'],
    startTimeUnixNano: [2, 'fixed64'],
    timeUnixNano: [3, 'fixed64'],
    count: [4, 'fixed64'],
    sum: [5, 'double'],
    scale: [6, 'sint32'],
    zeroCount: [7, 'fixed64'],
    positive: [8, 'Buckets'],
    negative: [9, 'Buckets'],
    flags: [10, 'uint32'],
    min: [12, 'double'],
    max: [13, 'double'],
  },
  Buckets: { offset: [1, 'sint32'], bucketCounts: [2, 'uint64', 'list'] },
  LogsRequest: { resourceLogs: [1, 'ResourceLogs', 'list'] },
  ResourceLogs: { resource: [1, 'Resource'], scopeLogs: [2, 'ScopeLogs', 'list'] },
  ScopeLogs: { logRecords: [2, 'LogRecord', 'list'] },
  LogRecord: {
    timeUnixNano: [1, 'fixed64'],
    severityNumber: [2, 'int'],
    body: [5, 'AnyValue'],
    attributes: [6, 'KeyValue', 'list'],
    observedTimeUnixNano: [11, 'fixed64'],
    eventName: [12, 'string'],
  },
  Resource: { attributes: [1, 'KeyValue', 'list'] },
  KeyValue: { key: [1, 'string'], value: [2, 'AnyValue'] },
  AnyValue: {
    stringValue: [1, 'string'],
    boolValue: [2, 'bool'],
    intValue: [3, 'int64'],
    doubleValue: [4, 'double'],
    arrayValue: [5, 'ArrayValue'],
    kvlistValue: [6, 'KeyValueList'],
  },
  ArrayValue: { values: [1, 'AnyValue', 'list'] },
  KeyValueList: { values: [1, 'KeyValue', 'list'] },
} as const satisfies Record<string, Record<string, readonly [number, string, 'list'?]>>

/** Deeper than any request, counted in brackets. */
const maxDepth = 32
/** Values of a request at most: what JSON.parse makes of them is some fifty times as large as the shortest of them. */
const maxValues = 2_000_000
const maxContainers = 500_000

/** The request in protobuf, or what is wrong with it. Never throws for what the bytes are. */
export const transcodeJson = (json: Uint8Array, request: 'MetricsRequest' | 'LogsRequest'): Uint8Array | ReadFault => {
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  try {
    scan(text)
    return encode(JSON.parse(text.toString()), request, '')
  } catch (error) {
    if (error instanceof OverLimit) return { kind: 'limit', detail: error.message }
    if (error instanceof Unreadable) return { kind: 'malformed', detail: error.message }
    if (error instanceof SyntaxError) return { kind: 'malformed', detail: 'not JSON' }
    throw error
  }
}

const [quoteCode, backslash, comma] = [0x22, 0x5c, 0x2c]

/** How deep and how many, before anything is made of it. */
const scan = (text: Uint8Array): void => {
  let [depth, values, containers, isText] = [0, 0, 0, false]
  for (let at = 0; at < text.length; at++) {
    const code = text[at]!
    if (isText) {
      if (code === backslash) at++
      else if (code === quoteCode) isText = false
    } else if (code === quoteCode) isText = true
    else if (code === comma) values++
    else if (code === 0x7b || code === 0x5b) {
      containers++
      if (++depth > maxDepth) throw new OverLimit(`JSON nested more than ${maxDepth} deep`)
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  if (values > maxValues || containers > maxContainers) throw new OverLimit('more values than a request may have')
}

const encode = (value: unknown, message: keyof typeof messages, path: string): Uint8Array => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unreadable(`${path || 'it'} is not an object`)
  const out = new WireWriter()
  const fields: Fields = messages[message]
  for (const [name, own] of Object.entries(value)) {
    // JSON's null is a field that is not there (protobuf.dev/programming-guides/json).
    if (own === null || !Object.hasOwn(fields, name)) continue
    const [field, holds, isList] = fields[name]!
    const at = `${path}${path && '.'}${name}`
    if (!isList) write(out, field, holds, own, at)
    else if (!Array.isArray(own)) throw new Unreadable(`${at} is not a list`)
    else for (const item of own) write(out, field, holds, item, at)
  }
  return out.bytes
}

const isMessage = (holds: string): holds is keyof typeof messages => Object.hasOwn(messages, holds)

const write = (out: WireWriter, field: number, holds: Field[1], value: unknown, at: string): void => {
  if (isMessage(holds)) out.delimited(field, encode(value, holds, at))
  else if (holds === 'string') {
    if (typeof value !== 'string') throw new Unreadable(`${at} is not a text`)
    out.delimited(field, Buffer.from(value))
  } else if (holds === 'double') {
    out.tag(field, fixed64Type)
    out.double(doubleOf(value, at))
  } else if (holds === 'bool') {
    if (typeof value !== 'boolean') throw new Unreadable(`${at} is not true or false`)
    out.tag(field, varintType)
    out.varint(value ? 1 : 0)
  } else writeInteger(out, field, holds, integerOf(value, holds, at))
}

const writeInteger = (out: WireWriter, field: number, holds: keyof typeof ranges, value: number | bigint): void => {
  const isFixed = holds === 'fixed64' || holds === 'sfixed64'
  out.tag(field, isFixed ? fixed64Type : varintType)
  if (isFixed) out.fixed64(BigInt(value))
  else if (holds === 'sint32') out.varint(zigzag(Number(value)))
  else out.varint(value)
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

const ranges = {
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const

const integerOf = (value: unknown, holds: keyof typeof ranges, at: string): number | bigint => {
  // Nearly all are counts of buckets.
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value
  const isInteger = typeof value === 'string' ? /^-?\d{1,20}$/.test(value) : Number.isInteger(value)
  if (!isInteger) throw new Unreadable(`${at} is not a whole number`)
  const integer = BigInt(value as string | number)
  const [least, most] = ranges[holds]
  if (integer < least || integer > most) throw new Unreadable(`${at} is out of range`)
  return integer
}

/** Numbers, or the texts that protobuf's JSON has for what JSON can't say. */
const doubleOf = (value: unknown, at: string): number => {
  if (typeof value === 'number') return value
  if (value === 'NaN') return Number.NaN
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  if (typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return Number(value)
  throw new Unreadable(`${at} is not a number`)
}
