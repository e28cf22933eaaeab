import fc from 'fast-check'
import t from 'tap'
import { differencePlans } from '../../../controller/plan/difference.ts'
import { isEligible, type LiveAgent } from '../../../controller/plan/live-agent.ts'
import { placeName } from '../../../controller/plan/places.ts'
import { type Plan, planFleet } from '../../../controller/plan/plan.ts'
import type { Mesh } from '../../../wire/fleet.ts'
import { agentOf, agentsOf, fleetOf } from './made-up-fleet.ts'

type Rules = Partial<Pick<Mesh, 'policy' | 'between' | 'perLink' | 'inDegree' | 'maxTargets' | 'rotate' | 'hub'>>
const fleetWith = (rules: Rules) =>
  fleetOf(`checks: [{ name: c, kind: icmp, every: 10s }]\nmesh: [${JSON.stringify({ name: 'm', checks: ['c'], ...rules })}]`)
const planOf = (rules: Rules, agents: readonly LiveAgent[], nowMs = 0): Plan => planFleet(fleetWith(rules), agents, { nowMs })

/** `from → to` by agent IDs. */
const pairsOf = ({ assignments }: Plan): [string, string][] =>
  [...assignments].flatMap(([from, { targets }]) => targets.map(({ name }): [string, string] => [from, name.slice('agent/'.length)]))
const countBy = <T>(list: readonly T[], keyOf: (one: T) => string): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const one of list) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1)
  return counts
}
const textOf = (plan: Plan): string => JSON.stringify([[...plan.assignments], plan.summary])

const someAgents = fc
  .array(fc.record({ region: fc.nat(4), isAway: fc.nat(9).map(n => n === 0) }), { minLength: 0, maxLength: 40 })
  .map(list => list.map(({ region, isAway }, index) => agentOf(index, region, isAway ? { draining: true } : {})))
const between = fc.constantFrom('node', 'zone', 'region', 'cloud') as fc.Arbitrary<Mesh['between']>
const wide = fc.record({
  between,
  perLink: fc.integer({ min: 1, max: 5 }),
  inDegree: fc.integer({ min: 0, max: 4 }),
  maxTargets: fc.constant(10_000),
})
const tight = fc
  .record({ between, perLink: fc.integer({ min: 1, max: 5 }), inDegree: fc.integer({ min: 0, max: 4 }), room: fc.nat(3) })
  .map(({ room, ...rules }) => ({ ...rules, maxTargets: Math.max(1, rules.inDegree + room) }))
const any = fc.oneof(wide, tight)
const policies: Rules[] = [{ policy: 'sampled' }, { policy: 'full' }, { policy: 'hub', hub: { cloud: ['aws'] } }]
const policy = fc.constantFrom(...policies)

t.test('every link has as many pairs as it should, or as its agents can make', async () => {
  fc.assert(
    fc.property(wide, policy, someAgents, (rules, policy, agents) => {
      const plan = planOf({ ...rules, ...policy }, agents)
      const places = Map.groupBy(agents.filter(isEligible), agent => placeName(agent, rules.between))
      const placeById = new Map(agents.map(agent => [agent.id, placeName(agent, rules.between)]))
      const counts = countBy(pairsOf(plan), ([from, to]) => `${placeById.get(from)} ${placeById.get(to)}`)
      const mayPair = (a: LiveAgent, b: LiveAgent): boolean =>
        policy.policy !== 'hub' || a.location.cloud === 'aws' || b.location.cloud === 'aws'
      return [...places].every(([from, sources]) =>
        [...places].every(([to, targets]) => {
          const possible = sources.flatMap(a => targets.filter(b => mayPair(a, b))).length
          return from === to || (counts.get(`${from} ${to}`) ?? 0) >= Math.min(rules.perLink, possible)
        }),
      )
    }),
  )
})

t.test('three pairs of a link have three agents at each end, where there are three', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 12 }), fc.nat(100), (each, hour) => {
      const agents = agentsOf(each * 3, 3)
      const region = new Map(agents.map(({ id, location }) => [id, location.region]))
      const plan = planOf({ inDegree: 0 }, agents, hour * 3_600_000)
      const links = Map.groupBy(pairsOf(plan), ([from, to]) => `${region.get(from)} ${region.get(to)}`)
      return [...links.values()].every(
        pairs => new Set(pairs.map(([from]) => from)).size >= 3 && new Set(pairs.map(([, to]) => to)).size >= 3,
      )
    }),
  )
})

t.test('every agent is probed by as many others as it should, or by all that there are; nobody has more targets than allowed', async () => {
  fc.assert(
    fc.property(any, policy, someAgents, (rules, policy, agents) => {
      const here = agents.filter(isEligible)
      const plan = planOf({ ...rules, ...policy }, agents)
      const pairs = pairsOf(plan)
      const probers = countBy(pairs, ([, to]) => to)
      const targets = countBy(pairs, ([from]) => from)
      const hubs = here.filter(({ location }) => location.cloud === 'aws').length
      const isMet = here.every(({ id, location }) => {
        const others = policy.policy !== 'hub' || location.cloud === 'aws' ? here.length - 1 : hubs
        const has = probers.get(id) ?? 0
        const isNamed = plan.summary.underProbed.some(({ agent, probers }) => agent === id && probers === has)
        if (has < rules.inDegree !== isNamed) return false
        if (rules.maxTargets < 10_000) return has >= rules.inDegree || isNamed
        return has >= Math.min(rules.inDegree, others)
      })
      return isMet && [...targets.values()].every(count => count <= rules.maxTargets) && pairs.every(([from, to]) => from !== to)
    }),
    { numRuns: 300 },
  )
})

t.test('every agent that has a neighbour in its own place is probed by one: the control', async t => {
  const agents = agentsOf(30, 5)
  const region = new Map(agents.map(({ id, location }) => [id, location.region]))
  const controls = pairsOf(planOf({}, agents)).filter(([from, to]) => region.get(from) === region.get(to))
  t.equal(new Set(controls.map(([, to]) => to)).size, 30)
})

t.test('agents that drain or are cordoned have nothing to do and are nobody’s target', async () => {
  fc.assert(
    fc.property(any, policy, someAgents, fc.nat(1), (rules, policy, agents, cordons) => {
      const given = agents.map(agent => (agent.draining && cordons ? { ...agent, draining: false, cordoned: true } : agent))
      const plan = planOf({ ...rules, ...policy }, given)
      const away = new Set(given.filter(agent => !isEligible(agent)).map(({ id }) => id))
      return pairsOf(plan).every(([from, to]) => !away.has(from) && !away.has(to)) && plan.assignments.size === given.length
    }),
  )
})

t.test('the plan is the same whatever the order of agents, at any time of a period', async () => {
  const shuffled = someAgents.chain(agents => fc.tuple(fc.constant(agents), fc.shuffledSubarray(agents, { minLength: agents.length })))
  fc.assert(
    fc.property(any, policy, shuffled, fc.nat(3_599_999), (rules, policy, [agents, others], ms) => {
      const now = 500_000 * 3_600_000
      return textOf(planOf({ ...rules, ...policy }, agents, now)) === textOf(planOf({ ...rules, ...policy }, others, now + ms))
    }),
  )
})

/** What changes between agents that are in both plans, and the paths of the one that is not. */
const movement = (before: Plan, after: Plan, id: string): { moved: number; own: number } => {
  const { added, removed } = differencePlans(before, after)
  const isOwn = ({ agent, target }: { agent: string; target: string }): boolean => agent === id || target === `agent/${id}`
  return { moved: [...added, ...removed].filter(path => !isOwn(path)).length, own: [...added, ...removed].filter(isOwn).length }
}

t.test('who joins or leaves moves no path of a link that it is not on', async () => {
  fc.assert(
    fc.property(wide, someAgents, fc.nat(4), (rules, agents, joined) => {
      const newcomer = agentOf(999, joined)
      const { added, removed } = differencePlans(
        planOf({ ...rules, inDegree: 0 }, agents),
        planOf({ ...rules, inDegree: 0 }, [...agents, newcomer]),
      )
      const place = new Map([...agents, newcomer].map(agent => [agent.id, placeName(agent, rules.between)]))
      const touched = place.get(newcomer.id)
      return [...added, ...removed].every(
        ({ agent, target }) => place.get(agent) === touched || place.get(target.slice('agent/'.length)) === touched,
      )
    }),
  )
})

for (const rules of [{}, { between: 'zone' }, { between: 'cloud', perLink: 5 }, { policy: 'full' }] as Rules[])
  t.test(`joining and leaving moves no more than twice an agent's own share: ${JSON.stringify(rules)}`, async t => {
    let [moved, own] = [0, 0]
    for (let n = 0; n < 20; n++) {
      const agents = agentsOf(60, 4)
      const newcomer = agentOf(1000 + n, n % 4)
      const one = movement(planOf(rules, agents), planOf(rules, [...agents, newcomer]), newcomer.id)
      const back = movement(planOf(rules, [...agents, newcomer]), planOf(rules, agents), newcomer.id)
      t.same(one, back, 'leaving is joining backwards')
      moved += one.moved
      own += one.own
    }
    t.ok(own > 0 && moved <= 2 * own, `${moved} others' paths moved for ${own} of its own`)
  })

t.test('a rotation moves one pair of each link at a time and seldom another with it, and comes by every agent', async t => {
  const agents = agentsOf(24, 3)
  const hour = 3_600_000
  const seen = new Set<string>()
  let moved = 0
  for (let n = 0; n < 60; n++) {
    const [before, after] = [planOf({ inDegree: 0 }, agents, n * hour), planOf({ inDegree: 0 }, agents, (n + 1) * hour)]
    const { paths } = differencePlans(before, after)
    moved += paths.removed
    for (const [from, to] of pairsOf(before)) seen.add(`${from} ${to}`)
  }
  t.ok(moved >= 60 * 4 && moved <= 60 * 6 * 1.6, `${moved / 60} paths of the 18 of 6 links move each time`)
  t.equal(new Set([...seen].map(pair => pair.split(' ')[1])).size, 24)
  t.equal(textOf(planOf({ rotate: '0s' }, agents, 0)), textOf(planOf({ rotate: '0s' }, agents, 1e12)), 'or never')
})

t.test('a full mesh is every pair that crosses a link; a hub has all its spokes and they have none but it', async t => {
  const agents = agentsOf(12, 4)
  const full = planOf({ policy: 'full', between: 'node' }, agents)
  t.equal(full.summary.paths, 12 * 11)
  t.same(full.summary.atLimit, [])
  const hub = planOf({ policy: 'hub', hub: { region: ['azure/r1'] }, between: 'node' }, agents)
  const isHub = (id: string): boolean => agents.find(agent => agent.id === id)!.location.region === 'r1'
  t.ok(pairsOf(hub).every(([from, to]) => isHub(from) || isHub(to)))
  t.equal(hub.summary.paths, 3 * 11 + 9 * 3)
})

t.test('agents that may not have as many targets as a full mesh needs are named', async t => {
  const { summary } = planOf({ policy: 'full', between: 'node', maxTargets: 5 }, agentsOf(12, 4))
  t.equal(summary.atLimit.filter(({ limit }) => limit === 'maxTargets').length, 12)
  t.match(summary.uncovered[0], { why: /limit|agents/ })
  t.ok(summary.meshLinks.covered < summary.meshLinks.total)
})
