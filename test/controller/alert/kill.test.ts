/**
 * A scripted hour of faults, judged by a process that is killed again and again: between two turns, before a turn was committed, and after it was committed and
 * nobody knew. What people are told is what they would have been told anyway.
 */
import t, { type Test } from 'tap'
import type { AlertTerm } from '../../../controller/alert/term.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { outboxSize } from '../../../controller/store/outbox.ts'
import type { Sql } from '../../../controller/store/sql.ts'
import type { Store } from '../../../controller/store/store.ts'
import { openStage, openStore, type Play, regionOf, settle, touchAll } from './script.ts'

const ticks = 360
const rounds = 2
const cutsPerRound = 180

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

type Cut = 'between' | 'before commit' | 'after commit'
class Killed extends Error {}

const playHour = async (t: Test, cuts: ReadonlyMap<number, Cut>): Promise<{ log: string[]; store: Store }> => {
  const store = await openStore(t)
  await settle(store)
  let cut: Cut | undefined
  const stage = await openStage(store, async (work: (sql: Sql) => Promise<unknown>) => {
    const now = cut
    cut = undefined
    if (now === 'before commit')
      await store.write(async sql => {
        await work(sql)
        throw new Killed()
      })
    const result = await store.write(work)
    if (now === 'after commit') throw new Killed()
    return result
  })
  stage.play.is = play
  stage.silent.is = (agent, tick) => agent === 'westus-2' && tick >= 250 && tick < 300
  let term: AlertTerm = await stage.begin()
  for (stage.clock.tick = 1; stage.clock.tick <= ticks; stage.clock.tick++) {
    await touchAll(store, stage)
    const wanted = cuts.get(stage.clock.tick)
    cut = wanted
    try {
      await term.turn()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      term = await stage.begin()
      // Nothing of it was written: the next process does it.
      if (wanted === 'before commit') await term.turn()
    }
    if (wanted === 'between') term = await stage.begin()
  }
  const events = await store.read(sql => readEvents(sql, 0, 10_000))
  const log = events
    .filter(({ kind }) => kind.startsWith('incident_'))
    .map(({ kind, subject, body }) => JSON.stringify([kind, subject, body]))
  return { log, store }
}

t.setTimeout(400_000)
t.test(`${rounds * cutsPerRound} kills in a scripted hour change nothing of what is told`, async t => {
  const { log: want, store } = await playHour(t, new Map())
  t.ok(want.length >= 8, `${want.length} words in the hour`)
  t.ok((await store.read(outboxSize)).size > 0, 'they wait to be sent')
  for (let round = 0; round < rounds; round++) {
    const chance = dice(round + 1)
    const cuts = new Map<number, Cut>()
    while (cuts.size < cutsPerRound)
      cuts.set(1 + Math.floor(chance() * ticks), (['between', 'before commit', 'after commit'] as const)[Math.floor(chance() * 3)]!)
    const { log } = await playHour(t, cuts)
    t.strictSame(log, want, `round ${round + 1}`)
  }
})
