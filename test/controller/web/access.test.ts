/** Every route that there is, against everybody who may come. */
import t from 'tap'
import type { Access } from '../../../controller/web/access.ts'
import { openApi } from './api.ts'

/** Who each route is for. A route that is missing here, or is here and not there, fails. */
const expected: Record<string, Access> = {
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'open',
  'POST /v1/enrol': 'open',
  'POST /v1/enrol/renew': 'agent',
  'POST /v1/metrics': 'agent',
  'POST /v1/logs': 'agent',
  'GET /v1/agents': 'viewer',
  'GET /v1/agents/:id': 'viewer',
  'POST /v1/agents/:id/ban': 'operator',
  'DELETE /v1/agents/:id/ban': 'operator',
  'POST /v1/agents/:id/cordon': 'operator',
  'DELETE /v1/agents/:id/cordon': 'operator',
  'POST /v1/join-tokens': 'admin',
  'GET /v1/fleet': 'viewer',
  'PUT /v1/fleet': 'admin',
  'GET /v1/paths': 'viewer',
  'GET /v1/links': 'viewer',
  'GET /v1/targets': 'viewer',
  'GET /v1/history': 'viewer',
  'GET /v1/slo': 'viewer',
}

const roles = ['viewer', 'operator', 'admin'] as const
const callers = ['nobody', 'agent', ...roles] as const
type Who = (typeof callers)[number]

/** What the door says: 401 who are you, 403 not you; anything else is the room behind it. */
const doorOf = (access: Access, caller: Who): 'in' | 401 | 403 => {
  if (access === 'open' || access === caller) return 'in'
  if (caller === 'nobody' || caller === 'agent' || access === 'agent') return 401
  return roles.indexOf(caller) >= roles.indexOf(access) ? 'in' : 403
}

t.test('every route lets in whom it is for, and nobody else', async t => {
  const api = await openApi(t)
  const { credential } = await api.enrolled('vm-1')
  const bearers: Record<Who, string | undefined> = {
    nobody: undefined,
    agent: credential,
    viewer: await api.person('viewer'),
    operator: await api.person('operator'),
    admin: await api.person('admin'),
  }
  const there = api.app.routes.flatMap(({ method, url }) => [method].flat().map(one => `${one} ${url}`))
  const own = there.filter(route => !/^(HEAD|OPTIONS) /.test(route) && !/ \/docs(\/|$)/.test(route))
  t.same(new Set(own), new Set(Object.keys(expected)), 'all of them are expected')
  for (const [route, access] of Object.entries(expected)) {
    const [method = '', path = ''] = route.split(' ')
    for (const caller of callers) {
      const url = path.replaceAll(':id', 'nobody%2Fknown')
      const { statusCode } = await api.call(bearers[caller], { method: method as 'GET', url })
      const door = statusCode === 401 || statusCode === 403 ? statusCode : 'in'
      // Who enrols is judged by the proof in the body.
      t.equal(route === 'POST /v1/enrol' && door === 401 ? 'in' : door, doorOf(access, caller), `${route}, ${caller}`)
    }
  }
})

t.test('a forged, a foreign and a revoked token are nobody', async t => {
  const api = await openApi(t)
  for (const bearer of ['cwp_x', `cwp_${'a'.repeat(43)}`, 'eyJhbGciOiJub25lIn0.e30.', 'x'])
    t.equal((await api.call(bearer, { method: 'GET', url: '/v1/agents' })).statusCode, 401, bearer)
})

t.test('what may be read without a token: health, metrics, and the pages of the API itself', async t => {
  const api = await openApi(t)
  const open = api.app.routes.filter(({ config }) => config?.access === 'open').map(({ url }) => url)
  t.same(new Set(open.filter(url => !/^\/docs(\/|$)/.test(url))), new Set(['/healthz', '/metrics', '/readyz', '/v1/enrol']))
  const documented = (await api.call(undefined, { method: 'GET', url: '/docs/json' })).json<{ paths: Record<string, object> }>()
  for (const route of Object.keys(expected)) {
    const [method = '', path = ''] = route.split(' ')
    const entry = documented.paths[path.replace(':id', '{id}')] as Record<string, { summary?: string }>
    t.ok(entry?.[method.toLowerCase()]?.summary, `${route} is in the OpenAPI document`)
  }
})
