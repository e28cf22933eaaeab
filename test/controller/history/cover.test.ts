import fc from 'fast-check'
import t from 'tap'
import { coverOf } from '../../../controller/history/cover.ts'
import { resolutionsMs } from '../../../controller/history/query.ts'

const [minuteMs, hourMs] = [60_000, 3_600_000]
const nowMs = Date.UTC(2026, 5, 1, 12, 34)
const shown = (asked: Partial<Parameters<typeof coverOf>[0]>) =>
  coverOf({ fromMs: nowMs - hourMs, toMs: nowMs, nowMs, ...asked }).map(({ level, fromMs, toMs }) => [level, (toMs - fromMs) / minuteMs])

t.test('the longest resolution inside, shorter ones at the ends', async t => {
  t.same(shown({}), [
    [0, 6],
    [1, 50],
    [0, 4],
  ])
  t.same(shown({ fromMs: nowMs - 3 * hourMs }), [
    [0, 6],
    [1, 20],
    [2, 120],
    [1, 30],
    [0, 4],
  ])
  t.same(shown({ stepMs: minuteMs }), [[0, 60]], 'a step asks for shorter ones')
  t.same(shown({ stepMs: 5 * minuteMs }), [[0, 60]])
  t.same(shown({ fromMs: nowMs - 72 * hourMs, toMs: nowMs - 71 * hourMs }), [[1, 70]], 'what is no longer kept is read in what is')
  t.same(shown({ fromMs: nowMs - 20 * 24 * hourMs, toMs: nowMs - 20 * 24 * hourMs + minuteMs, stepMs: minuteMs }), [[2, 35]])
})

t.test('spans follow one another, on the borders of their resolutions, and have all of the time', async () => {
  const minutes = fc.integer({ min: 0, max: 24 * 60 * 30 })
  fc.assert(
    fc.property(minutes, minutes, fc.constantFrom(undefined, 1, 5, 10, 20, 60, 120), (a, b, step) => {
      const [fromMs, toMs] = [nowMs - Math.max(a, b) * minuteMs, nowMs - Math.min(a, b) * minuteMs]
      const spans = coverOf({ fromMs, toMs, nowMs, ...(step && { stepMs: step * minuteMs }) })
      if (fromMs === toMs) return spans.length === 0
      const isSound = spans.every(
        ({ level, fromMs: from, toMs: to }, k) =>
          from < to &&
          (k === 0 || from === spans[k - 1]!.toMs) &&
          from % resolutionsMs[level]! === 0 &&
          (to % resolutionsMs[level]! === 0 || to === toMs),
      )
      return isSound && spans[0]!.fromMs <= fromMs && spans.at(-1)!.toMs >= toMs
    }),
    { numRuns: 2000 },
  )
})
