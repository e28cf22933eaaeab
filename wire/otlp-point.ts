/** Data points of OTLP (opentelemetry-proto, metrics/v1/metrics.proto), read into one object that is used again for each. */
import { OverLimit, type WireReader } from './protobuf.ts'

export const maxAttributes = 32
/** Twice what OpenTelemetry's SDKs make. */
export const maxPointBuckets = 320

/** A point as it stands in the bytes. Times are Unix nanoseconds, exact to 256 ns, as doubles are. */
export type WirePoint = {
  startNs: number
  endNs: number
  flags: number
  /** Of a sum or gauge: undefined where there is none. */
  value: number | undefined
  count: number
  zeroCount: number
  sum: number | undefined
  min: number | undefined
  max: number | undefined
  scale: number
  offset: number
  size: number
  negativeCount: number
  readonly counts: Float64Array
  /** Attribute k stands in the bytes from `from[k]` to before `to[k]`: the content of a KeyValue. */
  attributes: number
  readonly from: Int32Array
  readonly to: Int32Array
}

export const emptyPoint = (): WirePoint => ({
  startNs: 0,
  endNs: 0,
  flags: 0,
  value: 0,
  count: 0,
  zeroCount: 0,
  sum: 0,
  min: 0,
  max: 0,
  scale: 0,
  offset: 0,
  size: 0,
  negativeCount: 0,
  counts: new Float64Array(maxPointBuckets),
  attributes: 0,
  from: new Int32Array(maxAttributes),
  to: new Int32Array(maxAttributes),
})

const clear = (point: WirePoint): void => {
  point.startNs = point.endNs = point.flags = 0
  point.attributes = 0
  point.value = undefined
}

const readAttribute = (wire: WireReader, point: WirePoint, limit: number): void => {
  if (point.attributes === maxAttributes) throw new OverLimit(`a point with more than ${maxAttributes} attributes`)
  const end = wire.enter(limit)
  point.from[point.attributes] = wire.at
  point.to[point.attributes++] = end
  wire.at = end
}

/** A NumberDataPoint. Numbers in comments are field × 8 + wire type. */
export const readNumberPoint = (wire: WireReader, point: WirePoint, end: number): void => {
  clear(point)
  while (wire.at < end) {
    const tag = wire.tag()
    switch (tag) {
      case 58: // attributes = 7
        readAttribute(wire, point, end)
        break
      case 17: // start_time_unix_nano = 2
        point.startNs = wire.fixed64()
        break
      case 25: // time_unix_nano = 3
        point.endNs = wire.fixed64()
        break
      case 33: // as_double = 4
        point.value = wire.double()
        break
      case 49: // as_int = 6
        point.value = wire.sfixed64()
        break
      case 64: // flags = 8
        point.flags = wire.uint32()
        break
      default:
        wire.skip(tag)
    }
  }
  wire.leave(end)
}

/** An ExponentialHistogramDataPoint. */
export const readHistogramPoint = (wire: WireReader, point: WirePoint, end: number): void => {
  clear(point)
  point.count = point.zeroCount = point.scale = point.offset = point.size = point.negativeCount = 0
  point.sum = point.min = point.max = undefined
  while (wire.at < end) readHistogramField(wire, point, end)
  wire.leave(end)
}

const readHistogramField = (wire: WireReader, point: WirePoint, end: number): void => {
  const tag = wire.tag()
  switch (tag) {
    case 10: // attributes = 1
      readAttribute(wire, point, end)
      return
    case 17: // start_time_unix_nano = 2
      point.startNs = wire.fixed64()
      return
    case 25: // time_unix_nano = 3
      point.endNs = wire.fixed64()
      return
    case 33: // count = 4
      point.count = wire.fixed64()
      return
    case 41: // sum = 5
      point.sum = wire.double()
      return
    case 48: // scale = 6
      point.scale = wire.sint32()
      return
    case 57: // zero_count = 7
      point.zeroCount = wire.fixed64()
      return
    case 66: // positive = 8
      readPositive(wire, point, wire.enter(end))
      return
    case 74: // negative = 9
      readNegative(wire, point, wire.enter(end))
      return
    case 80: // flags = 10
      point.flags = wire.uint32()
      return
    case 97: // min = 12
      point.min = wire.double()
      return
    case 105: // max = 13
      point.max = wire.double()
      return
    default:
      wire.skip(tag)
  }
}

const addBucket = (point: WirePoint, count: number): void => {
  if (point.size === maxPointBuckets) throw new OverLimit(`a histogram with more than ${maxPointBuckets} buckets`)
  point.counts[point.size++] = count
}

/** Buckets: offset = 1, bucket_counts = 2, packed or one by one. Parts of one message add up. */
const readPositive = (wire: WireReader, point: WirePoint, end: number): void => {
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 18) {
      const last = wire.enter(end)
      while (wire.at < last) addBucket(point, wire.uint64())
      wire.leave(last)
    } else if (tag === 16) addBucket(point, wire.uint64())
    else if (tag === 8) point.offset = wire.sint32()
    else wire.skip(tag)
  }
  wire.leave(end)
}

/** Nothing that is measured here is negative: it is enough to know whether there are any. */
const readNegative = (wire: WireReader, point: WirePoint, end: number): void => {
  while (wire.at < end) {
    const tag = wire.tag()
    if (tag === 18) {
      const last = wire.enter(end)
      while (wire.at < last) point.negativeCount += wire.uint64()
      wire.leave(last)
    } else if (tag === 16) point.negativeCount += wire.uint64()
    else wire.skip(tag)
  }
  wire.leave(end)
}
