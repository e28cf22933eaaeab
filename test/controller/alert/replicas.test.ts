/** Two replicas over one PostgreSQL, and the one that judges dies: while nothing is known yet, in the middle of telling a receiver, and while the incident goes on. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { AlertTerm } from '../../../controller/alert/term.ts'
import { pause } from '../../../controller/pause.ts'
import { seekLeadership } from '../../../controller/store/leadership.ts'
import { writeAsLeader } from '../../../controller/store/leases.ts'
import { openPostgres } from '../../../controller/store/postgres.ts'
import type { Store } from '../../../controller/store/store.ts'
import type { Secret } from '../../../wire/secret.ts'
import { waitFor } from '../../interop/programs.ts'
import { type Notifying, openNotifying } from '../notify/notifying.ts'
import { type Sink, startSink } from '../notify/sink.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { openStage, type Play, regionOf, settle, startMs, tickMs, touchAll } from './script.ts'

t.setTimeout(300_000)
const [cutTick, healTick, endTick] = [3, 40, 70]
const ends = ['aws/us-east-1', 'azure/eastus']

const play: Play = (path, tick) => {
  const [from, to] = [regionOf(path.from), regionOf(path.to)]
  const isCut = tick >= cutTick && tick < healTick && from !== to && ends.includes(from) && ends.includes(to)
  if (isCut) return { fail: 1, reason: path.check === 'icmp' ? 'no_reply' : 'tcp_timeout' }
  return path.check === 'mtu' ? { ok: 1, mtu: [1500, 1500] } : { ok: 1 }
}

type Replica = {
  isDead(): boolean
  /** From then on nothing of it reaches the store; its lease stays until it ends by itself. */
  die(): void
  leads(): boolean
  turn(tick: number): Promise<void>
  close(): Promise<void>
}

const openReplica = async (url: Secret, lane: Notifying['lane'], sink: Sink): Promise<Replica> => {
  const real = await openPostgres({ url, connections: 3 })
  const holder = randomUUID()
  let isDead = false
  const store: Store = { ...real, write: (...given) => (isDead ? Promise.reject(new Error('it is dead')) : real.write(...given)) }
  const leadership = seekLeadership(store, {
    ...{ name: 'alerts', holder, ttlMs: 3000, renewMs: 300, sleep: pause },
    nowMs: () => performance.now(),
    onChange: () => {},
  })
  const leads = () => !isDead && leadership.current() !== undefined
  const hook = lane({ type: 'webhook', name: 'hook', url: sink.url }, { store, holder, isLeader: leads, isJudging: leads })
  const stage = await openStage(store, work => writeAsLeader(store, leadership.current()!, work))
  stage.play.is = play
  let term: { epoch: number; is: AlertTerm } | undefined
  return {
    isDead: () => isDead,
    die: () => {
      isDead = true
    },
    leads,
    turn: async tick => {
      stage.clock.tick = tick
      await touchAll(store, stage)
      const { epoch } = leadership.current()!
      if (term?.epoch !== epoch) term = { epoch, is: await stage.begin() }
      await term.is.turn()
      await hook.turn()
    },
    close: async () => {
      await leadership.stop()
      await real.close()
    },
  }
}

t.test('one incident, one page but for the one that died while it was said, and one end', { skip: needsPostgres }, async t => {
  const cluster = await startCluster()
  t.teardown(() => cluster.remove())
  const { url } = await cluster.database()
  const first = await openPostgres({ url })
  await settle(first)
  await first.close()
  const sink = await startSink()
  t.teardown(() => sink.close())
  const clock = { tick: 0 }
  const { lane } = await openNotifying(t, { nowMs: () => startMs + clock.tick * tickMs })
  const replicas = [await openReplica(url, lane, sink), await openReplica(url, lane, sink)]
  const closeAll = () => Promise.all(replicas.map(one => one.close()))
  let deaths = 0
  const die = (one: Replica): void => {
    deaths++
    one.die()
  }
  let isFirstWord = true
  sink.answer.next = () => {
    if (isFirstWord) die(replicas.find(one => one.leads())!)
    isFirstWord = false
    return {}
  }
  for (clock.tick = 1; clock.tick <= endTick; clock.tick++) {
    const leader = await waitFor('one that judges', async () => replicas.find(one => one.leads()), 60_000)
    try {
      await leader.turn(clock.tick)
    } catch (error) {
      if (!leader.isDead()) throw error
    }
    // While it is pending, and while it fires.
    if (clock.tick === cutTick + 2 || clock.tick === healTick - 5) die(leader)
    if (leader.isDead()) replicas.push(await openReplica(url, lane, sink))
  }
  await closeAll()
  const told = sink.got.map(one => one.json() as { id: string; key: string; event: string })
  t.equal(deaths, 3)
  t.comment(told.map(({ id, key, event }) => [id, key, event]))
  t.equal(new Set(told.map(({ key }) => key)).size, 1)
  const firing = told.filter(({ event }) => event === 'firing')
  t.equal(new Set(firing.map(({ id }) => id)).size, 1)
  t.equal(firing.length, 2, 'again by the next, under the same id')
  t.equal(told.filter(({ event }) => event === 'resolved').length, 1)
})
