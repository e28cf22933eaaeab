/** From windows to what is said of them: tables, and a model that does the same the slow way. */
import fc from 'fast-check'
import t from 'tap'
import { bad, type Change, good, type Limits, Series, unknown } from '../../../controller/alert/series.ts'

const limits: Limits = { bad: 3, of: 5, good: 5, forMs: 60_000, keepMs: 120_000 }
const letters = { b: bad, g: good, u: unknown, '.': unknown } as const

/** One window every ten seconds; what changed, by the number of the window. */
const play = (windows: string, given: Limits = limits): Record<number, Change> => {
  const series = new Series()
  series.reserve(1)
  const seen: Record<number, Change> = {}
  for (const [k, letter] of [...windows].entries()) {
    const change = series.step(0, letters[letter as keyof typeof letters], given, 1_000_000 + k * 10_000)
    if (change) seen[k] = change
  }
  return seen
}

const cases: { name: string; windows: string; want: Record<number, Change>; limits?: Limits }[] = [
  { name: 'two bad windows of five are nothing', windows: 'gbgbgggggggg', want: {} },
  {
    name: 'the third of five makes it pending, and it fires a minute after the first',
    windows: 'gbbbbbbbbb',
    want: { 3: 'pending', 7: 'firing' },
  },
  { name: 'one that is seldom bad is never pending', windows: 'bggggbggggbggggbgggg', want: {} },
  { name: 'five good ones in a row end it before it fired', windows: 'bbbggggg', want: { 2: 'pending', 7: 'cancelled' } },
  { name: 'no data neither fires', windows: 'bbb..............', want: { 2: 'pending' } },
  { name: 'nor resolves', windows: `bbbbbbb${'.'.repeat(100)}`, want: { 2: 'pending', 6: 'firing' } },
  {
    name: 'it goes on firing for a while after it is well',
    windows: `bbbbbbb${'g'.repeat(14)}`,
    want: { 2: 'pending', 6: 'firing', 19: 'resolved' },
  },
  {
    name: 'one that flaps is held until it has been well for five minutes',
    windows: `${'bg'.repeat(5)}${'b'}${'g'.repeat(40)}`,
    limits: { bad: 1, of: 1, good: 1, forMs: 0, keepMs: 0 },
    want: { 0: 'firing', 1: 'resolved', 2: 'firing', 3: 'resolved', 4: 'firing', 41: 'resolved' },
  },
  {
    name: 'a bad one in that while begins it anew',
    windows: `bbbbbbbgggggb${'g'.repeat(13)}`,
    want: { 2: 'pending', 6: 'firing', 25: 'resolved' },
  },
  {
    name: 'proof fires at once',
    windows: 'gbg',
    want: { 1: 'firing', 2: 'resolved' },
    limits: { bad: 1, of: 1, good: 1, forMs: 0, keepMs: 0 },
  },
]
for (const { name, windows, want, limits: given } of cases) t.test(name, async t => t.strictSame(play(windows, given), want))

t.test('what comes and goes more than four times in half an hour is held, and said once', async t => {
  const quick: Limits = { bad: 1, of: 1, good: 1, forMs: 0, keepMs: 0 }
  const changes = Object.values(play('bg'.repeat(60), quick))
  t.equal(changes.filter(change => change === 'firing').length, 3)
  t.equal(changes.at(-1), 'firing')
  t.equal(
    Object.values(play(`${'bg'.repeat(10)}${'g'.repeat(200)}`, quick)).at(-1),
    'resolved',
    'and it ends when it has been well for a while',
  )
})

t.test('a subject that is no longer measured is as if it had never been', async t => {
  const series = new Series()
  series.reserve(1)
  for (let k = 0; k < 10; k++) series.step(0, bad, limits, k * 10_000)
  t.ok(series.isFiring(0))
  t.equal(series.forget(0), true)
  t.ok(series.isDefault(0))
  t.equal(series.save(0), undefined)
})

/** The rules in words, one window after the other, all of them remembered. */
const model = (windows: readonly number[], given: Limits): (Change | undefined)[] => {
  let [phase, since, until, goods]: [string, number, number, number] = ['quiet', 0, 0, 0]
  let last: { isBad: boolean; atMs: number }[] = []
  return windows.map((verdict, k) => {
    const nowMs = k * 10_000
    if (verdict === unknown) return undefined
    const isBad = verdict === bad
    last = [...last, { isBad, atMs: nowMs }].slice(-given.of)
    if (!isBad && goods === 0) until = nowMs + given.keepMs
    goods = isBad ? 0 : goods + 1
    const reset = (): void => {
      phase = 'quiet'
      last = []
      goods = 0
    }
    if (phase === 'quiet') {
      const bads = last.filter(one => one.isBad)
      if (!isBad && bads.length === 0) goods = 0
      if (!isBad || bads.length < given.bad) return undefined
      since = bads[0]!.atMs
      phase = nowMs - since >= given.forMs ? 'firing' : 'pending'
      return phase as Change
    }
    if (isBad) {
      if (phase !== 'pending' || nowMs - since < given.forMs) return undefined
      phase = 'firing'
      return 'firing'
    }
    if (goods < given.good) return undefined
    if (phase === 'pending') {
      reset()
      return 'cancelled'
    }
    if (nowMs < until) return undefined
    reset()
    return 'resolved'
  })
}

t.test('the arrays do what the words say, whatever the windows, and also when they are saved and loaded in between', async t => {
  const limitsOf = fc
    .record({
      of: fc.integer({ min: 1, max: 8 }),
      bad: fc.integer({ min: 1, max: 8 }),
      good: fc.integer({ min: 1, max: 6 }),
      forMs: fc.integer({ min: 0, max: 12 }),
      keepMs: fc.integer({ min: 0, max: 12 }),
    })
    .map(one => ({ ...one, bad: Math.min(one.bad, one.of), forMs: one.forMs * 10_000, keepMs: one.keepMs * 10_000 }))
  // Few enough that none of them flaps, which the model does not know.
  const windowsOf = fc.array(fc.constantFrom(unknown, good, good, bad, bad), { maxLength: 30 })
  fc.assert(
    fc.property(limitsOf, windowsOf, fc.array(fc.nat(30)), (given, windows, cuts) => {
      let series = new Series()
      series.reserve(3)
      const seen: (Change | undefined)[] = []
      for (const [k, verdict] of windows.entries()) {
        if (cuts.includes(k)) {
          const saved = series.save(1)
          series = new Series()
          series.reserve(3)
          if (saved) series.load(1, JSON.parse(JSON.stringify(saved)))
        }
        seen.push(series.step(1, verdict, given, k * 10_000))
      }
      const want = model(windows, given)
      // Up to where flap damping begins.
      let changes = 0
      const end = want.findIndex(change => (change === 'firing' || change === 'resolved') && ++changes > 4)
      t.strictSame(end < 0 ? seen : seen.slice(0, end), end < 0 ? want : want.slice(0, end))
      return true
    }),
    { numRuns: 500 },
  )
})
