import fc from 'fast-check'
import t from 'tap'
import { ColumnNumbers } from '../../../controller/history/column.ts'
import { selfLabels } from '../../../controller/history/labels.ts'
import { historyScale, Minute } from '../../../controller/ingest/minute.ts'
import { Staged } from '../../../controller/ingest/staged.ts'
import { emptyHistogram, errorBound, type Histogram, histogramOf, mergeInto, quantileOf } from '../../../wire/histogram.ts'
import { emptyPoint, type WirePoint } from '../../../wire/otlp-point.ts'

const pointOf = (h: Histogram): WirePoint => {
  const point = emptyPoint()
  point.counts.set(h.counts.subarray(0, h.size))
  const { count, zeroCount, sum, min, max, scale, offset, size } = h
  return Object.assign(point, { count, zeroCount, sum, min, max, scale, offset, size })
}
const seconds = fc.oneof(fc.double({ min: 1e-9, max: 1e5, noNaN: true }), fc.constant(0), fc.double({ min: 0.02, max: 0.03, noNaN: true }))
const windows = fc.array(fc.record({ path: fc.nat({ max: 3 }), values: fc.array(seconds, { minLength: 1, maxLength: 30 }) }), {
  minLength: 1,
  maxLength: 12,
})

t.test('histograms of a minute are what wire/histogram.ts makes of them, at the scale that is kept', async t => {
  fc.assert(
    fc.property(windows, parts => {
      const numbers = new ColumnNumbers()
      const column = numbers.numberOf({ key: 'rtt', form: 'times', variant: [] })
      const [minute, models] = [new Minute(numbers.all), new Map<number, Histogram>()]
      for (const { path, values } of parts) {
        const h = histogramOf(values.toSorted((a, b) => a - b))
        const staged = new Staged()
        staged.push(path, column, 7, undefined, pointOf(h))
        staged.push(path, column, 8, undefined, pointOf(h))
        minute.add(staged, 7)
        const model = models.get(path) ?? { ...emptyHistogram(), scale: historyScale }
        mergeInto(model, h)
        models.set(path, model)
      }
      const labels = [0, 1, 2, 3].map(k => ({ ...selfLabels, target: `${k}` }))
      const seen = [...minute.paths(labels)]
      t.equal(seen.length, models.size)
      for (const { labels: own, cells } of seen) {
        const h = cells[0]!.value as Histogram
        const { counts, size, sum, ...model } = models.get(Number(own.target))!
        t.same({ ...h, counts: [...h.counts], sum: undefined }, { ...model, size, counts: [...counts.subarray(0, size)], sum: undefined })
        t.ok(Math.abs(h.sum - sum) <= 1e-9 * (1 + sum))
      }
    }),
    { numRuns: 150 },
  )
})

t.test('the quantiles of round-trip times of one network are within 1.1 %', async t => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.02, max: 0.1, noNaN: true }), { minLength: 1, maxLength: 60 }), values => {
      const sorted = values.toSorted((a, b) => a - b)
      const numbers = new ColumnNumbers()
      const staged = new Staged()
      staged.push(0, numbers.numberOf({ key: 'rtt', form: 'times', variant: [] }), 0, undefined, pointOf(histogramOf(sorted)))
      const minute = new Minute(numbers.all)
      minute.add(staged, 0)
      const [path] = [...minute.paths([selfLabels])]
      for (const q of [0.5, 0.95, 0.99]) {
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!
        const error = Math.abs(quantileOf(path!.cells[0]!.value as Histogram, q)! - exact) / exact
        t.ok(error <= errorBound(6) && errorBound(6) < 0.011, `${error}`)
      }
    }),
    { numRuns: 100 },
  )
})

t.test('counts add up, the last and the least of a gauge stay', async t => {
  const numbers = new ColumnNumbers()
  const [sum, last, least] = (['sum', 'last', 'least'] as const).map(form => numbers.numberOf({ key: 'k', form, variant: [] })) as [
    number,
    number,
    number,
  ]
  const [staged, minute] = [new Staged(), new Minute(numbers.all)]
  for (const value of [5, 2, 3]) for (const column of [sum, last, least]) staged.push(2, column, 0, value, emptyPoint())
  minute.add(staged, 0)
  t.same(
    [...minute.paths([selfLabels, selfLabels, selfLabels])].map(({ cells }) => cells.map(({ value }) => value)),
    [[10, 3, 2]],
  )
})

t.test('variants that only peers invent end up together', async t => {
  const numbers = new ColumnNumbers()
  for (let k = 0; k < 1000; k++) numbers.numberOf({ key: 'spiffeValidations', form: 'sum', variant: [`domain-${k}`, ''] })
  t.equal(numbers.all.length, 97)
  t.same(numbers.all.at(-1)?.variant, ['_OTHER', '_OTHER'])
})
