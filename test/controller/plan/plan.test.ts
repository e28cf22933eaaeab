import { readFileSync } from 'node:fs'
import t from 'tap'
import { Compile } from 'typebox/schema'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import { differencePlans } from '../../../controller/plan/difference.ts'
import type { LiveAgent } from '../../../controller/plan/live-agent.ts'
import { planFleet } from '../../../controller/plan/plan.ts'
import { assignmentSchema } from '../../../wire/assignment.ts'
import { agentOf, agentsOf, fleetOf } from './made-up-fleet.ts'

const clusterAgent = (number: number, cloud: string, region: string, cluster: string, more: Partial<LiveAgent> = {}): LiveAgent => ({
  ...agentOf(number, 0),
  location: { cloud, region, cluster },
  advertise: [
    { scope: 'pod', host: `10.1.0.${number}` },
    { scope: 'node', host: `192.0.2.${number}`, ports: { echo: 30460, tls: 30461 } },
  ],
  ...more,
})

t.test('the example: every assignment fits the schema of assignments, and the links cost what their prices say', async t => {
  const parsed = parseFleet(readFileSync(new URL('../../../examples/fleet.yaml', import.meta.url), 'utf8'))
  if (!parsed.ok) return t.fail('it parses')
  const agents = [1, 2, 3].flatMap(n => [
    clusterAgent(n, 'aws', 'us-east-1', 'eks-prod'),
    clusterAgent(10 + n, 'azure', 'eastus', 'aks-prod'),
    clusterAgent(20 + n, 'gcp', 'us-central1', 'gke-prod'),
  ])
  const plan = planFleet(parsed.value, agents, { nowMs: 0, controller: { cloud: 'aws', region: 'us-east-1' } })
  const validator = Compile(assignmentSchema)
  for (const [id, assignment] of plan.assignments)
    t.ok(validator.Check(assignment), `${id}: ${JSON.stringify(validator.Errors(assignment)[1][0])}`)
  const { summary } = plan
  t.same(
    summary.idle.map(({ check, why }) => [check, why]),
    [['vertex-federation', 'agents']],
  )
  t.same([summary.uncovered, summary.withoutAddress, summary.underProbed], [[], [], []])
  const link = summary.links.find(({ from, to }) => from === 'aws/us-east-1' && to === 'azure/eastus')!
  t.match(link, { price: { perGB: 0.02, currency: 'USD', asOf: '2026-11-01', from: 'link' } })
  const bytes = link.probeBytesPerSecond + link.telemetryBytesPerSecond
  t.ok(Math.abs(link.costPerMonth - (bytes * 730 * 3600 * 0.02) / 1e9) < 1e-9)
  t.match(
    summary.links.find(({ from, to }) => from === 'gcp/us-central1' && to === 'azure/eastus'),
    { price: { perGB: 0.12, from: 'default', asOf: /^\d{4}-/ } },
  )
  t.equal(summary.series, summary.paths * 12)
  const payments = [...plan.assignments].filter(([, { checks }]) => checks.some(({ name }) => name === 'payments-mtls')).map(([id]) => id)
  t.equal(payments.length, 6, 'three of each region of the two clouds that it is asked from')
  const tcp = plan.assignments.get('a00001')!.checks.find(({ name }) => name === 'mesh-tcp')!
  t.same(tcp.options, { payloadBytes: 65_536 }, 'texts have become numbers')
})

const mesh =
  'checks: [{ name: c, kind: icmp, every: 10s }, { name: d, kind: mtu, every: 5m }, { name: e, kind: mtls, every: 1m }]\nmesh: [{ name: m, checks: [c, d, e] }]\n'

t.test('within a cluster agents are reached at their pods, from outside at their nodes, and links say otherwise', async t => {
  const agents = [
    clusterAgent(1, 'aws', 'r', 'k'),
    clusterAgent(2, 'aws', 'r', 'k'),
    clusterAgent(3, 'gcp', 's', 'l', { spiffeId: 'spiffe://x/y' }),
  ]
  const targetsOf = (yaml: string, id: string): Record<string, string> =>
    Object.fromEntries(
      planFleet(fleetOf(yaml), agents, { nowMs: 0 })
        .assignments.get(id)!
        .targets.map(({ name, address }) => [name, address]),
    )
  t.match(targetsOf(mesh, 'a00001'), {
    'agent/a00002': '10.1.0.2:7460',
    'agent/a00003': '192.0.2.3:30460',
    'agent/a00003/tls': '192.0.2.3:30461',
    'agent/a00003/mtls': '192.0.2.3:7462',
  })
  t.match(targetsOf(`${mesh}links: [{ from: aws/r, to: gcp/s, reach: pod }]`, 'a00001'), { 'agent/a00003': '10.1.0.3:7460' })
  const plan = planFleet(fleetOf(mesh), agents, { nowMs: 0 })
  t.match(
    plan.assignments.get('a00001')!.targets.find(({ name }) => name === 'agent/a00003/mtls'),
    { agentId: 'a00003', expectId: 'spiffe://x/y', location: 'gcp/s' },
  )
})

t.test('a link that has no address is named, with what is wanted and what there is', async t => {
  const agents = [1, 2, 3].flatMap(n => [clusterAgent(n, 'aws', 'r', 'k'), clusterAgent(10 + n, 'gcp', 's', 'l')])
  const yaml = `${mesh}links: [{ from: aws/r, to: gcp/s, reach: loadBalancer }]`
  const { summary } = planFleet(fleetOf(yaml), agents, { nowMs: 0 })
  t.same(summary.withoutAddress, [{ mesh: 'm', from: 'aws/r', to: 'gcp/s', reach: ['loadBalancer'], advertised: ['node', 'pod'] }])
  t.match(summary.uncovered, [{ from: 'aws/r', to: 'gcp/s', pairs: 0, why: 'address' }])
  t.same(summary.meshLinks, { total: 2, covered: 1 })
})

t.test('behind one address of a balancer nobody is the wrong agent', async t => {
  const shared = { advertise: [{ scope: 'loadBalancer' as const, host: 'lb.test' }] }
  const agents = [agentOf(1, 0, shared), agentOf(2, 0, shared), agentOf(3, 1)]
  const targets = planFleet(fleetOf(mesh), agents, { nowMs: 0 }).assignments.get('a00003')!.targets
  t.ok(targets.length > 0 && targets.every(target => !('agentId' in target) && target.address.startsWith('lb.test:')))
})

t.test('checks go to agents of each region, by the selector, and to runners only when they name them', async t => {
  const yaml = `
targets: [{ name: x, address: "x.test:1", location: azure/r9 }, { name: y, address: "y.test:2" }]
checks:
  - { name: all, kind: tcp, every: 10s, perLink: 2 }
  - { name: some, kind: tcp, every: 10s, targets: [x], from: { cloud: [gcp], labels: { tier: front } } }
  - { name: run, kind: tcp, every: 10s, targets: [x], as: { namespace: ml, serviceAccount: predictor } }
  - { name: nobody, kind: tcp, every: 10s, targets: [x], from: { cloud: [nowhere] } }
`
  const agents = [
    ...agentsOf(12, 3),
    agentOf(50, 2, { labels: { tier: 'front' } }),
    agentOf(60, 0, { runner: { namespace: 'ml', serviceAccount: 'predictor' } }),
  ]
  const { assignments, summary } = planFleet(fleetOf(yaml), agents, { nowMs: 0 })
  const runs = (check: string): string[] =>
    [...assignments].filter(([, { checks }]) => checks.some(({ name }) => name === check)).map(([id]) => id)
  const perTarget = [...assignments.values()].flatMap(({ checks }) =>
    checks.filter(({ name }) => name === 'all').flatMap(({ targets }) => targets!),
  )
  t.same([perTarget.filter(name => name === 'x').length, perTarget.filter(name => name === 'y').length], [6, 6])
  t.same(runs('some'), ['a00050'])
  t.same(runs('run'), ['a00060'])
  t.notOk(assignments.get('a00060')!.checks.some(({ name }) => name === 'all'))
  t.match(
    assignments.get('a00060')!.checks,
    [{ name: 'run', as: { namespace: 'ml', serviceAccount: 'predictor' } }],
    'it runs nothing that does not name it',
  )
  t.ok(agents.every(({ id }) => id === 'a00060' || assignments.get(id)!.checks.every(check => !('as' in check))))
  t.same(summary.idle, [{ check: 'nobody', why: 'agents' }])
  t.ok(summary.links.some(({ to }) => to === 'elsewhere') && summary.links.some(({ to }) => to === 'azure/r9'))
})

t.test('an agent with more runs than it does by default is named', async t => {
  const yaml = 'checks: [{ name: c, kind: tcp, every: 100ms }]\nmesh: [{ name: m, checks: [c], policy: full, between: node }]'
  const { summary } = planFleet(fleetOf(yaml), agentsOf(30, 3), { nowMs: 0 })
  t.equal(summary.atLimit.length, 30)
  t.match(summary.atLimit[0], { limit: 'probesPerSecond', value: 290, most: 200 })
})

t.test('packets and bytes follow from the options', async t => {
  const yaml =
    'checks: [{ name: c, kind: icmp, every: 10s, options: { count: 10, size: 972 } }]\nmesh: [{ name: m, checks: [c], policy: full, between: node }]'
  const { summary } = planFleet(fleetOf(yaml), agentsOf(2, 2), { nowMs: 0 })
  t.equal(summary.paths, 2)
  t.equal(summary.packetsPerSecond, 4, 'ten echoes and ten replies, both ways, in ten seconds')
  t.equal(summary.probeBytesPerSecond, 4000)
  t.ok(Math.abs(summary.telemetryBytesPerSecond - 20.6) < 1e-9)
})

t.test('a difference says what is added, removed and changed, and what it costs before and after', async t => {
  const agents = agentsOf(6, 2)
  const before = planFleet(
    fleetOf('checks: [{ name: c, kind: icmp, every: 10s }, { name: d, kind: tcp, every: 10s }]\nmesh: [{ name: m, checks: [c, d] }]'),
    agents,
    { nowMs: 0 },
  )
  const after = planFleet(
    fleetOf('checks: [{ name: c, kind: icmp, every: 20s }, { name: e, kind: tls, every: 10s }]\nmesh: [{ name: m, checks: [c, e] }]'),
    agents,
    { nowMs: 0 },
  )
  const each = before.summary.paths / 2
  const difference = differencePlans(before, after)
  t.same(difference.paths, { added: each, removed: each, changed: each })
  t.match(difference.added[0], { check: 'e', target: /^agent\/.*\/tls$/ })
  t.same([difference.before.paths, difference.after.paths], [before.summary.paths, after.summary.paths])
  t.ok(difference.links.length > 0 && difference.links.every(({ before, after }) => before && after))
  t.same(differencePlans(after, after), { ...differencePlans(after, after), paths: { added: 0, removed: 0, changed: 0 }, links: [] })
  const first = differencePlans(undefined, before)
  t.same(first.paths, { added: before.summary.paths, removed: 0, changed: 0 })
  t.ok(first.links.length > 0 && first.links.every(({ before }) => before === null))
})
