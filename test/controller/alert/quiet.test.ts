/** Reminders of what goes on: not of what somebody has taken, nor of what is silenced, and again when a silence has ended. */
import t, { type Test } from 'tap'
import { ackIncident } from '../../../controller/store/incidents.ts'
import { addDecision } from '../../../controller/store/silences.ts'
import { openNotifying } from '../notify/notifying.ts'
import { openStage, openStore, regionOf, settle, startMs, tickMs, touchAll } from './script.ts'

const repeatTicks = 6

/** A link is down from the first tick on; each word that the receiver was told, and when. */
const playOutage = async (t: Test) => {
  const store = await openStore(t)
  await settle(store)
  const stage = await openStage(store)
  const isCut = (place: string) => ['aws/us-east-1', 'azure/eastus'].includes(place)
  stage.play.is = path => {
    const [from, to] = [regionOf(path.from), regionOf(path.to)]
    if (from !== to && isCut(from) && isCut(to)) return { fail: 1, reason: path.check === 'icmp' ? 'no_reply' : 'tcp_timeout' }
    return path.check === 'mtu' ? { ok: 1, mtu: [1500, 1500] } : { ok: 1 }
  }
  const term = await stage.begin()
  const { lane, printed } = await openNotifying(t, { nowMs: () => startMs + stage.clock.tick * tickMs })
  const hook = lane({ type: 'stdout', name: 'hook', repeat: `${(repeatTicks * tickMs) / 1000}s` }, { store })
  const go = async (ticks: number): Promise<string[]> => {
    const before = printed.length
    for (const until = stage.clock.tick + ticks; stage.clock.tick < until; ) {
      stage.clock.tick++
      await touchAll(store, stage)
      await term.turn()
      await hook.turn()
    }
    return printed.slice(before).map(line => (JSON.parse(line) as { event: string }).event)
  }
  return { store, term, go, nowMs: () => startMs + stage.clock.tick * tickMs }
}

t.test('nobody is reminded of what somebody looks after', async t => {
  const { store, term, go, nowMs } = await playOutage(t)
  t.equal((await go(30)).filter(event => event === 'firing').length, 1)
  t.ok((await go(2 * repeatTicks)).includes('repeat'))
  const [incident] = term.incidents
  t.equal(await store.write(sql => ackIncident(sql, incident!.id, { author: 'ann', atMs: nowMs() })), true)
  t.notOk((await go(3 * repeatTicks)).includes('repeat'))
})

t.test('nobody is reminded of what is silenced, until the silence ends', async t => {
  const { store, term, go, nowMs } = await playOutage(t)
  t.ok((await go(30 + 2 * repeatTicks)).includes('repeat'))
  const [incident] = term.incidents
  const times = { startMs: nowMs(), endMs: nowMs() + 3 * repeatTicks * tickMs, createdMs: nowMs() }
  const match = { incident: incident!.id }
  await store.write(sql => addDecision(sql, { kind: 'silence', author: 'ann', reason: 'known', match, ...times }))
  t.strictSame(await go(3 * repeatTicks - 1), [])
  t.strictSame((await go(2 * repeatTicks)).slice(0, 2), ['repeat', 'repeat'])
})
