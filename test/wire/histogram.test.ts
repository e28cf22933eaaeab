import fc from 'fast-check'
import t from 'tap'
import {
  bucketOf,
  emptyHistogram,
  errorBound,
  type Histogram,
  histogramOf,
  maxBuckets,
  maxScale,
  mergeHistograms,
  minScale,
  quantileOf,
  record,
  upperEnd,
} from '../../wire/histogram.ts'

const anyValue = fc.oneof(
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 1e-6, max: 10, noNaN: true }),
  fc.integer({ min: -1074, max: 1023 }).map(exponent => 2 ** exponent),
  fc.constant(0),
)
const values = fc.array(anyValue, { maxLength: 60 })
const of = (numbers: number[]): Histogram => {
  const h = emptyHistogram()
  for (const value of numbers) record(h, value)
  return h
}
/** All but the sum, whose last bits depend on the order of adding. */
const shape = ({ sum: _, counts, ...rest }: Histogram) => ({ ...rest, counts: [...counts.subarray(0, rest.size)] })
const total = (h: Histogram): number => h.counts.subarray(0, h.size).reduce((a, b) => a + b, h.zeroCount)
const isClose = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b))

t.test('a bucket holds what is above its lower end and up to its upper end', async t => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), fc.integer({ min: minScale, max: maxScale }), (value, scale) => {
      const bucket = bucketOf(value, scale)
      return value <= upperEnd(bucket, scale) * (1 + 1e-13) && value > upperEnd(bucket - 1, scale) * (1 - 1e-13)
    }),
  )
  for (let scale = minScale; scale <= maxScale; scale++)
    t.equal(bucketOf(1, scale), -1, `1 is the upper end of bucket -1 at scale ${scale}`)
  t.equal(bucketOf(2, 3), 7)
  t.equal(bucketOf(4, -1), 0, '4 is the upper end of (1, 4]')
  t.equal(bucketOf(5e-324, 0), bucketOf(2 ** -1022, 0), 'a subnormal counts as the smallest normal number')
})

t.test('every double fits, in at most 160 buckets, at the finest scale that holds them', async t => {
  fc.assert(
    fc.property(values, numbers => {
      const h = of(numbers)
      const positive = numbers.filter(value => value > 0)
      const span = (scale: number) => bucketOf(Math.max(...positive), scale) - bucketOf(Math.min(...positive), scale) + 1
      const isFinest = positive.length === 0 || h.scale === maxScale || span(h.scale + 1) > maxBuckets
      return h.size <= maxBuckets && h.scale >= minScale && h.count === numbers.length && total(h) === h.count && isFinest
    }),
  )
  t.equal(of([5e-324, Number.MAX_VALUE]).scale, minScale)
})

t.test('from sorted values at once, or one by one in any order: the same histogram', async () => {
  fc.assert(
    fc.property(values, numbers => {
      const sorted = numbers.toSorted((a, b) => a - b)
      return JSON.stringify(shape(histogramOf(sorted))) === JSON.stringify(shape(of(numbers)))
    }),
  )
})

t.test('merging commutes, associates, and is the histogram of all values', async () => {
  fc.assert(
    fc.property(values, values, values, (x, y, z) => {
      const [a, b, c] = [of(x), of(y), of(z)]
      const left = mergeHistograms(mergeHistograms(a, b), c)
      const right = mergeHistograms(a, mergeHistograms(b, c))
      const swapped = mergeHistograms(mergeHistograms(b, a), c)
      const all = of([...x, ...y, ...z])
      const texts = [left, right, swapped, all].map(h => JSON.stringify(shape(h)))
      return new Set(texts).size === 1 && isClose(left.sum, right.sum) && total(left) === x.length + y.length + z.length
    }),
  )
})

t.test('merging leaves both parts as they were', async t => {
  const [a, b] = [of([0.1, 0.2]), of([1, 2, 300])]
  const before = JSON.stringify([shape(a), shape(b)])
  mergeHistograms(a, b)
  t.equal(JSON.stringify([shape(a), shape(b)]), before)
})

t.test('a quantile is as near to the value of its rank as the scale promises', async t => {
  const times = fc.array(fc.double({ min: 1e-6, max: 100, noNaN: true }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, q) => {
      const h = of(numbers)
      const sorted = numbers.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!
      const estimate = quantileOf(h, q)!
      return Math.abs(estimate - exact) / exact <= errorBound(h.scale) + 1e-12 && estimate >= sorted[0]! && estimate <= sorted.at(-1)!
    }),
  )
  t.equal(quantileOf(emptyHistogram(), 0.5), null)
  t.equal(quantileOf(of([0, 0, 0, 1]), 0.5), 0, 'zeros are values')
  t.equal(quantileOf(of([0.25]), 0.99), 0.25, 'one value is every quantile')
})

t.test('what is no duration is refused', async t => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e-9]) {
    const h = of([1])
    t.throws(() => record(h, value), RangeError)
    t.equal(h.count, 1, 'and counted nowhere')
  }
})
