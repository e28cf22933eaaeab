import { type ByteReader, type ByteWriter, Malformed } from '../wire/bytes.ts'
import { type Histogram, maxBuckets, maxScale, minScale } from '../wire/histogram.ts'
import { type Form, quantiles } from '../wire/metrics.ts'
import type { Series } from './columns.ts'
import type { Times } from './samples.ts'
import type { Point } from './table.ts'

/** Their places are what records have: append only. */
const forms = ['sum', 'gauge', 'times'] as const satisfies readonly Form[]
const maxAttributes = 8
const nsPerSecond = 1e9
/** Where buckets are read to before it is known how many there are. */
const scratch = new Float64Array(maxBuckets)

/** The form stands in the record, so that a series which this version does not know can be passed over. */
export const writeSeries = (out: ByteWriter, { key, form, variant }: Series): void => {
  out.text(key)
  out.byte(forms.indexOf(form))
  out.uint(variant.length)
  for (const value of variant) out.text(value)
}

export const readSeries = (bytes: ByteReader): Series => {
  const key = bytes.needText()
  const form = forms[bytes.byte()]
  if (!form) throw new Malformed('a series has a form that does not exist')
  return { key, form, variant: Array.from({ length: bytes.count('attributes', maxAttributes) }, () => bytes.needText()) }
}

export const writePoint = (out: ByteWriter, place: number, { series, value }: Point): void => {
  out.uint(place)
  if (typeof value !== 'number') writeTimes(out, value)
  else if (series.form === 'gauge') out.double(value)
  else out.uint(value)
}

export const readPoint = (bytes: ByteReader, all: readonly Series[]): Point => {
  const series = all[bytes.uint()]
  if (!series) throw new Malformed('a point has a series that does not exist')
  if (series.form === 'times') return { series, value: readTimes(bytes) }
  const value = series.form === 'gauge' ? bytes.double() : bytes.uint()
  if (!Number.isFinite(value)) throw new Malformed('a value is not a number')
  return { series, value }
}

const writeTimes = (out: ByteWriter, { histogram: h, quantiles: values }: Times): void => {
  for (const seconds of [h.sum, h.min, h.max, ...values]) out.uint(seconds * nsPerSecond)
  out.uint(h.zeroCount)
  out.int(h.scale)
  out.int(h.offset)
  let filled = 0
  for (let k = 0; k < h.size; k++) if (h.counts[k] !== 0) filled++
  out.uint(filled)
  for (let k = 0, next = 0; k < h.size; k++) {
    if (h.counts[k] === 0) continue
    out.uint(k - next)
    out.uint(h.counts[k]!)
    next = k + 1
  }
}

const readTimes = (bytes: ByteReader): Times => {
  const seconds = (): number => bytes.uint() / nsPerSecond
  const [sum, min, max] = [seconds(), seconds(), seconds()]
  const values = quantiles.map(seconds)
  const zeroCount = bytes.uint()
  const [scale, offset] = [bytes.int(), bytes.int()]
  if (scale < minScale || scale > maxScale) throw new Malformed(`a histogram has the scale ${scale}`)
  // The index of the largest double at the finest scale, and room beyond it.
  if (Math.abs(offset) > 2 ** 20) throw new Malformed(`a histogram begins at bucket ${offset}`)
  const filled = bytes.count('buckets', maxBuckets)
  let size = 0
  let count = zeroCount
  for (let k = 0; k < filled; k++) {
    const next = size + bytes.uint() + 1
    if (next > maxBuckets) throw new Malformed('a histogram has too many buckets')
    scratch.fill(0, size, next)
    scratch[next - 1] = bytes.uint()
    count += scratch[next - 1]!
    size = next
  }
  if (count === 0 || !Number.isSafeInteger(count)) throw new Malformed(`a histogram counts ${count}`)
  const histogram: Histogram = { scale, count, zeroCount, sum, min, max, offset, size, counts: scratch.slice(0, size) }
  return { histogram, quantiles: values }
}
