import t from 'tap'
import { stateOf } from '../../../controller/assign/agent-state.ts'

t.test('an agent is what it was last heard to be, and lost or retired by the time since', async t => {
  const at = (silentMs: number, more = {}) => stateOf({ status: 'live', lastSeenMs: 0, isBanned: false, ...more }, silentMs)
  t.same(
    [0, 29_999, 30_000, 89_999, 90_000, 3_599_999, 3_600_000].map(ms => at(ms)),
    ['live', 'live', 'late', 'late', 'lost', 'lost', 'retired'],
  )
  t.equal(at(0, { status: 'draining' }), 'draining')
  t.equal(at(90_000, { status: 'draining' }), 'draining', 'it said goodbye')
  t.equal(at(0, { status: 'retired' }), 'retired')
  t.equal(at(0, { isBanned: true }), 'banned')
})
