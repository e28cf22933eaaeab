import t from 'tap'
import { Realtime } from '../../../probes/net/realtime.ts'

/** A busy machine may take a process off its processor between two looks at a clock. */
const toleranceMs = 100

t.test('the clock told between two looks is the realtime clock', async t => {
  const clock = new Realtime()
  for (let i = 0; i < 5; i++) {
    const told = clock.baseSeconds * 1000 + clock.nowNs() / 1e6
    t.ok(Math.abs(told - Date.now()) < toleranceMs)
    t.ok(Math.abs(clock.look()) < toleranceMs, 'nobody has stepped it')
  }
})

t.test('it never goes back between two looks', async t => {
  const clock = new Realtime()
  let last = clock.nowNs()
  let back = 0
  for (let i = 0; i < 10_000; i++) {
    const now = clock.nowNs()
    if (now < last) back++
    last = now
  }
  t.equal(back, 0)
})
