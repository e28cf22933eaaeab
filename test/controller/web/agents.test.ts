import t from 'tap'
import { parseJoinToken } from '../../../wire/join-token.ts'
import { openApi } from './api.ts'

const url = (id: string, more = ''): string => `/v1/agents/${encodeURIComponent(id)}${more}`

t.test('agents are listed by id in pages, and found by what is in their columns', async t => {
  const api = await openApi(t)
  const places = {
    'a/1': { cloud: 'aws', region: 'us-east-1' },
    'a/2': { cloud: 'aws', region: 'eu-west-1' },
    b: { cloud: 'azure', region: 'eastus' },
  }
  for (const [id, location] of Object.entries(places))
    await api.call(undefined, {
      method: 'POST',
      url: '/v1/enrol',
      payload: { proof: { kind: 'join', token: await api.join(id, location) }, details: { version: '1.2.3' } },
    })
  const viewer = await api.person('viewer')
  const get = async (query: string) => (await api.call(viewer, { method: 'GET', url: `/v1/agents${query}` })).json()
  const ids = async (query: string) => (await get(query)).items.map(({ id }: { id: string }) => id)
  t.same(await ids(''), ['a/1', 'a/2', 'b'])
  const first = await get('?limit=2')
  t.match(first, { items: [{ id: 'a/1' }, { id: 'a/2' }], next: 'a/2' })
  t.match(await get(`?limit=2&after=${encodeURIComponent(first.next)}`), { items: [{ id: 'b' }], next: null })
  t.same(await ids('?cloud=aws'), ['a/1', 'a/2'])
  t.same(await ids('?region=aws/us-east-1'), ['a/1'])
  t.same(await ids('?state=lost'), [])
  api.clock.ms += 35_000
  t.same(await ids('?state=late'), ['a/1', 'a/2', 'b'])
  api.clock.ms += 60_000
  t.same(await ids('?state=lost&cloud=azure'), ['b'])
  t.match(await get('?colour=red&limit=0'), { status: 400, problems: [{ path: 'colour' }, { path: 'limit' }] })
  t.match((await api.call(viewer, { method: 'GET', url: url('a/1') })).json(), {
    id: 'a/1',
    version: '1.2.3',
    location: { cloud: 'aws', region: 'us-east-1' },
    proof: { kind: 'join' },
    enrolledAt: '2026-11-22T08:00:00.000Z',
  })
  t.match((await api.call(viewer, { method: 'GET', url: url('c/3') })).json(), { status: 404, detail: 'there is no agent c/3' })
})

t.test('a ban ends the credential at once, says by whom and why, and is lifted either way', async t => {
  const api = await openApi(t)
  const { credential } = await api.enrolled('dc1/vm-7')
  const operator = await api.person('operator')
  const renew = async (): Promise<number> =>
    (await api.call(credential, { method: 'POST', url: '/v1/enrol/renew', payload: {} })).statusCode
  t.equal(await renew(), 200)
  const ban = await api.call(operator, { method: 'POST', url: url('dc1/vm-7', '/ban'), payload: { reason: 'stolen' } })
  t.match(ban.json(), {
    id: 'dc1/vm-7',
    state: 'banned',
    banned: { author: 'a operator', reason: 'stolen', at: '2026-11-22T08:00:00.000Z' },
  })
  t.equal(await renew(), 401)
  t.notOk((await api.call(operator, { method: 'DELETE', url: url('dc1/vm-7', '/ban') })).json().banned)
  await api.call(operator, { method: 'POST', url: url('dc1/vm-7', '/cordon'), payload: { reason: 'new kernel' } })
  t.match((await api.call(operator, { method: 'GET', url: '/v1/agents?cordoned' })).json(), {
    items: [{ id: 'dc1/vm-7', state: 'live', cordoned: { reason: 'new kernel' } }],
  })
  const lifted = await api.call(operator, { method: 'POST', url: url('dc1/vm-7', '/cordon'), payload: { lifted: true } })
  t.notOk(lifted.json().cordoned)
  const bodies: [unknown, RegExp][] = [
    [{}, /want a reason, or lifted/],
    [{ reason: 'x', lifted: true }, /one of both/],
    [{ reason: '' }, /reason/],
    [{ reson: 'x' }, /did you mean reason/],
  ]
  for (const [payload, detail] of bodies)
    t.match((await api.call(operator, { method: 'POST', url: url('dc1/vm-7', '/ban'), payload: payload as object })).json(), {
      status: 400,
      detail,
    })
  for (const method of ['POST', 'DELETE'] as const)
    t.equal(
      (await api.call(operator, { method, url: url('x', '/ban'), ...(method === 'POST' && { payload: { reason: 'x' } }) })).statusCode,
      404,
    )
})

t.test('a join token carries the pin of the authority, is for its agent, and is told once', async t => {
  const caPin = 'ab'.repeat(32)
  const api = await openApi(t, { caPin })
  const admin = await api.person('admin')
  const make = (payload: object) => api.call(admin, { method: 'POST', url: '/v1/join-tokens', payload })
  const made = await make({ agent: 'dc1/vm-7', cloud: 'onprem', region: 'dc1', labels: { rack: '7' } })
  t.match(made, { statusCode: 201, headers: { 'cache-control': 'no-store' } })
  const { token, agentId, expiresAt } = made.json()
  t.match({ agentId, expiresAt }, { agentId: 'dc1/vm-7', expiresAt: '2026-11-22T08:10:00.000Z' })
  t.match(parseJoinToken(token), { ok: true, value: { caPin } })
  const enrolled = await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload: { proof: { kind: 'join', token } } })
  t.match(enrolled.json(), { agentId: 'dc1/vm-7', location: { cloud: 'onprem', region: 'dc1' } })
  t.match((await make({ cloud: 'onprem', region: 'dc1' })).json().agentId, /^join\/[0-9a-f]{8}$/)
  const refused = await make({ agent: 'a b', cloud: 'on/prem', regio: 'x' })
  t.equal(refused.statusCode, 400)
  const paths = refused.json().problems.map(({ path }: { path: string }) => path)
  t.ok(
    ['agent', 'cloud', 'regio'].every(path => paths.includes(path)),
    refused.body,
  )
})
