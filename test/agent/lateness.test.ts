import t from 'tap'
import { watchLateness } from '../../agent/lateness.ts'
import { fakeTime } from './fake-time.ts'

const watched = (t: { teardown(f: () => void): void }) => {
  const time = fakeTime()
  const late: number[] = []
  const lateness = watchLateness(time, ms => late.push(ms))
  t.teardown(() => {
    lateness.stop()
    time.end()
  })
  return { time, late, lateness }
}

t.test('a loop that keeps time is not late', async t => {
  const { time, late, lateness } = watched(t)
  const from = time.elapsedMs()
  await time.pass(2000)
  t.equal(lateness.worstMs(from, time.elapsedMs()), 0)
  t.equal(late.length, 100, 'and it was looked at every 20 ms')
  t.ok(late.every(ms => ms === 0))
})

t.test('a stop is seen by every run that it fell into, and by no other', async t => {
  const { time, lateness } = watched(t)
  await time.pass(500)
  const before = time.elapsedMs()
  await time.pass(100)
  const during = time.elapsedMs()
  time.freeze(30_000)
  await time.pass(20)
  const after = time.elapsedMs()
  await time.pass(500)
  t.ok(lateness.worstMs(during, after) > 29_900, 'a run that was under way')
  t.equal(lateness.worstMs(before - 100, before), 0, 'one that had ended')
  t.equal(lateness.worstMs(after, time.elapsedMs()), 0, 'one that began later')
})

t.test('a callback that runs before the timer after a stop already knows of it', async t => {
  const { time, lateness } = watched(t)
  await time.pass(500)
  const from = time.elapsedMs()
  time.freeze(5000)
  t.ok(lateness.worstMs(from, time.elapsedMs()) >= 4900)
})
