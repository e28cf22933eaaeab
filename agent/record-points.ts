import { type ByteReader, type ByteWriter, Malformed } from '../wire/bytes.ts'
import { maxScale, minScale } from '../wire/histogram.ts'
import { readBuckets, writeBuckets } from '../wire/histogram-bytes.ts'
import { type Form, quantiles } from '../wire/metrics.ts'
import type { Series } from './columns.ts'
import type { Times } from './samples.ts'
import type { Point } from './table.ts'

/** Their places are what records have: append only. */
const forms = ['sum', 'gauge', 'times'] as const satisfies readonly Form[]
const maxAttributes = 8
const nsPerSecond = 1e9
/** The index of the largest double at the finest scale, and room beyond it. */
const limits = { minScale, maxScale, maxOffset: 2 ** 20 }

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

const writeTimes = (out: ByteWriter, { histogram, quantiles: values }: Times): void => {
  for (const seconds of [histogram.sum, histogram.min, histogram.max, ...values]) out.uint(seconds * nsPerSecond)
  writeBuckets(out, histogram)
}

const readTimes = (bytes: ByteReader): Times => {
  const seconds = (): number => bytes.uint() / nsPerSecond
  const [sum, min, max] = [seconds(), seconds(), seconds()]
  const values = quantiles.map(seconds)
  return { histogram: { ...readBuckets(bytes, limits), sum, min, max }, quantiles: values }
}
