/**
 * A scripted hour of faults, judged by a process that is killed again and again: between two turns, before a turn was committed, after it was committed and
 * nobody knew, and after a receiver took a message and before that was written down. What becomes of incidents is what would have become of them anyway, and
 * each word is told once, or twice under the same id and key.
 */
import t, { type Test } from 'tap'
import type { AlertTerm } from '../../../controller/alert/term.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { outboxSize } from '../../../controller/store/outbox.ts'
import type { Sql } from '../../../controller/store/sql.ts'
import type { Store } from '../../../controller/store/store.ts'
import { openNotifying } from '../notify/notifying.ts'
import { openStage, openStore, type Play, regionOf, settle, startMs, tickMs, touchAll } from './script.ts'

const ticks = 360
const rounds = 2
const cutsPerRound = 250

/** A link is cut, later a region goes while the first link comes and goes; one agent dies; a path MTU shrinks. */
const play: Play = (path, tick) => {
  const [from, to] = [regionOf(path.from), regionOf(path.to)]
  const fail = path.check === 'icmp' ? { fail: 1, reason: 'no_reply' } : { fail: 1, reason: 'tcp_timeout' }
  const isLink = [from, to].sort().join() === 'aws/us-east-1,azure/eastus'
  if (isLink && tick >= 20 && tick < 60) return fail
  if (isLink && tick >= 200 && tick < 320 && tick % 20 < 12) return fail
  if ((from === 'gcp/us-central1') !== (to === 'gcp/us-central1') && tick >= 100 && tick < 140) return fail
  if (path.check === 'mtu' && tick >= 150 && tick < 190 && from === 'aws/us-west-2' && to === 'azure/westus')
    return { fail: 1, reason: 'mtu_black_hole', mtu: [1500, 1380] }
  return path.check === 'mtu' ? { ok: 1, mtu: [1500, 1500] } : { ok: 1 }
}

/** Linear congruence: the same cuts each time (Numerical Recipes, chapter 7.1). */
const dice = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

const kinds = ['between', 'before commit', 'after commit', 'while telling'] as const
type Cut = (typeof kinds)[number]
class Killed extends Error {}
type Told = { id: string; key: string; event: string; incident: string }
type Hour = { log: string[]; told: Told[] }

/** The first write of a lane claims what it has to tell; the second, when it told something, marks that. */
const claimOnly = (store: Store): Store => {
  let writes = 0
  return { ...store, write: (...given) => (++writes > 1 ? Promise.reject(new Killed()) : store.write(...given)) }
}

const unlessKilled = async (work: () => Promise<unknown>): Promise<boolean> => {
  try {
    await work()
    return true
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    return false
  }
}

/** Writes of turns, and the one of them that a kill meets. */
const killable = (store: Store, cut: { is: Cut | undefined }) => async (work: (sql: Sql) => Promise<unknown>) => {
  const now = cut.is
  cut.is = undefined
  if (now === 'before commit')
    await store.write(async sql => {
      await work(sql)
      throw new Killed()
    })
  const result = await store.write(work)
  if (now === 'after commit') throw new Killed()
  return result
}

const playHour = async (t: Test, cuts: ReadonlyMap<number, Cut>): Promise<Hour> => {
  const store = await openStore(t)
  await settle(store)
  const cut: { is: Cut | undefined } = { is: undefined }
  const stage = await openStage(store, killable(store, cut))
  const { lane, printed } = await openNotifying(t, { nowMs: () => startMs + stage.clock.tick * tickMs })
  const startLane = (own = store) => lane({ type: 'stdout', name: 'hook' }, { store: own })
  stage.play.is = play
  stage.silent.is = (agent, tick) => agent === 'westus-2' && tick >= 250 && tick < 300
  let term: AlertTerm = await stage.begin()
  let hook = startLane()
  for (stage.clock.tick = 1; stage.clock.tick <= ticks; stage.clock.tick++) {
    await touchAll(store, stage)
    const wanted = cuts.get(stage.clock.tick)
    cut.is = wanted
    if (!(await unlessKilled(() => term.turn()))) {
      term = await stage.begin()
      // Nothing of it was written: the next process does it.
      if (wanted === 'before commit') await term.turn()
    }
    if (wanted === 'while telling') await unlessKilled(() => startLane(claimOnly(store)).turn())
    if (wanted === 'between' || wanted === 'while telling') term = await stage.begin()
    if (wanted !== undefined) hook = startLane()
    await hook.turn()
  }
  const events = await store.read(sql => readEvents(sql, 0, 10_000))
  const log = events
    .filter(({ kind }) => kind.startsWith('incident_'))
    .map(({ kind, subject, body }) => JSON.stringify([kind, subject, body]))
  const told = printed.map(line => {
    const { id, key, event, page } = JSON.parse(line) as Omit<Told, 'incident'> & { page: { incident: string } }
    return { id, key, event, incident: page.incident }
  })
  t.equal((await store.read(outboxSize)).size, 0, 'nothing waits to be told')
  return { log, told: told.filter(({ event }) => event !== 'repeat') }
}

const cutsOf = (chance: () => number): Map<number, Cut> => {
  const cuts = new Map<number, Cut>()
  while (cuts.size < cutsPerRound) cuts.set(1 + Math.floor(chance() * ticks), kinds[Math.floor(chance() * kinds.length)]!)
  return cuts
}

const timesTold = (told: readonly Told[]): Map<string, number> =>
  new Map([...Map.groupBy(told, ({ id }) => id)].map(([id, its]) => [id, its.length]))

t.setTimeout(600_000)
t.test(`${rounds * cutsPerRound} kills in a scripted hour change nothing of what is told`, async t => {
  const { log: want, told: wanted } = await playHour(t, new Map())
  t.ok(want.length >= 8, `${want.length} words in the hour`)
  t.equal(timesTold(wanted).size, wanted.length, 'undisturbed, each is told once')
  let again = 0
  for (let round = 0; round < rounds; round++) {
    const { log, told } = await playHour(t, cutsOf(dice(round + 1)))
    t.strictSame(log, want, `round ${round + 1}: the transitions`)
    const times = timesTold(told)
    t.strictSame([...times.keys()].sort(), [...timesTold(wanted).keys()].sort(), 'the same words under the same ids')
    for (const [id, count] of times) t.ok(count === 1 || count === 2, `${id} is told ${count} times`)
    for (const its of Map.groupBy(told, ({ incident }) => incident).values())
      t.equal(new Set(its.map(({ key }) => key)).size, 1, 'an incident keeps its key')
    again += told.length - times.size
  }
  t.ok(again > 0, `${again} words were told twice`)
})
