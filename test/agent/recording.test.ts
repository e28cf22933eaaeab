import t, { type Test } from 'tap'
import { startRecording } from '../../agent/recording.ts'
import { createSelf } from '../../agent/self.ts'
import type { NewRecord } from '../../agent/spool/record.ts'
import { Windows } from '../../agent/window.ts'
import { windowMs } from '../../agent/window-bounds.ts'
import { fakeTime } from './fake-time.ts'
import { connect } from './paths.ts'
import { paths } from './some-paths.ts'

/** Records of a path that is measured each second, as they are written. */
const record = (t: Test, { startMs = 1_795_000_000_000, isKept = true } = {}) => {
  const time = fakeTime(startMs)
  t.teardown(() => time.end())
  const self = createSelf()
  const some = paths(1)
  const windows = new Windows(some, { clock: { wallMs: time.nowMs, monotonicMs: time.elapsedMs }, self })
  const written: NewRecord[] = []
  const recording = startRecording({
    clock: time,
    windows,
    append: one => written.push(one),
    isKept: () => isKept,
    flush: async () => {},
    beforeClose: () => {},
    lost: () => {},
  })
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      windows.record(0, connect(1), { key: some[0]!.key, lateMs: 0 })
      await time.pass(1000)
    }
  }
  return { time, windows, written, recording, pass }
}

for (const [name, byMs] of [
  ['slewed back by 4 ms', -4],
  ['slewed forward by 4 ms', 4],
  ['as it is', 0],
] as const) {
  t.test(`with a clock that is ${name} in each window there is one record for each ten seconds, on the grid`, async t => {
    const { time, written, recording, pass } = record(t)
    for (let i = 0; i < 4; i++) {
      await pass(5)
      time.setWall(byMs)
      await pass(5)
    }
    await time.pass(100)
    await recording.stop()
    const bounds = written.slice(0, 4).map(({ atMs, spanMs }) => [atMs % windowMs, spanMs])
    t.strictSame(bounds, Array(4).fill([0, windowMs]))
  })
}

for (const hours of [1, -1]) {
  t.test(`a clock that jumps ${hours} h: the window it fell into is as long as it was, and the next are on the grid again`, async t => {
    const { time, written, recording, pass } = record(t)
    await pass(14)
    const before = time.nowMs()
    time.setWall(hours * 3_600_000 + 2500)
    await pass(16)
    await time.pass(100)
    await recording.stop()
    const [first, jumped, ...others] = written
    t.equal(first!.atMs + first!.spanMs, before - (before % windowMs))
    t.ok(Math.abs(jumped!.atMs - (before - 4000 + hours * 3_600_000 + 2500)) < 2000, 'placed where the clock is right now')
    t.ok(jumped!.spanMs <= 2 * windowMs, `${jumped!.spanMs} ms`)
    t.ok(others.length > 0)
    for (const [i, { atMs, spanMs }] of others.entries()) {
      const last = [jumped, ...others][i]!
      t.equal(atMs, last.atMs + last.spanMs, 'without a hole')
      t.ok(spanMs <= windowMs)
    }
  })
}

t.test('what nobody is to get is not made into records, and the totals go on', async t => {
  const { windows, written, recording, pass } = record(t, { isKept: false })
  await pass(30)
  await recording.stop()
  t.same(written, [])
  const [{ row } = { row: -1 }] = windows.current()
  t.equal(windows.totals.read(row, { key: 'runs', form: 'sum', variant: ['ok'] }), 30)
})
