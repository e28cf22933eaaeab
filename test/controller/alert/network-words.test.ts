/** What an incident of the network says: sizes, ways, times, and what happened when it began. */
import t from 'tap'
import type { Finding } from '../../../controller/alert/incident.ts'
import type { LinkRule } from '../../../controller/alert/link-alerts.ts'
import { findingOfLink } from '../../../controller/alert/link-finding.ts'
import { joinWays, mergeFindings } from '../../../controller/alert/merge-findings.ts'
import { type News, PathNews } from '../../../controller/alert/path-news.ts'
import { compileRules } from '../../../controller/alert/rules.ts'
import { fallenWay, sayFall } from '../../../controller/alert/say-mtu.ts'
import { withNews } from '../../../controller/alert/say-news.ts'
import { sayRule, saySlow } from '../../../controller/alert/say-slow.ts'

const rules = compileRules({ alerts: { rules: [], receivers: [], routes: [], runbooks: [] } })
const startMs = Date.parse('2026-11-22T08:00:00Z')

t.test('a path MTU that fell says from what to what, and on which way', async t => {
  t.equal(sayFall({ was: [1420, 1420], now: [1380, 1380] }), 'the path MTU fell from 1420 to 1380 bytes')
  t.equal(sayFall({ was: [1500, 1420], now: [1500, 1380] }), 'the path MTU fell from 1420 to 1380 bytes')
  t.equal(fallenWay({ was: [1420, 1420], now: [1380, 1380] }), 'both')
  t.equal(fallenWay({ was: [1500, 1420], now: [1500, 1380] }), 'reverse')
  t.equal(fallenWay({ was: [1500, 1420], now: [1380, 0] }), 'forward', 'what was not measured has not fallen')
  t.equal(sayFall({ was: [1500, 1420], now: [1500, 1420] }), undefined)
})

t.test('paths that are slow say how slow, what is usual and what is allowed', async t => {
  t.equal(saySlow([{ p95: 0.12, base: 0.052, objective: 0.1 }]), 'p95 is 120 ms, 52 ms is usual, the objective is 100 ms')
  t.equal(
    saySlow([
      { p95: 0.12, base: 0.05, objective: undefined },
      { p95: 0.2, base: undefined, objective: undefined },
    ]),
    'p95 is 120 ms to 200 ms, 50 ms is usual',
  )
  t.equal(saySlow([{ p95: undefined, base: 0.05, objective: 0.1 }]), undefined)
})

t.test('a rule of the fleet file says what it saw and what it wants', async t => {
  const own = compileRules({
    alerts: {
      ...{ receivers: [], routes: [], runbooks: [] },
      rules: [{ name: 'slow-tail', enabled: true, owner: 'a', when: { p99: '> 60ms', loss: '>= 1% and < 5%' } }],
    },
  }).byName.get('slow-tail')!
  t.equal(
    sayRule(own, [{ p99: 105.4, loss: 0.02 }, { p99: 130 }]),
    'p99 is 105 ms to 130 ms, the rule says > 60 ms; loss is 2 %, the rule says ≥ 1 % and < 5 %',
  )
  t.equal(sayRule(own, [{}]), undefined)
})

t.test('loss says the limit that it is over, and that the other way is well', async t => {
  const one = {
    ...({ link: 'azure/eastus → gcp/us-central1', name: 'default/retransmits', rule: rules.byName.get('default/retransmits')! } as const),
    ...{ isFiring: true, sinceMs: startMs, last: 0.021, usual: 0.0001, owners: [] },
  }
  t.match(findingOfLink({ ...one, otherWay: 0.0002 }), {
    title: 'azure/eastus → gcp/us-central1: 2.1 % of TCP segments are sent again',
    evidence: ['azure/eastus → gcp/us-central1: 2.1 % of TCP segments are sent again, more than 1 %, 0.01 % is usual'],
    against: ['the other way, gcp/us-central1 → azure/eastus: 0.02 % of TCP segments are sent again'],
  })
  t.strictSame(findingOfLink({ ...one, otherWay: 0.03 }).against, [], 'both ways are bad')
})

const [there, back] = ['aws/us-east-1 → azure/eastus', 'azure/eastus → aws/us-east-1']
const finding = (more: Partial<Finding>): Finding => ({
  ...findingOfLink({
    ...{ link: there, name: 'default/loss-ratio', rule: rules.byName.get('default/loss-ratio')!, isFiring: true },
    ...{ sinceMs: startMs + 60_000, last: 0.02, usual: undefined, owners: [] },
  }),
  rules: ['default/path-mtu'],
  cause: null,
  placeText: 'aws/us-east-1 ↔ azure/eastus',
  title: 'aws/us-east-1 ↔ azure/eastus: the path MTU fell from 1420 to 1380 bytes',
  ...more,
})
const world = (news: Record<string, News[]>, isTraced = true) => ({
  news: { of: (link: string, fromMs: number, toMs: number) => (news[link] ?? []).filter(({ atMs }) => fromMs <= atMs && atMs <= toMs) },
  isTraced: () => isTraced,
  allowedMs: () => 30_000,
})
const step = (path: string, beforeMs: number, afterMs: number): News => ({ kind: 'step', path, atMs: startMs, beforeMs, afterMs })
const route = (path: string): News => ({
  ...({ kind: 'route', path, atMs: startMs } as const),
  before: { fingerprint: 'aaaaaaaaaaaaaaaa', hops: 4 },
  after: { fingerprint: 'bbbbbbbbbbbbbbbb', hops: 9 },
})

t.test('a failover says how long nothing came through, which route it took and how much longer it is', async t => {
  const outage = (path: string, lengthMs: number, everyMs: number): News => ({ kind: 'outage', path, atMs: startMs, lengthMs, everyMs })
  const news = {
    [there]: [step('a', 40, 62), step('b', 41, 63), route('a'), outage('a', 8200, 2000), outage('b', 10_000, 5000)],
    [back]: [step('c', 40, 62), route('c')],
  }
  const told = withNews(finding({}), world(news))
  t.match(told, {
    cause: 'route_changed',
    runbook: 'route_changed',
    title: /the path MTU fell from 1420 to 1380 bytes$/,
    changed: [
      'nothing came through aws/us-east-1 ↔ azure/eastus for 8200 ms, looked at every 2000 ms, on 1 path; the objective allows 30 s',
      '08:00:00 the route aws/us-east-1 → azure/eastus is another: aaaaaaaaaaaa → bbbbbbbbbbbb, 4 hops → 9, on 1 path',
      '08:00:00 the route azure/eastus → aws/us-east-1 is another: aaaaaaaaaaaa → bbbbbbbbbbbb, 4 hops → 9, on 1 path',
      '08:00:00 the round trip aws/us-east-1 ↔ azure/eastus went from 40 ms to 62 ms, on 3 paths',
    ],
  })
  const long = withNews(finding({}), world({ [there]: [outage('a', 45_000, 2000)] }))
  t.match(long.changed, [/45 s, .*30 s: too long$/])
  t.equal(long.cause, null, 'an outage alone says nothing of routes')
})

t.test('a route that moved one way only makes the two ways different', async t => {
  const told = withNews(finding({ rules: ['default/latency'] }), world({ [back]: [route('c')] }))
  t.match(told, {
    cause: 'asymmetric_route',
    title: 'aws/us-east-1 ↔ azure/eastus: only the way azure/eastus → aws/us-east-1 is another than it was',
    evidence: [/the path MTU fell from 1420 to 1380 bytes/],
  })
  t.equal(withNews(finding({}), world({ [back]: [route('c')] }, false)).cause, 'route_changed', 'nobody looks at the other way')
})

t.test('what is known is not explained away, and what one path alone saw, or long ago, is no news', async t => {
  t.equal(withNews(finding({ cause: 'path_mtu_black_hole' }), world({ [there]: [route('a')] })).cause, 'path_mtu_black_hole')
  t.equal(withNews(finding({ rules: ['default/unreachable'] }), world({ [there]: [route('a')] })).cause, null)
  t.strictSame(withNews(finding({}), world({ [there]: [step('a', 40, 62)] })).changed, [])
  t.strictSame(withNews(finding({ sinceMs: startMs + 3_600_000 }), world({ [there]: [route('a')] })).changed, [])
})

const labels = {
  ...{ 'causeway.check': 'ping', 'causeway.kind': 'icmp', 'causeway.target': 'agent/z', 'server.address': '10.0.0.1' },
  ...{ 'causeway.source.cloud': 'aws', 'causeway.source.region': 'us-east-1' },
  ...{ 'causeway.destination.cloud': 'azure', 'causeway.destination.region': 'eastus' },
}
const event = (kind: string, attributes: object) => ({
  ...{ id: 1, atMs: startMs, kind, subject: 'aws-1' },
  body: { attributes: { ...labels, ...attributes } },
})

t.test('news is read from what agents tell, and forgets what is an hour old', async t => {
  const news = new PathNews()
  news.take([
    event('rtt_step', { 'causeway.rtt.before_ms': 40, 'causeway.rtt.after_ms': 62, 'causeway.state.since': '2026-11-22T07:59:00.000Z' }),
    event('rtt_step', { 'causeway.rtt.before_ms': '40' }),
    event('route_changed', { 'causeway.route.before': 'aa', 'causeway.route.after': 'bb', 'causeway.route.before_length': 4 }),
    event('path_changed', {}),
  ])
  t.match(news.of(there, 0, startMs), [
    { kind: 'step', path: 'aws-1 ping agent/z', atMs: startMs - 60_000, beforeMs: 40, afterMs: 62 },
    { kind: 'route', before: { fingerprint: 'aa', hops: 4 }, after: { fingerprint: 'bb' } },
  ])
  t.strictSame(news.of(back, 0, startMs), [])
  for (const atMs of [startMs, startMs, startMs + 2 * 3_600_000])
    news.noteOutage(there, { path: 'p', atMs, lengthMs: atMs === startMs ? 8000 : 9000, everyMs: 2000 })
  t.match(news.of(there, 0, Number.MAX_SAFE_INTEGER), [{ kind: 'outage', lengthMs: 9000 }])
})

const ofLink = (link: string, name: LinkRule, last = 0.02): Finding =>
  findingOfLink({
    ...{ link, name, last, rule: rules.byName.get(name)!, isFiring: true, sinceMs: startMs, usual: undefined, owners: [] },
  })

t.test(
  'a link that loses packets on both ways is one fault; one that loses on one way, or is measured by nobody, stays as it is',
  async t => {
    const of = ofLink
    const [one, other] = [of(there, 'default/loss-ratio'), of(back, 'default/retransmits')]
    t.strictSame(joinWays([one]), [one])
    const within = of('aws/us-east-1 → aws/us-east-1', 'default/loss-ratio')
    t.strictSame(joinWays([within]), [within], 'what is within a region has no other way')
    t.strictSame(joinWays([one, of(back, 'default/blind')]), [one, of(back, 'default/blind')])
    const merged = mergeFindings([], joinWays([one, other]), undefined)
    t.equal(merged.length, 1)
    t.match(merged[0], {
      ...{
        placeText: 'aws/us-east-1 ↔ azure/eastus',
        title: 'aws/us-east-1 ↔ azure/eastus: packets are lost both ways',
        direction: 'both',
      },
      next: 'probe check --from aws/us-east-1 --to azure/eastus --both-ways',
      evidence: [`${there}: 2 % of packets are lost, more than 0.1 %`, `${back}: 2 % of TCP segments are sent again, more than 1 %`],
      rules: ['default/loss-ratio', 'default/retransmits'],
    })
    const slow = { ...merged[0]!, key: 'slow:x', rules: ['default/latency'], subjects: ['p'] }
    t.equal(mergeFindings([], [slow, ...joinWays([one, other])], undefined).length, 1, 'what is held back is sent again')
  },
)

t.test('budgets that burn both ways are one fault, and so are the loss of one way and what it burns', async t => {
  const joined = (...findings: Finding[]) => mergeFindings([], joinWays(findings), undefined)
  const burns = [ofLink(there, 'default/burn-rate', 60), ofLink(back, 'default/burn-rate', 70)] as const
  t.strictSame(joined(burns[0]), [burns[0]])
  const both = joined(...burns)
  t.equal(both.length, 1)
  t.match(both[0], {
    ...{ severity: 'page', direction: 'both', title: 'aws/us-east-1 ↔ azure/eastus: the error budgets of both ways go too fast' },
    evidence: [`${there}: the error budget goes 60 times too fast`, `${back}: the error budget goes 70 times too fast`],
    next: /--both-ways$/,
  })
  const lossy = ofLink(back, 'default/loss-ratio')
  const oneWay = joined(lossy, ...burns)
  t.equal(oneWay.length, 1)
  t.match(oneWay[0], {
    ...{ key: lossy.key, placeText: back, title: lossy.title, severity: 'page', rules: ['default/loss-ratio', 'default/burn-rate'] },
    subjects: [lossy.subjects[0], burns[0].subjects[0], burns[1].subjects[0]],
  })
  const hole = { ...burns[0], key: 'path:x', layer: 'path' as const, rules: ['default/black-hole'], cause: 'path_mtu_black_hole' as const }
  t.equal(mergeFindings([hole], joinWays(burns), undefined).length, 1, 'a fault of one way explains both')
  t.match(joined(lossy, ofLink(there, 'default/loss-now'), ...burns), [{ title: /packets are lost both ways$/ }])
})
