import t from 'tap'
import { firstRollout, type Rollout, type RolloutSeen, rolloutLimits, stepRollout } from '../../../controller/assign/rollout.ts'
import type { Standing } from '../../../controller/store/standings.ts'

/** A fleet whose agents a test has say and do things; `a0` comes first. */
const play = (count: number, rollout: Rollout = firstRollout) => {
  const ids = Array.from({ length: count }, (_, i) => `a${i}`)
  const standings = new Map<string, Standing>()
  const lastSeen = new Map(ids.map(id => [id, 0]))
  const seen: RolloutSeen & { newest: number; changed: readonly string[]; faults: RolloutSeen['faults'] } = {
    newest: 1,
    changed: ids,
    revisionOf: id => `${id}/new`,
    standingOf: id => standings.get(id),
    lastSeenMsOf: id => lastSeen.get(id),
    faults: [],
  }
  const state = { rollout, nowMs: 0, events: [] as { kind: string; body: Readonly<Record<string, unknown>> }[] }
  const note = (id: string, more: Partial<Standing>): void => void standings.set(id, { ...standings.get(id), agentId: id, ...more })
  const step = () => {
    const { rollout: next, events } = stepRollout(state.rollout, seen, state.nowMs, rolloutLimits)
    state.rollout = next
    state.events.push(...events)
    return Object.keys(next.next?.members ?? {})
  }
  const sent = (...some: string[]) => {
    for (const id of some)
      note(id, { sent: { revision: `${id}/new`, atMs: state.nowMs, count: (standings.get(id)?.sent?.count ?? 0) + 1 } })
  }
  const told = (outcome: 'running' | 'refused', ...some: string[]) => {
    for (const id of some)
      note(id, {
        told: { revision: `${id}/new`, generation: 1, outcome, problems: outcome === 'refused' ? [`${id} can't`] : [], atMs: state.nowMs },
      })
  }
  return {
    state,
    seen,
    note,
    step,
    sent,
    told,
    run: (...some: string[]) => {
      sent(...some)
      told('running', ...some)
    },
    /** Everybody else is seen meanwhile. */
    pass: (ms: number, ...silent: string[]) => {
      state.nowMs += ms
      for (const id of ids) if (!silent.includes(id)) lastSeen.set(id, state.nowMs)
      return step()
    },
    kinds: () => state.events.map(({ kind }) => kind),
  }
}

t.test('one agent, then five of a hundred, then all, each for as long as they hold', async t => {
  const fleet = play(100)
  t.same(fleet.step(), ['a0'])
  t.equal(fleet.pass(1000).length, 1, 'it has not said anything yet')
  fleet.run('a0')
  t.equal(fleet.pass(4999).length, 1, 'it has not held yet')
  const few = fleet.pass(1)
  t.same(few, ['a0', 'a1', 'a2', 'a3', 'a4'])
  fleet.run(...few.slice(1, 4))
  t.equal(fleet.pass(6000).length, 5, 'one of them has not said anything')
  fleet.run('a4')
  const all = fleet.pass(5000)
  t.equal(all.length, 100)
  fleet.run(...all.slice(5))
  t.equal(fleet.state.rollout.good, 0)
  fleet.pass(5000)
  t.same(fleet.state.rollout, { good: 1, refused: [] })
  t.same(fleet.kinds(), ['generation_rollout', 'generation_rollout', 'generation_rollout', 'generation_running'])
  t.same(fleet.step(), [], 'and nothing more')
})

t.test('what changes nothing for anybody needs no canary, and of two agents the second is the rest', async t => {
  const nobody = play(0)
  nobody.step()
  t.same(nobody.state.rollout, { good: 1, refused: [] })
  const two = play(2)
  two.step()
  two.run('a0')
  t.same(two.pass(5000), ['a0', 'a1'])
  two.run('a1')
  two.pass(5000)
  t.equal(two.state.rollout.good, 1)
})

t.test('a refusal in any stage sends everybody back, and says who refused and why', async t => {
  for (const stage of ['canary', 'all']) {
    const fleet = play(3)
    fleet.step()
    if (stage === 'all') {
      fleet.run('a0')
      fleet.pass(5000)
    }
    const refuser = stage === 'all' ? 'a2' : 'a0'
    fleet.sent(refuser)
    fleet.told('refused', refuser)
    fleet.pass(1)
    t.same(fleet.state.rollout, { good: 0, refused: [1] })
    t.match(fleet.state.events.at(-1), {
      kind: 'generation_refused',
      body: { generation: 1, stage, backTo: 0, agents: [{ agent: refuser, problems: [`${refuser} can't`] }] },
    })
  }
})

t.test('an agent that dies of it stops it: by silence, by a stream that ended, or by starting anew each time', async t => {
  const cases: [string, (fleet: ReturnType<typeof play>) => void][] = [
    ['silent', fleet => void fleet.pass(29_999, 'a0')],
    ['gone', fleet => fleet.note('a0', { goneMs: fleet.state.nowMs })],
  ]
  for (const [name, die] of cases) {
    const fleet = play(3)
    fleet.step()
    fleet.run('a0')
    die(fleet)
    fleet.pass(1)
    t.notOk(fleet.kinds().includes('generation_refused'), `${name}: it may come back`)
    fleet.pass(60_000, 'a0')
    t.match(
      fleet.state.events.at(-1),
      { kind: 'generation_refused', body: { agents: [{ agent: 'a0', problems: [/not been heard of/] }] } },
      name,
    )
  }
  const fleet = play(3)
  fleet.step()
  for (let start = 0; start < 4; start++) {
    fleet.run('a0')
    fleet.pass(4000)
  }
  t.match(fleet.state.events.at(-1), { kind: 'generation_refused', body: { agents: [{ problems: [/4 times in a row/] }] } })
})

t.test('an agent that comes back from a restart, or goes after the rollout, stops nothing', async t => {
  const fleet = play(2)
  fleet.step()
  fleet.run('a0')
  fleet.note('a0', { goneMs: 0 })
  fleet.pass(29_000)
  fleet.note('a0', { goneMs: undefined })
  t.same(fleet.pass(1), ['a0', 'a1'])
})

t.test('an agent that is away for a minute is passed over, and another takes its place', async t => {
  const fleet = play(3)
  t.same(fleet.step(), ['a0'])
  t.same(fleet.pass(59_999, 'a0'), ['a0'])
  t.same(fleet.pass(1, 'a0'), ['a0', 'a1'])
  fleet.run('a1')
  t.same(fleet.pass(5000, 'a0'), ['a0', 'a1', 'a2'])
  t.same(fleet.state.rollout.next?.passedOver, ['a0'])
  const lonely = play(1)
  lonely.step()
  lonely.pass(60_000, 'a0')
  lonely.pass(1, 'a0')
  t.equal(lonely.state.rollout.good, 1, 'nobody is left to ask')
})

t.test('who joins or leaves does not begin it again', async t => {
  const fleet = play(3)
  fleet.step()
  fleet.run('a0')
  fleet.seen.changed = ['joined', 'a0', 'a1', 'a2']
  t.same(fleet.pass(4000), ['a0'])
  t.same(
    fleet.pass(1000).sort((a, b) => (a < b ? -1 : 1)),
    ['a0', 'a1', 'a2', 'joined'],
  )
  fleet.seen.changed = ['a0', 'a2']
  fleet.run('a2')
  fleet.pass(5000)
  t.equal(fleet.state.rollout.good, 1, 'of those that have left nothing is waited for')
  t.equal(fleet.kinds().filter(kind => kind === 'generation_rollout').length, 2)
})

t.test('a newer generation takes the place of the one that is going out; what is not sound never leaves', async t => {
  const fleet = play(3)
  fleet.step()
  fleet.seen.newest = 2
  fleet.step()
  t.match(fleet.state.rollout, { good: 0, refused: [], next: { generation: 2, stage: 'canary' } })
  fleet.seen.newest = 3
  fleet.seen.faults = [{ agent: 'a1', problems: ['targets[0].address: is empty'] }]
  t.same(fleet.step(), [])
  t.same(fleet.state.rollout, { good: 0, refused: [3] })
})
