/** What is decided by a number: tables. */
import t from 'tap'
import { BurnCounts, judgeBurn, judgeSlowBurn } from '../../../controller/alert/burn.ts'
import { ruleTable } from '../../../controller/alert/default-rules.ts'
import { judgeExpiry } from '../../../controller/alert/expiry.ts'
import { matchesIncident } from '../../../controller/alert/matching.ts'
import { receiversOf, runbookOf } from '../../../controller/alert/page-of.ts'
import { judgeRatio } from '../../../controller/alert/ratio.ts'
import { bad, good, unknown } from '../../../controller/alert/series.ts'
import { judgeLatency } from '../../../controller/alert/slow-alerts.ts'
import { defaultRuleNames } from '../../../wire/fleet-alerts.ts'

const day = 86_400
t.test('a certificate near its end is told at 30, 14 and 7 days, or at parts of its life where that is shorter', async t => {
  const level = (leftDays: number, lifeDays: number) => judgeExpiry(leftDays * day, lifeDays * day, 0)
  t.match(level(31, 365), { level: 0, rule: 'default/certificate-expiry' })
  t.match([level(29, 365), level(13, 365), level(6, 365)], [{ level: 1 }, { level: 2 }, { level: 3 }])
  t.match(
    [level(29, 60), level(19, 60), level(9, 60), level(4, 60)],
    [{ level: 0 }, { level: 1 }, { level: 2 }, { level: 3 }],
    'a third, a sixth and a twelfth of sixty days',
  )
  t.match(
    [level(0.5, 1), level(0.39, 1), level(0.24, 1), level(0.05, 1)],
    [{ level: 0, rule: 'default/svid-rotation' }, { level: 1 }, { level: 2 }, { level: 3 }],
  )
  t.equal(judgeExpiry(day, 0, 0), undefined, 'a life that is not known')
})

t.test('a budget burns only when short and long windows agree, and never on one failure in thirty', async t => {
  const runs = (ok: number, fail: number) => ({ ok, fail })
  const windows = (m5: [number, number], m30: [number, number], h1: [number, number], h6: [number, number]) => ({
    m5: runs(...m5),
    m30: runs(...m30),
    h1: runs(...h1),
    h6: runs(...h6),
  })
  t.equal(judgeBurn(windows([29, 1], [179, 1], [359, 1], [2159, 1]), 99.9).verdict, good)
  t.equal(judgeBurn(windows([25, 5], [170, 10], [350, 10], [2150, 10]), 99.9).verdict, bad, '14.4 times over an hour and five minutes')
  t.equal(judgeBurn(windows([30, 0], [176, 4], [356, 4], [2140, 20]), 99.9).verdict, bad, '6 times over six hours and half an hour')
  t.equal(judgeBurn(windows([30, 0], [180, 0], [330, 30], [2140, 30]), 99.9).verdict, good, 'it is over')
  t.equal(judgeBurn(windows([0, 0], [0, 0], [0, 0], [0, 0]), 99.9).verdict, unknown)
})

t.test('a budget that goes as fast as it comes for days is a slow burn, and the first day of a link is none', async t => {
  const hour = (count: number): { counts: BurnCounts; minute: number } => {
    const counts = new BurnCounts()
    for (let k = 0; k < count; k++) counts.seedHour(1000 + k, 9980, 20)
    for (let k = 0; k < 360; k++) counts.seed((1000 + count) * 60 + k, 166, k % 3 === 0 ? 1 : 0)
    return { counts, minute: (1000 + count + 6) * 60 - 1 }
  }
  const { counts, minute } = hour(60)
  t.match(judgeSlowBurn(counts.windows(minute), 99.9), { verdict: bad })
  t.equal(judgeBurn(counts.windows(minute), 99.9).verdict, good, 'and no fast one')
  t.equal(judgeSlowBurn(counts.windows(minute), 99).verdict, good)
  const fresh = hour(5)
  t.equal(judgeSlowBurn(fresh.counts.windows(fresh.minute), 99.9).verdict, unknown)
  const { counts: over, minute: then } = hour(60)
  t.equal(judgeSlowBurn(over.windows(then + 360), 99.9).verdict, good, 'it is over')
})

t.test('ratios need both a sample and failures, and a link over the internet is held against itself', async t => {
  t.equal(judgeRatio('default/loss-ratio', { part: 3, whole: 3000 }, undefined), good)
  t.equal(judgeRatio('default/loss-ratio', { part: 4, whole: 3000 }, undefined), unknown, 'may be chance')
  t.equal(judgeRatio('default/loss-ratio', { part: 9, whole: 3000 }, undefined), bad)
  t.equal(judgeRatio('default/loss-ratio', { part: 40, whole: 30_000 }, undefined), bad, 'it was counted on')
  t.equal(judgeRatio('default/loss-ratio', { part: 12, whole: 3000 }, 0.003), good, '0.4 % where 0.3 % is usual')
  t.equal(judgeRatio('default/retransmits', { part: 9, whole: 800 }, undefined), good, 'fewer than ten')
  t.equal(judgeRatio('default/retransmits', { part: 11, whole: 1000 }, undefined), unknown, 'may be chance')
  t.equal(judgeRatio('default/retransmits', { part: 20, whole: 1000 }, undefined), bad)
})

t.test('a path is slow against twice its base and at least 5 ms, and well again below one and a half', async t => {
  t.equal(judgeLatency(0.021, 0.01, undefined), bad)
  t.equal(judgeLatency(0.018, 0.01, undefined), unknown)
  t.equal(judgeLatency(0.014, 0.01, undefined), good)
  t.equal(judgeLatency(0.003, 0.001, undefined), good, 'three times as slow, and 2 ms')
  t.equal(judgeLatency(0.05, undefined, 0.045), bad, 'above the objective of its link')
  t.equal(judgeLatency(0.05, undefined, undefined), unknown)
})

const incident = {
  id: 'x',
  key: 'k',
  rules: ['r'],
  cause: 'host_down',
  severity: 'page' as const,
  checks: ['c'],
  targets: ['t'],
  agents: ['a'],
  from: ['aws/us-east-1'],
  to: ['azure/eastus', 'azure/westus'],
}
t.test('a silence fits when all that it says fits all of the incident', async t => {
  t.ok(matchesIncident({ place: 'azure' }, incident))
  t.ok(matchesIncident({ from: 'aws', to: 'azure', cause: 'host_down' }, incident))
  t.notOk(matchesIncident({ to: 'azure/eastus' }, incident), 'half of what is wrong is elsewhere')
  t.notOk(matchesIncident({ place: 'azure', severity: 'ticket' }, incident))
  t.ok(matchesIncident({ incident: 'k' }, incident))
  const bothWays = {
    ...incident,
    from: ['aws/r', 'azure/r'],
    to: ['azure/r', 'aws/r'],
    links: [['aws/r', 'azure/r'] as const, ['azure/r', 'aws/r'] as const],
  }
  t.ok(matchesIncident({ place: 'aws' }, bothWays), 'a link that is bad both ways is at each of its ends')
  t.notOk(
    matchesIncident({ place: 'aws' }, { ...bothWays, links: [...bothWays.links, ['azure/r', 'azure/r'] as const] }),
    'not within azure',
  )
})

t.test("an owner's routes are for what is that owner's, and nothing is lost because of whose it is", async t => {
  const alerts = {
    rules: [],
    receivers: [],
    routes: [
      { owner: 'a', severity: 'page' as const, to: ['pager', 'chat'] },
      { owner: 'a', to: ['chat'] },
      { owner: 'b', to: ['b-chat'] },
    ],
  }
  t.strictSame(receiversOf({ severity: 'page', rules: ['r'], owners: ['a'] }, { alerts }), ['pager', 'chat'])
  t.strictSame(receiversOf({ severity: 'ticket', rules: ['r'], owners: ['b'] }, { alerts }), ['b-chat'])
  t.strictSame(receiversOf({ severity: 'ticket', rules: ['r'], owners: [] }, { alerts }), ['chat', 'b-chat'])
})

t.test("a runbook is where the incident's owner says, else where anyone says, else in the source", async t => {
  const at = (owners: string[], ...runbooks: { owner: string; base: string }[]) =>
    runbookOf({ runbook: 'host_down', owners }, { alerts: { runbooks } })
  const [a, b] = [
    { owner: 'a', base: 'https://git.test/docs/runbooks/' },
    { owner: 'b', base: 'https://wiki.test/{runbook}?view=plain' },
  ]
  t.equal(at(['b'], a, b), 'https://wiki.test/host_down?view=plain')
  t.equal(at([], a, b), 'https://git.test/docs/runbooks/host_down.md')
  t.equal(at(['a']), 'docs/runbooks/host_down.md')
})

t.test('every default rule has its line in the table', async t => {
  t.same(new Set(Object.keys(ruleTable)), new Set(defaultRuleNames))
})

t.test('failures of a path that has an incident of its own are no second page, and others burn once that is known', async t => {
  const counts = new BurnCounts()
  counts.add(10, 1, 20, 4)
  counts.add(10, 2, 20, 4)
  counts.settle(() => 'open')
  t.same(counts.windows(10).m5, { ok: 40, fail: 0 }, 'not known yet')
  counts.settle(path => (path === 1 ? 'told' : 'counts'))
  t.same(counts.windows(10).m5, { ok: 40, fail: 4 })
  counts.settle(() => 'counts')
  t.same(counts.windows(10).m5, { ok: 40, fail: 4 }, 'nothing counts twice')
})
