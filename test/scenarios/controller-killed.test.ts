/** A controller that is killed while agents send to it, on the embedded store. `test/bench/controller-kill.ts` does it many more times. */
import t from 'tap'
import { killController } from '../lab/controller-kill.ts'

const rounds = 10
t.setTimeout(300_000)

t.test('nothing that was acknowledged is lost or counts twice, and agents come back with what they know', async t => {
  const killed = await killController({ rounds, random: Math.random })
  t.comment(JSON.stringify(killed))
  t.match(killed, { rounds, missing: 0, doubled: 0, faults: [] })
  t.ok(killed.acknowledged > rounds)
})
