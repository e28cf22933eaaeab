import t from 'tap'
import { putAgent } from '../../../controller/store/agents.ts'
import type { ApplyAnswer, FleetAnswer } from '../../../wire/api/fleet.ts'
import { startIssuer } from '../enrol/issuer.ts'
import { agentsOf } from '../plan/made-up-fleet.ts'
import { type Api, openApi, startMs } from './api.ts'

/** Those of the planner's tests, enrolled. */
const enrolMany = async (api: Api, count: number, regions: number): Promise<void> => {
  for (const { id, location, advertise } of agentsOf(count, regions))
    await api.parts.store.write(sql =>
      putAgent(sql, { id, location, labels: {}, advertise, details: {}, proof: { kind: 'join', issuer: 'i', subject: id } }, startMs),
    )
}

const put = async (api: Api, bearer: string, text: string, query = '', headers: Record<string, string> = {}) =>
  await api.call(bearer, {
    method: 'PUT',
    url: `/v1/fleet${query}`,
    headers: { 'content-type': 'application/yaml', ...headers },
    payload: text,
  })

const get = async (api: Api, bearer: string, query = ''): Promise<FleetAnswer> =>
  (await api.call(bearer, { method: 'GET', url: `/v1/fleet${query}` })).json()

const mesh = (every: string, more = ''): string => `apiVersion: causeway/v1
owner: platform
checks:
  - { name: ping, kind: icmp, every: ${every} }
mesh:
  - { name: all, checks: [ping], policy: full, inDegree: 0 }
links:
  - { from: aws/r0, to: azure/r1, price: { perGB: 0.05 } }
${more}`

t.test('what watching costs is said per link, telemetry included, before anything is applied', async t => {
  const api = await openApi(t, { location: { cloud: 'gcp', region: 'r2' } })
  await enrolMany(api, 4, 2)
  const admin = await api.person('admin')
  const planned = (await put(api, admin, mesh('10s'), '?dryRun')).json<ApplyAnswer>()
  t.match(planned, { owner: 'platform', outcome: 'planned', generation: 0, warnings: [] })
  const { plan } = planned
  // Four agents in two regions, each probes the two of the other region.
  t.match(
    plan,
    { agents: 4, paths: { added: 8, removed: 44, changed: 0 }, before: { paths: 44 }, after: { paths: 8 } },
    'the fleet that is built in goes',
  )
  t.equal(plan.added.length, 8)
  const there = plan.links.find(({ from, to }) => from === 'aws/r0' && to === 'azure/r1')?.after
  t.match(there, { paths: 4, agentPairs: 4, price: { perGB: 0.05, currency: 'USD', from: 'link' } })
  t.ok(there!.packetsPerSecond > 0 && there!.probeBytesPerSecond > 0 && there!.costPerMonth > 0)
  const telemetry = plan.links.find(({ from, to }) => from === 'aws/r0' && to === 'gcp/r2')?.after
  t.ok(telemetry!.telemetryBytesPerSecond > 0 && telemetry!.costPerMonth > 0, 'what the agents send to the controller')
  t.ok(plan.after.costPerMonth['USD']! > 0)
  t.match(await get(api, admin), { generation: 0, documents: [] }, 'nothing was applied')
  const applied = (await put(api, admin, mesh('10s'), '?expected=0')).json<ApplyAnswer>()
  t.match(applied, { outcome: 'applied', generation: 1 })
  t.match((await put(api, admin, mesh('10s'))).json(), {
    outcome: 'unchanged',
    generation: 1,
    plan: { paths: { added: 0, changed: 0 }, links: [] },
  })
  const slower = (await put(api, admin, mesh('20s'), '?dryRun')).json<ApplyAnswer>()
  t.match(slower.plan.paths, { added: 0, removed: 0, changed: 8 })
  t.ok(slower.plan.after.packetsPerSecond < slower.plan.before.packetsPerSecond)
})

t.test('a bad fleet file is refused with its lines and reasons, and nothing changes', async t => {
  const api = await openApi(t)
  const admin = await api.person('admin')
  t.equal((await put(api, admin, mesh('10s'))).statusCode, 200)
  const before = await get(api, admin)
  const bad = `apiVersion: causeway/v1
owner: payments
checks:
  - { name: ping, kind: icmp, every: 10s }
  - { name: slow, kind: tcp, evry: 10s }
  - { name: gone, kind: tcp, every: 1m, targets: [nowhere] }
`
  for (const query of ['', '?dryRun']) {
    const refused = await put(api, admin, bad, query)
    t.match(refused.headers['content-type'], /^application\/problem\+json/)
    t.match(refused.json(), { status: 422, detail: /nothing was applied/ })
    const told = refused
      .json()
      .problems.map(({ line, path, message }: { line: number; path: string; message: string }) => `${line}: ${path}: ${message}`)
    t.match(told, [
      /^4: checks\[0\]\.name: .*belongs to the owner platform/,
      /^5: checks\[1\]/,
      /^5: checks\[1\]/,
      /^6: checks\[2\]\.targets\[0\]: .*nowhere/,
    ])
  }
  t.match((await put(api, admin, 'a: [')).json(), { status: 422, problems: [{ line: 1 }] }, 'no YAML')
  t.same(await get(api, admin), before)
})

t.test('who planned against another generation is told so, and nothing is overwritten', async t => {
  const api = await openApi(t)
  const admin = await api.person('admin')
  await put(api, admin, mesh('10s'))
  const { headers } = await api.call(admin, { method: 'GET', url: '/v1/fleet' })
  t.equal(headers['etag'], '"1"')
  await put(api, admin, mesh('20s'))
  for (const [query, more] of [
    ['?expected=1', {}],
    ['', { 'if-match': String(headers['etag']) }],
    ['?dryRun&expected=1', {}],
  ] as const)
    t.match((await put(api, admin, mesh('30s'), query, more)).json(), {
      status: 409,
      detail: /at generation 2, and this was planned against 1/,
    })
  t.equal((await put(api, admin, mesh('30s'), '', { 'if-match': 'x' })).statusCode, 400)
  t.equal((await put(api, admin, mesh('30s'), '', { 'if-match': '"2"' })).json().generation, 3)
  const both = await Promise.all([mesh('40s'), mesh('50s')].map(text => put(api, admin, text, '?expected=3')))
  t.same(
    both.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b),
    [200, 409],
    'of two at once one is too late',
  )
})

t.test('generations of all owners are kept, and can be looked at', async t => {
  const api = await openApi(t)
  const [admin, viewer] = [await api.person('admin'), await api.person('viewer')]
  await put(api, admin, mesh('10s'))
  const json = { apiVersion: 'causeway/v1', owner: 'payments', targets: [{ name: 'pay', address: 'pay.example:443' }] }
  t.equal((await put(api, admin, JSON.stringify(json), '', { 'content-type': 'application/json' })).statusCode, 200)
  await put(api, admin, mesh('20s'), '', { 'content-type': 'text/yaml; charset=utf-8' })
  const now = await get(api, viewer)
  t.match(now, {
    generation: 3,
    documents: [
      { owner: 'payments', generation: 2, author: 'a admin', document: { targets: [{ name: 'pay' }] } },
      { owner: 'platform', generation: 3, document: { checks: [{ every: '20s' }] } },
    ],
    generations: [{ generation: 3 }, { generation: 2, owner: 'payments' }, { generation: 1 }],
    next: null,
  })
  t.match(await get(api, viewer, '?generation=1'), {
    generation: 1,
    documents: [{ owner: 'platform', document: { checks: [{ every: '10s' }] } }],
  })
  t.match(await get(api, viewer, '?limit=1&owner=platform'), { generations: [{ generation: 3 }], next: '3' })
  t.match(await get(api, viewer, '?limit=1&owner=platform&after=3'), { generations: [{ generation: 1 }], next: null })
  t.match(await get(api, viewer, '?generation=9'), { status: 404 })
  t.match((await put(api, admin, 'x', '', { 'content-type': 'text/csv' })).json(), { status: 415 })
  t.match((await put(api, admin, ' ')).json(), { status: 400, detail: /empty/ })
})

t.test('other requests are answered while a large fleet is planned', async t => {
  const api = await openApi(t)
  const admin = await api.person('admin')
  await enrolMany(api, 500, 6)
  let isDone = false
  const planning = put(api, admin, mesh('10s'), '?dryRun').then(answer => {
    isDone = true
    return answer
  })
  let answered = 0
  while (!isDone) {
    t.equal((await api.call(undefined, { method: 'GET', url: '/healthz' })).statusCode, 200)
    answered++
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal((await planning).json<ApplyAnswer>().plan.agents, 500)
  t.ok(answered > 3, `${answered} answers meanwhile`)
})

t.test('an admin of one owner’s things applies that owner’s file, reads all, and no more', async t => {
  const issuer = await startIssuer()
  t.teardown(issuer.close)
  const groups = { pay: { role: 'admin', owners: ['payments'] } } as const
  const api = await openApi(t, { provider: { issuer: issuer.url, audience: 'causeway', groupsClaim: 'groups', groups } })
  const claims = { iss: issuer.url, sub: 'ann', aud: 'causeway', exp: startMs / 1000 + 600, groups: ['pay'] }
  const ann = (await issuer.sign(claims)).reveal()
  const own = 'apiVersion: causeway/v1\nowner: payments\ntargets: [{ name: db, address: "db.example:5432" }]\n'
  t.match((await put(api, ann, own)).json(), { outcome: 'applied' })
  const others = await put(api, ann, own.replace('owner: payments', 'owner: platform').replace('name: db', 'name: other'))
  t.match([others.statusCode, others.body], [403, /ann has the role admin of payments, and this file is of the owner platform/])
  t.equal((await get(api, ann)).documents.length, 1)
  const token = await api.call(ann, { method: 'POST', url: '/v1/join-tokens', payload: { agent: 'vm-1', cloud: 'aws', region: 'r' } })
  t.match([token.statusCode, token.body], [403, /ann has the role admin of payments, and this is for the role admin/])
})
