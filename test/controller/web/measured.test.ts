import t from 'tap'
import { type Api, openApi, startMs } from './api.ts'
import { keep, type Minute } from './history-of.ts'

const minuteMs = 60_000
const aws = { cloud: 'aws', region: 'us-east-1' }
const azure = { cloud: 'azure', region: 'eastus' }
const there = { check: 'mesh-tcp', target: 'agent/b', source: aws, destination: azure }
const back = { check: 'mesh-tcp', target: 'agent/a', source: azure, destination: aws, networkType: 'ipv4' }

const fleet = `apiVersion: causeway/v1
owner: platform
targets:
  - { name: payments, address: "payments.example:443", location: azure/eastus }
checks:
  - { name: pay, kind: tcp, every: 10s, targets: [payments] }
links:
  - { from: aws/us-east-1, to: azure/eastus, medium: vpn, objective: { availability: 99.5, p95: 45ms } }
  - { from: azure/eastus, to: aws/us-east-1, objective: { availability: 99 } }
  - { from: gcp/us-central1, to: aws/us-east-1, objective: { availability: 99.9 } }
`

const minutes: Minute[] = [
  {
    agent: 'a',
    startMs: startMs - 2 * minuteMs,
    labels: there,
    ok: 99,
    fail: { tcp_timeout: 1 },
    rttSeconds: [0.03, 0.04, 0.05],
    sent: 100,
    received: 98,
  },
  { agent: 'a', startMs: startMs - minuteMs, labels: there, ok: 100, rttSeconds: [0.03] },
  { agent: 'b', startMs: startMs - minuteMs, labels: back, ok: 99, fail: { tcp_refused: 1 } },
  { agent: 'b', startMs: startMs - minuteMs, labels: { check: 'pay', target: 'payments', kind: 'tls' }, fail: { tls_stalled: 6 } },
  { agent: 'b', startMs: startMs - 60 * minuteMs, labels: back, ok: 50 },
]

type Get = (path: string) => Promise<Record<string, unknown> & { items: Record<string, unknown>[] }>
const open = async (t: Parameters<typeof openApi>[0]): Promise<{ api: Api; get: Get }> => {
  const api = await openApi(t)
  const admin = await api.person('admin')
  const put = await api.call(admin, { method: 'PUT', url: '/v1/fleet', headers: { 'content-type': 'application/yaml' }, payload: fleet })
  if (put.statusCode !== 200) throw new Error(put.body)
  await keep(api.parts.store, minutes)
  const viewer = await api.person('viewer')
  return { api, get: async path => (await api.call(viewer, { method: 'GET', url: path })).json() }
}

t.test('paths have a verdict and their numbers, and are found by what is in their columns', async t => {
  const { get } = await open(t)
  const { items, next } = await get('/v1/paths')
  t.equal(next, null)
  t.match(items, [
    {
      id: 'a mesh-tcp agent/b',
      agent: 'a',
      from: 'aws/us-east-1',
      to: 'azure/eastus',
      measured: {
        verdict: 'degraded',
        runs: { ok: 199, fail: 1, unmeasured: 0 },
        reasons: { tcp_timeout: 1 },
        availability: 0.995,
        rttMs: { count: 4, min: 30, max: 50 },
        lossRatio: 0.02,
        retransmitRatio: null,
      },
    },
    { id: 'b mesh-tcp agent/a ipv4', measured: { verdict: 'degraded', rttMs: null } },
    { id: 'b pay payments', kind: 'tls', measured: { verdict: 'fail', availability: 0 } },
  ])
  const { p50, p95 } = (items[0]!['measured'] as { rttMs: { p50: number; p95: number } }).rttMs
  t.ok(p50 >= 29 && p50 <= 41 && p95 >= 45 && p95 <= 51, `p50 ${p50}, p95 ${p95}`)
  const ids = async (query: string) => (await get(`/v1/paths${query}`)).items.map(({ id }) => id)
  t.same(await ids('?agent=b&kind=tls'), ['b pay payments'])
  t.same(await ids('?from=aws'), ['a mesh-tcp agent/b'])
  t.same(await ids('?to=aws/us-east-1'), ['b mesh-tcp agent/a ipv4'])
  t.same(await ids('?verdict=fail'), ['b pay payments'])
  t.same(await ids('?limit=1'), ['a mesh-tcp agent/b'])
  const second = await get(`/v1/paths?limit=1&after=${encodeURIComponent(String((await get('/v1/paths?limit=1'))['next']))}`)
  t.match(second.items, [{ id: 'b mesh-tcp agent/a ipv4' }])
  t.match(await get('/v1/paths?window=1w&verdict=bad'), { status: 400, problems: [{ path: 'window' }, { path: 'verdict' }] })
})

t.test('links are those that the fleet names and those that were measured, with their objective', async t => {
  const { get } = await open(t)
  t.match((await get('/v1/links')).items, [
    {
      from: 'aws/us-east-1',
      to: 'azure/eastus',
      medium: 'vpn',
      owner: 'platform',
      objective: { availability: 99.5, p95Ms: 45 },
      meets: false,
      paths: 1,
    },
    { from: 'azure/eastus', to: 'aws/us-east-1', meets: true, measured: { availability: 0.99 } },
    { from: 'gcp/us-central1', to: 'aws/us-east-1', paths: 0, measured: null },
  ])
  t.same(
    (await get('/v1/links?verdict=unmeasured')).items.map(({ from }) => from),
    ['gcp/us-central1'],
  )
  t.match((await get('/v1/targets')).items, [
    { name: 'agent/a', paths: 1 },
    { name: 'agent/b', paths: 1 },
    { name: 'payments', address: 'payments.example:443', location: 'azure/eastus', owner: 'platform', measured: { verdict: 'fail' } },
  ])
  t.same(
    (await get('/v1/targets?location=azure')).items.map(({ name }) => name),
    ['payments'],
  )
})

t.test('the history has a row for each step', async t => {
  const { get } = await open(t)
  t.match((await get('/v1/history?step=1m&window=5m&from=aws')).items, [
    { group: 'aws/us-east-1 → azure/eastus', at: '2026-11-22T07:58:00.000Z', measured: { runs: { ok: 99, fail: 1 } } },
    { at: '2026-11-22T07:59:00.000Z', measured: { runs: { ok: 100, fail: 0 } } },
  ])
  t.match((await get('/v1/history?groupBy=path&window=2h&agent=b&check=mesh-tcp')).items, [
    { group: 'b mesh-tcp agent/a ipv4', measured: { runs: { ok: 149 } } },
  ])
  t.match((await get(`/v1/history?groupBy=agent&path=${encodeURIComponent('b pay payments')}`)).items, [
    { group: 'b', measured: { verdict: 'fail' } },
  ])
  t.match((await get('/v1/history?since=2026-11-22T07:59:00Z&until=2026-11-22T08:00:00Z&groupBy=target')).items, [
    { group: 'agent/a' },
    { group: 'agent/b' },
    { group: 'payments' },
  ])
  for (const [query, detail] of [
    ['since=yesterday', /since: got "yesterday", want a time/],
    ['since=2026-11-22T07:59:00Z&window=1h', /one of both/],
    ['since=2026-11-23T07:59:00Z', /ends before/],
    ['step=1m&window=40d', /more than 2000 steps/],
    ['window=500d', /400 days/],
  ] as const)
    t.match(await get(`/v1/history?${query}`), { status: 400, detail })
})

t.test('an objective says what is left of its error budget over the window', async t => {
  const { get } = await open(t)
  const { items } = await get('/v1/slo?window=10m')
  t.match(items, [
    // Half a per cent of failures of the half a per cent that is allowed.
    { from: 'aws/us-east-1', availability: 0.995, objective: { availability: 99.5 }, meets: false, errorBudget: { allowedMs: 3000 } },
    { from: 'azure/eastus', availability: 0.99, p95Ms: null, meets: true },
    { from: 'gcp/us-central1', paths: 0, availability: null },
  ])
  const left = items.map(({ errorBudget }) => (errorBudget as { leftRatio: number } | undefined)?.leftRatio)
  t.same(left, [0, 0, undefined], 'two are spent to the last; where nothing was measured nothing is said')
  t.match((await get('/v1/slo?to=azure')).items, [{ windowMs: 30 * 86_400_000, month: '2026-11', from: 'aws/us-east-1' }])
})
