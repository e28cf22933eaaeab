/**
 * Base-2 exponential histograms of values ≥ 0, as OpenTelemetry defines them (opentelemetry-specification, metrics/data-model.md,
 * "ExponentialHistogram"): at scale s bucket i holds values in (base^i, base^(i+1)], base = 2^(2^-s).
 */

/** As many buckets as OpenTelemetry's SDKs keep (metrics/sdk.md, "Base2 Exponential Bucket Histogram Aggregation"). */
export const maxBuckets = 160
/** Prometheus keeps no finer one (prometheus/model/histogram, schema 8): buckets 0.27 % wide. */
export const maxScale = 8
/** 2098 powers of two make a double; at this scale 132 buckets hold them all, so a histogram never has to refuse a value. */
export const minScale = -4

/** Plain data: `counts[k]`, k < size, counts the values in bucket `offset + k`. What stands behind `size` means nothing. */
export type Histogram = {
  scale: number
  count: number
  zeroCount: number
  sum: number
  /** Infinity and 0 while there is no value. */
  min: number
  max: number
  offset: number
  size: number
  counts: Float64Array
}

export const emptyHistogram = (): Histogram => ({
  scale: maxScale,
  count: 0,
  zeroCount: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: 0,
  offset: 0,
  size: 0,
  counts: new Float64Array(0),
})

const bits = new DataView(new ArrayBuffer(8))
/** Exponent of the smallest normal double: smaller values count as this one (same document, "Mapping function"). */
const smallestExponent = -1022

/** The bucket of a value > 0. Powers of two are exact, so that a coarser scale always is the finer one shifted. */
export const bucketOf = (value: number, scale: number): number => {
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  const exponent = ((high >>> 20) & 0x7ff) - 1023
  if (exponent < smallestExponent) return bucketOf(2 ** smallestExponent, scale)
  const isPower = (high & 0xfffff) === 0 && bits.getUint32(4) === 0
  if (scale <= 0) return (isPower ? exponent - 1 : exponent) >> -scale
  const perPower = 1 << scale
  if (isPower) return exponent * perPower - 1
  const within = Math.ceil(Math.log2(value / 2 ** exponent) * perPower) - 1
  return exponent * perPower + Math.min(Math.max(within, 0), perPower - 1)
}

/** The upper end of a bucket, and so the lower end of the next. */
export const upperEnd = (bucket: number, scale: number): number => 2 ** ((bucket + 1) * 2 ** -scale)

/** By how much the scale must fall for buckets `low` to `high` to be few enough. */
const shiftFor = (low: number, high: number): number => {
  let shift = 0
  while ((high >> shift) - (low >> shift) >= maxBuckets) shift++
  return shift
}

/** Perfect subsetting: each bucket of the coarser scale is exactly 2^shift of the finer. */
const coarsen = (h: Histogram, shift: number): void => {
  if (shift === 0) return
  const offset = h.offset >> shift
  const size = h.size === 0 ? 0 : ((h.offset + h.size - 1) >> shift) - offset + 1
  const counts = new Float64Array(size)
  for (let k = 0; k < h.size; k++) counts[((h.offset + k) >> shift) - offset]! += h.counts[k]!
  Object.assign(h, { scale: h.scale - shift, offset, size, counts })
}

/** Makes room for buckets `low` to `high` of the histogram's own scale, at most `maxBuckets` together with those it has. */
const widen = (h: Histogram, low: number, high: number): void => {
  const first = h.size === 0 ? low : Math.min(low, h.offset)
  const last = h.size === 0 ? high : Math.max(high, h.offset + h.size - 1)
  const size = last - first + 1
  if (size === h.size) return
  const counts = size > h.counts.length ? new Float64Array(Math.min(maxBuckets, Math.max(size, 2 * h.counts.length))) : h.counts
  const moved = h.offset - first
  if (h.size > 0) counts.set(h.counts.subarray(0, h.size), moved)
  if (h.size > 0) counts.fill(0, 0, Math.min(moved, size))
  counts.fill(0, h.size === 0 ? 0 : moved + h.size, size)
  Object.assign(h, { offset: first, size, counts })
}

/** Counts a value `times` times. NaN, infinities and negative values are the caller's bug. */
export const record = (h: Histogram, value: number, times = 1): void => {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`${value} is not a value for a histogram`)
  h.count += times
  h.sum += value * times
  if (value < h.min) h.min = value
  if (value > h.max) h.max = value
  if (value === 0) {
    h.zeroCount += times
    return
  }
  let bucket = bucketOf(value, h.scale)
  if (bucket < h.offset || bucket >= h.offset + h.size) {
    const shift = h.size === 0 ? 0 : shiftFor(Math.min(bucket, h.offset), Math.max(bucket, h.offset + h.size - 1))
    coarsen(h, shift)
    bucket >>= shift
    widen(h, bucket, bucket)
  }
  h.counts[bucket - h.offset]! += times
}

/** The histogram of values in ascending order: the finest that holds them. */
export const histogramOf = (sorted: ArrayLike<number>): Histogram => {
  const h = emptyHistogram()
  let first = 0
  while (first < sorted.length && sorted[first] === 0) first++
  if (first < sorted.length) {
    const [low, high] = [bucketOf(sorted[first]!, maxScale), bucketOf(sorted[sorted.length - 1]!, maxScale)]
    const shift = shiftFor(low, high)
    h.scale -= shift
    widen(h, low >> shift, high >> shift)
  }
  for (let k = 0; k < sorted.length; k++) record(h, sorted[k]!)
  return h
}

/** Adds another histogram: the coarser of both scales, and coarser still until the buckets are few enough. */
export const mergeInto = (h: Histogram, other: Readonly<Histogram>): void => {
  const scale = Math.min(h.scale, other.scale)
  if (other.size > 0) {
    coarsen(h, h.scale - scale)
    const shiftOther = other.scale - scale
    const low = other.offset >> shiftOther
    const high = (other.offset + other.size - 1) >> shiftOther
    const shift = h.size === 0 ? shiftFor(low, high) : shiftFor(Math.min(low, h.offset), Math.max(high, h.offset + h.size - 1))
    coarsen(h, shift)
    widen(h, low >> shift, high >> shift)
    const total = shiftOther + shift
    for (let k = 0; k < other.size; k++) h.counts[((other.offset + k) >> total) - h.offset]! += other.counts[k]!
  }
  h.count += other.count
  h.zeroCount += other.zeroCount
  h.sum += other.sum
  h.min = Math.min(h.min, other.min)
  h.max = Math.max(h.max, other.max)
}

export const mergeHistograms = (a: Readonly<Histogram>, b: Readonly<Histogram>): Histogram => {
  const merged: Histogram = { ...a, counts: a.counts.slice(0, a.size) }
  mergeInto(merged, b)
  return merged
}

/**
 * The value of rank ⌈q·count⌉, by geometric interpolation within its bucket, between the smallest and the largest value seen; null for no values.
 * It is in the same bucket as the true one, so the relative error is below 2^(2^-scale) − 1: 0.27 % at scale 8, 4.4 % at 4, 9.1 % at 3
 * (cf. C. Masson et al., "DDSketch", VLDB 2019, §2.1: relative accuracy of log-sized buckets).
 */
export const quantileOf = (h: Readonly<Histogram>, q: number): number | null => {
  if (h.count === 0) return null
  const rank = Math.max(1, Math.ceil(q * h.count))
  if (rank <= h.zeroCount) return 0
  let before = h.zeroCount
  for (let k = 0; k < h.size; k++) {
    const inside = h.counts[k]!
    if (rank <= before + inside) {
      const part = (rank - before - 0.5) / inside
      return Math.min(h.max, Math.max(h.min, 2 ** ((h.offset + k + part) * 2 ** -h.scale)))
    }
    before += inside
  }
  return h.max
}

/** The bound of `quantileOf`'s relative error at a scale. */
export const errorBound = (scale: number): number => 2 ** (2 ** -scale) - 1

/** As OTLP has it (opentelemetry-proto, ExponentialHistogramDataPoint), with plain arrays: the SDK's serializers write a typed array as an object. */
export const toOtlpHistogram = ({ count, sum, min, max, scale, zeroCount, offset, size, counts }: Readonly<Histogram>) => {
  // Agents make one for every path and window: a loop is the cheapest copy.
  const bucketCounts: number[] = []
  for (let k = 0; k < size; k++) bucketCounts.push(counts[k]!)
  return {
    count,
    sum,
    min,
    max,
    scale,
    zeroCount,
    positive: { offset, bucketCounts },
    negative: { offset: 0, bucketCounts: [] as number[] },
  }
}
