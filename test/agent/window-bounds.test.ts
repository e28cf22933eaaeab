import fc from 'fast-check'
import t from 'tap'
import { type Bounds, boundsOf, msToBoundary } from '../../agent/window-bounds.ts'

const noon = Date.UTC(2026, 10, 22, 12)
const hour = 3_600_000
const cases: [string, { openedMs: number; wallMs: number; elapsedMs: number }, Bounds][] = [
  [
    'closed by a timer that is a little late',
    { openedMs: noon, wallMs: noon + 10_004, elapsedMs: 10_004 },
    { startMs: noon, endMs: noon + 10_000 },
  ],
  [
    'the first one, opened between boundaries',
    { openedMs: noon + 3400, wallMs: noon + 10_001, elapsedMs: 6601 },
    { startMs: noon + 3400, endMs: noon + 10_000 },
  ],
  [
    'closed early, because the agent stops',
    { openedMs: noon, wallMs: noon + 7300, elapsedMs: 7300 },
    { startMs: noon, endMs: noon + 7300 },
  ],
  [
    'closed late, after the process was stopped for a while',
    { openedMs: noon, wallMs: noon + 43_210, elapsedMs: 43_210 },
    { startMs: noon, endMs: noon + 43_210 },
  ],
  [
    'the clock went an hour ahead',
    { openedMs: noon, wallMs: noon + hour + 10_000, elapsedMs: 10_000 },
    { startMs: noon + hour, endMs: noon + hour + 10_000 },
  ],
  [
    'the clock went an hour back',
    { openedMs: noon, wallMs: noon - hour + 10_000, elapsedMs: 10_000 },
    { startMs: noon - hour, endMs: noon - hour + 10_000 },
  ],
]

for (const [name, { openedMs, wallMs, elapsedMs }, want] of cases)
  t.test(name, async t => {
    t.same(boundsOf({ wallMs: openedMs, monotonicMs: 77 }, wallMs, 77 + elapsedMs), want)
  })

t.test('a window is never empty and never backwards, and ends within a second of now', async () => {
  const anyMs = fc.integer({ min: 0, max: 2 ** 42 })
  fc.assert(
    fc.property(anyMs, anyMs, fc.integer({ min: 0, max: 1e6 }), (openedMs, wallMs, elapsedMs) => {
      const { startMs, endMs } = boundsOf({ wallMs: openedMs, monotonicMs: 0 }, wallMs, elapsedMs)
      return startMs < endMs && Number.isInteger(startMs) && Number.isInteger(endMs) && Math.abs(endMs - wallMs) <= 1001
    }),
  )
})

t.test('boundaries are those of the wall clock', async t => {
  t.equal(msToBoundary(noon + 3400), 6600)
  t.equal(msToBoundary(noon), 10_000)
})
