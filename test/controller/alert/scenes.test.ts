/** Situations, played window by window: how many incidents there are, where, why, and when they are told. */
import t, { type Test } from 'tap'
import type { Incident } from '../../../controller/alert/incident.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { getIncident } from '../../../controller/store/incidents.ts'
import { addDecision } from '../../../controller/store/silences.ts'
import type { Store } from '../../../controller/store/store.ts'
import { openStage, openStore, type Path, type Play, regionOf, type Stage, settle, startMs, tickMs, touchAll } from './script.ts'

type Told = { tick: number; kind: string; title: string; severity: string; id: string }
type Scene = { store: Store; stage: Stage; told: Told[]; incidentOf(told: Told): Promise<Incident> }

const good = { ok: 1 }
const down = { fail: 1, reason: 'tcp_timeout' }

const scene = async (
  t: Test,
  play: Play,
  ticks: number,
  prepare: (scene: Pick<Scene, 'store' | 'stage'>) => Promise<void> | void = () => {},
): Promise<Scene> => {
  const store = await openStore(t)
  await settle(store)
  const stage = await openStage(store)
  stage.play.is = play
  await prepare({ store, stage })
  const term = await stage.begin()
  const told: Told[] = []
  let last = 0
  for (stage.clock.tick = 1; stage.clock.tick <= ticks; stage.clock.tick++) {
    await touchAll(store, stage)
    await term.turn()
    const events = await store.read(sql => readEvents(sql, last, 1000))
    for (const { id, kind, subject, body } of events) {
      last = id
      if (kind.startsWith('incident_'))
        told.push({ tick: stage.clock.tick, kind, title: String(body['title']), severity: String(body['severity']), id: subject })
    }
  }
  return { store, stage, told, incidentOf: async ({ id }) => (await store.read(sql => getIncident<Incident>(sql, id)))!.body }
}

const isBetween = (path: Path, a: string, b: string): boolean => regionOf(path.from) === a && regionOf(path.to) === b
const silence = (check: Path['check']) => (check === 'icmp' ? { fail: 1, reason: 'no_reply' } : down)

t.test('a link that is cut is one incident, told once within a minute and a half, and once when it is over', async t => {
  const play: Play = (path, tick) =>
    tick >= 10 && tick < 40 && (isBetween(path, 'aws/us-east-1', 'azure/eastus') || isBetween(path, 'azure/eastus', 'aws/us-east-1'))
      ? silence(path.check)
      : good
  const { told, incidentOf } = await scene(t, play, 70)
  t.strictSame(
    told.map(({ kind }) => kind),
    ['incident_opened', 'incident_resolved'],
  )
  t.match(told[0], { severity: 'page', title: /aws\/us-east-1 ↔ azure\/eastus|aws\/us-east-1 → azure\/eastus/ })
  t.ok(told[0]!.tick <= 19, `told after ${told[0]!.tick - 10} windows`)
  t.equal(told[0]!.id, told[1]!.id)
  t.match(await incidentOf(told[0]!), {
    state: 'ended',
    end: 'well again',
    next: /^probe check --from aws\/us-east-1 --to azure\/eastus/,
    impact: /paths, 6 agents/,
  })
})

t.test('a region that is gone is one incident, and the paths that it explains page nobody', async t => {
  const isIn = ({ from, to }: Path): boolean => (regionOf(from) === 'gcp/us-central1') !== (regionOf(to) === 'gcp/us-central1')
  const { told } = await scene(t, (path, tick) => (tick >= 10 && isIn(path) ? silence(path.check) : good), 40)
  t.equal(told.filter(({ kind }) => kind === 'incident_opened').length, 1)
  t.match(told[0], { severity: 'page', title: /gcp\/us-central1|cloud gcp/ })
})

t.test('a region that loses the way to the controller too is one incident: its silent agents are no second one', async t => {
  const isIn = ({ from, to }: Path): boolean => (regionOf(from) === 'gcp/us-central1') !== (regionOf(to) === 'gcp/us-central1')
  const { told } = await scene(
    t,
    (path, tick) => (tick >= 10 && isIn(path) ? silence(path.check) : good),
    45,
    ({ stage }) => {
      stage.silent.is = (agent, tick) => agent.startsWith('us-central1') && tick >= 10
    },
  )
  t.same(
    told.filter(({ kind }) => kind === 'incident_opened').map(({ severity }) => severity),
    ['page'],
    told.map(({ title }) => title).join('; '),
  )
})

t.test('packets that vanish one way are one incident with the cause, the way and the size', async t => {
  const play: Play = (path, tick) => {
    if (path.check !== 'mtu') return good
    const [there, back] = [isBetween(path, 'aws/us-east-1', 'azure/eastus'), isBetween(path, 'azure/eastus', 'aws/us-east-1')]
    if (tick < 10 || !(there || back)) return { ok: 1, mtu: [1500, 1500] }
    return { fail: 1, reason: 'mtu_black_hole', mtu: there ? [1500, 1380] : [1380, 1500] }
  }
  const { told } = await scene(t, play, 30)
  t.equal(told.filter(({ kind }) => kind === 'incident_opened').length, 1)
  t.match(told[0], { severity: 'page', title: /^azure\/eastus → aws\/us-east-1|^aws\/us-east-1 ↔ azure\/eastus/ })
})

t.test('ICMP that nobody answers beside a TCP that works is no incident', async t => {
  const { told } = await scene(t, ({ check }) => (check === 'icmp' ? { fail: 1, reason: 'no_reply' } : good), 60)
  t.strictSame(told, [])
})

t.test('an hour of a network that loses now and then is no incident', async t => {
  let state = 7
  const chance = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
  const { told } = await scene(t, path => (chance() < 0.02 ? silence(path.check) : good), 360)
  t.strictSame(told, [])
})

t.test('a prober that is out of CPU says nothing of the network', async t => {
  const play: Play = ({ from }, tick) =>
    tick >= 10 && from.id === 'eastus-1' ? { ok: 1, unmeasured: 3, reason: 'local_overload', fail: 2 } : good
  const { told } = await scene(t, play, 60)
  t.strictSame(told, [])
})

t.test('a refusal by policy alone is reported and pages nobody', async t => {
  const { told } = await scene(
    t,
    ({ check }, tick) => (tick >= 10 && check === 'tcp' ? { fail: 1, reason: 'authorization_denied' } : good),
    40,
  )
  t.strictSame(told, [])
})

t.test('one agent that is lost is a ticket, half of a location pages, and nobody is judged in the first minute', async t => {
  const one = await scene(
    t,
    () => good,
    40,
    ({ stage }) => {
      stage.silent.is = (agent, tick) => agent === 'eastus-1' && tick >= 5
    },
  )
  t.match(one.told, [{ kind: 'incident_opened', severity: 'ticket', title: 'eastus-1: the agent is silent' }])
  const two = await scene(
    t,
    () => good,
    40,
    ({ stage }) => {
      stage.silent.is = (agent, tick) => agent.startsWith('eastus-') && agent !== 'eastus-3' && tick >= 5
    },
  )
  t.match(two.told, [{ kind: 'incident_opened', severity: 'page', title: /azure\/eastus: 2 agents are silent/ }])
})

t.test('half of all agents that fall silent at once mean that the controller is cut off: one incident', async t => {
  const { told } = await scene(
    t,
    () => good,
    40,
    ({ stage }) => {
      stage.silent.is = (agent, tick) => !agent.startsWith('us-east') && tick >= 5
    },
  )
  t.match(told, [{ kind: 'incident_opened', title: /^this controller is cut off from .*azure\/eastus/ }])
  t.equal(told.length, 1)
})

t.test('what is under maintenance is no incident, and what is silenced is one that nobody is told of until the silence ends', async t => {
  const play: Play = (path, tick) => (tick >= 10 && isBetween(path, 'aws/us-east-1', 'azure/eastus') ? silence(path.check) : good)
  const decide =
    (kind: 'silence' | 'maintenance', ticks: number) =>
    ({ store }: Pick<Scene, 'store'>) =>
      store
        .write(sql =>
          addDecision(sql, {
            kind,
            author: 'ann',
            reason: 'works',
            match: { place: 'azure/eastus' },
            startMs,
            endMs: startMs + ticks * tickMs,
            createdMs: startMs,
          }),
        )
        .then(() => {})
  t.strictSame((await scene(t, play, 50, decide('maintenance', 100))).told, [])
  const silenced = await scene(t, play, 50, decide('silence', 40))
  t.match(silenced.told, [{ kind: 'incident_opened', tick: 40 }])
})

t.test('paths that are no longer assigned close as such', async t => {
  const play: Play = (path, tick) => (tick >= 5 && path.to.id === 'eastus-1' ? (tick < 30 ? silence(path.check) : undefined) : good)
  const { told, incidentOf } = await scene(t, play, 60, ({ store, stage }) => {
    const { is } = stage.play
    stage.play.is = (path, tick) => {
      if (tick === 30 && path.to.id === 'eastus-1' && path.from.id === 'eastus-2' && path.check === 'tcp') void drop(store)
      return is(path, tick)
    }
  })
  t.equal(told.at(-1)?.kind, 'incident_resolved')
  t.match(await incidentOf(told.at(-1)!), { end: 'no longer measured' })
})

/** Nobody probes this agent any more. */
const drop = async (store: Store): Promise<void> => {
  const { putAssigned } = await import('../../../controller/store/assigned.ts')
  const { agents, allPaths } = await import('./script.ts')
  await store.write(async sql => {
    for (const { id } of agents) {
      const own = Map.groupBy(
        allPaths.filter(({ from, to }) => from.id === id && to.id !== 'eastus-1'),
        ({ check }) => check,
      )
      await putAssigned(sql, {
        agentId: id,
        paths: Array.from(own, ([check, its]) => ({ check, targets: its.map(({ target }) => target) })),
        atMs: startMs + 1,
      })
    }
  })
}
