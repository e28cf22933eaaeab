import t from 'tap'
import { type Due, hash32, phaseMs, type SkipReason, startSchedule } from '../../agent/schedule.ts'
import { fakeTime } from './fake-time.ts'
import { paths } from './some-paths.ts'

type Seen = { runs: { key: string; dueMs: number; lateMs: number }[]; skips: { key: string; runs: number; why: SkipReason }[] }

const scheduled = (t: { teardown(f: () => Promise<void>): void }, run: (due: Due) => Promise<void> = async () => {}) => {
  const time = fakeTime()
  const seen: Seen = { runs: [], skips: [] }
  const schedule = startSchedule(time, {
    run: due => {
      seen.runs.push({ key: due.path.key, dueMs: due.dueMs, lateMs: due.lateMs })
      return run(due)
    },
    skipped: ({ key }, runs, why) => seen.skips.push({ key, runs, why }),
  })
  t.teardown(async () => {
    await schedule.stop()
    time.end()
  })
  return { time, seen, schedule }
}

t.test('every path runs once an interval, at its own phase of the wall clock, without drift', async t => {
  const { time, seen, schedule } = scheduled(t)
  const some = paths(50)
  schedule.set(some)
  await time.pass(60_000)
  for (const path of some) {
    const runs = seen.runs.filter(({ key }) => key === path.key)
    t.equal(runs.length, 60, `${path.key} ran every second`)
    const offset = time.nowMs() - time.elapsedMs()
    for (const { dueMs } of runs) {
      const off = (dueMs + offset - phaseMs(path.key, 1000)) % 1000
      t.ok(Math.min(off, 1000 - off) < 0.01, 'on its phase')
    }
  }
  t.ok(
    seen.runs.every(({ lateMs }) => lateMs >= 0 && lateMs <= 1.01),
    'at most a tick late',
  )
  t.same(seen.skips, [])
})

t.test('phases spread over the interval, and depend on nothing but the name', async t => {
  const tenths = new Array<number>(10).fill(0)
  for (const { key } of paths(1000)) tenths[Math.floor(phaseMs(key, 1000) / 100)]!++
  t.ok(
    tenths.every(count => count > 60 && count < 140),
    tenths.join(' '),
  )
  t.equal(hash32('mesh-tcp/payments'), hash32('mesh-tcp/payments'))
})

t.test('a run that takes longer than its interval is not overlapped: what it covers is skipped and counted', async t => {
  const ends: (() => void)[] = []
  const { time, seen, schedule } = scheduled(t, () => new Promise(resolve => ends.push(resolve)))
  schedule.set(paths(1))
  await time.pass(3500)
  t.equal(seen.runs.length, 1)
  t.ok(seen.skips.length >= 2 && seen.skips.every(({ why, runs }) => why === 'overlap' && runs === 1))
  ends[0]!()
  await time.pass(1000)
  t.equal(seen.runs.length, 2, 'and it runs again when it has ended')
  for (const end of ends) end()
})

t.test('after the process stood still for half a minute nothing is caught up: late runs are counted as skipped', async t => {
  const { time, seen, schedule } = scheduled(t)
  schedule.set(paths(20))
  await time.pass(2000)
  const before = seen.runs.length
  time.freeze(30_000)
  await time.pass(1000)
  const ran = seen.runs.length - before
  const missed = seen.skips.reduce((sum, { runs }) => sum + runs, 0)
  t.ok(ran >= 20 && ran <= 40, `${ran} runs of 20 paths in the second after it`)
  t.ok(Math.abs(ran + missed - 20 * 31) <= 20, `${missed} were skipped: none is unaccounted for`)
  t.ok(
    seen.skips.every(({ why }) => why === 'late'),
    'and they say why',
  )
  await time.pass(10_000)
  t.equal(seen.runs.length - before - ran, 200, 'and then the usual rate')
})

t.test('a wall clock that is set an hour forward or back moves no run', async t => {
  const { time, seen, schedule } = scheduled(t)
  schedule.set(paths(10))
  await time.pass(5000)
  time.setWall(3_600_000)
  await time.pass(5000)
  time.setWall(-7_200_000)
  await time.pass(5000)
  t.equal(seen.runs.length, 150)
  t.same(seen.skips, [])
})

t.test('a change of paths keeps the time of those that stay', async t => {
  const { time, seen, schedule } = scheduled(t)
  const [a, b, c] = paths(3)
  schedule.set([a!, b!])
  await time.pass(2500)
  schedule.set([b!, c!])
  const at = time.elapsedMs()
  await time.pass(2500)
  t.notOk(
    seen.runs.some(({ key, dueMs }) => key === a!.key && dueMs > at),
    'what is gone does not run',
  )
  const times = seen.runs.filter(({ key }) => key === b!.key).map(({ dueMs }) => dueMs)
  t.ok(
    times.every((due, i) => i === 0 || Math.abs(due - times[i - 1]! - 1000) < 0.001),
    'what stays keeps its rhythm',
  )
  t.ok(seen.runs.some(({ key }) => key === c!.key))
})

t.test('after a thousand changes the schedule holds what is there and no more', async t => {
  const { time, seen, schedule } = scheduled(t)
  const all = paths(100)
  for (let i = 0; i < 1000; i++) {
    schedule.set(all.slice(i % 50, (i % 50) + 50))
    if (i % 100 === 0) await time.pass(10)
  }
  seen.runs.length = 0
  await time.pass(10_000)
  t.equal(seen.runs.length, 500)
})

t.test('stopping waits for what is under way and starts nothing more', async t => {
  let end = (): void => {}
  const { time, seen, schedule } = scheduled(t, () => new Promise(resolve => (end = resolve)))
  schedule.set(paths(1))
  await time.pass(1000)
  let stopped = false
  const stopping = schedule.stop().then(() => {
    stopped = true
  })
  await time.pass(3000)
  t.equal(seen.runs.length, 1)
  t.notOk(stopped)
  end()
  await stopping
})
