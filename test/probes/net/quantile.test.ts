import fc from 'fast-check'
import t from 'tap'
import { quantile, summarise } from '../../../probes/net/quantile.ts'

const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 })
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b))

/** The polygon through the points (rank / (n − 1), value), read at `q`. */
const naive = (sorted: number[], q: number): number => {
  if (sorted.length === 1) return sorted[0]!
  for (let i = 0; ; i++) {
    const [from, to] = [i / (sorted.length - 1), (i + 1) / (sorted.length - 1)]
    if (q <= to || i === sorted.length - 2) return sorted[i]! + ((sorted[i + 1]! - sorted[i]!) * (q - from)) / (to - from)
  }
}

t.test('a quantile is a point of the polygon through the sorted values', async () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (given, q) => {
      const sorted = given.toSorted((a, b) => a - b)
      const [a, b] = [quantile(sorted, q), naive(sorted, q)]
      return Math.abs(a - b) <= 1e-6 * Math.max(1, sorted.at(-1)!)
    }),
  )
})

t.test('known quantiles, as NumPy gives them', async t => {
  t.equal(quantile([1, 2, 3, 4], 0.5), 2.5)
  t.equal(quantile([1, 2, 3, 4], 0), 1)
  t.equal(quantile([1, 2, 3, 4], 1), 4)
  t.ok(near(quantile([15, 20, 35, 40, 50], 0.4), 29))
  t.ok(near(quantile([10, 20], 0.95), 19.5))
  t.equal(quantile([7], 0.99), 7)
})

t.test('a summary is in order, and does not touch what it was given', async () => {
  fc.assert(
    fc.property(values, given => {
      const before = [...given]
      const s = summarise(given)!
      const mean = given.reduce((a, b) => a + b, 0) / given.length
      const deviation = Math.sqrt(given.reduce((a, b) => a + (b - mean) ** 2, 0) / given.length)
      const inOrder = s.min <= s.p50 && s.p50 <= s.p95 && s.p95 <= s.p99 && s.p99 <= s.max
      const rounded = Math.abs(s.min - Math.min(...given)) <= 1e-4 && Math.abs(s.max - Math.max(...given)) <= 1e-4
      return inOrder && rounded && Math.abs(s.stddev - deviation) <= 1e-3 && before.every((value, i) => value === given[i])
    }),
  )
})

t.test('no values have no summary, one value is all of it', async t => {
  t.equal(summarise([]), null)
  t.same(summarise(Float64Array.of(0.25)), { min: 0.25, p50: 0.25, p95: 0.25, p99: 0.25, max: 0.25, stddev: 0 })
})
