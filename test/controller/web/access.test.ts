/** Every route that there is, against everybody who may come. */
import t from 'tap'
import { credentialTtlMs } from '../../../controller/enrol/credential.ts'
import type { Access } from '../../../controller/web/access.ts'
import { type Api, openApi } from './api.ts'
import { ownRoutes } from './own-routes.ts'
import { listen } from './sse-reader.ts'

/** Who each route is for. A route that is missing here, or is here and not there, fails. */
const expected: Record<string, Access> = {
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'open',
  'POST /v1/enrol': 'open',
  'POST /v1/enrol/renew': 'agent',
  'POST /v1/metrics': 'agent',
  'POST /v1/logs': 'agent',
  'GET /v1/assignments': 'agent',
  'POST /v1/assignments/ack': 'agent',
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
  'GET /v1/events': 'viewer',
  'POST /v1/receivers/:name/test': 'operator',
  'GET /v1/incidents': 'viewer',
  'GET /v1/incidents/:id': 'viewer',
  'POST /v1/incidents/:id/ack': 'operator',
  'GET /v1/silences': 'viewer',
  'POST /v1/silences': 'operator',
  'DELETE /v1/silences/:id': 'operator',
  'GET /v1/maintenance': 'viewer',
  'POST /v1/maintenance': 'operator',
  'DELETE /v1/maintenance/:id': 'operator',
  'GET /v1/changes': 'viewer',
  'POST /v1/changes': 'operator',
  'DELETE /v1/changes/:id': 'operator',
  'POST /v1/runs': 'operator',
  'GET /v1/runs/:id': 'viewer',
  'POST /v1/runs/:id/results': 'agent',
}

const roles = ['viewer', 'operator', 'admin'] as const
const agents = ['agent', 'another agent'] as const
const callers = ['nobody', ...agents, 'a banned agent', 'an expired credential', ...roles] as const
type Who = (typeof callers)[number]
const isOneOf = <T extends string>(all: readonly T[], one: string): one is T => (all as readonly string[]).includes(one)

/** What the door says: 401 who are you, 403 not you; anything else is the room behind it. */
const doorOf = (access: Access, caller: Who): 'in' | 401 | 403 => {
  if (access === 'open') return 'in'
  if (access === 'agent') return isOneOf(agents, caller) ? 'in' : 401
  if (!isOneOf(roles, caller)) return 401
  return roles.indexOf(caller) >= roles.indexOf(access) ? 'in' : 403
}

const bearersOf = async (api: Api): Promise<Record<Who, string | undefined>> => {
  const expired = (await api.enrolled('vm-9')).credential
  api.clock.ms += credentialTtlMs + 60_000
  const [one, another, banned] = [await api.enrolled('vm-1'), await api.enrolled('vm-2'), await api.enrolled('vm-3')]
  const [viewer, operator, admin] = [await api.person('viewer'), await api.person('operator'), await api.person('admin')]
  const ban = await api.call(operator, { method: 'POST', url: '/v1/agents/vm-3/ban', payload: { reason: 'stolen' } })
  if (ban.statusCode !== 200) throw new Error(ban.body)
  return {
    nobody: undefined,
    agent: one.credential,
    'another agent': another.credential,
    'a banned agent': banned.credential,
    'an expired credential': expired,
    viewer,
    operator,
    admin,
  }
}

t.test('every route lets in whom it is for, and nobody else', async t => {
  const api = await openApi(t)
  const bearers = await bearersOf(api)
  t.same(new Set(ownRoutes(api.app)), new Set(Object.keys(expected)), 'all of them are expected')
  const base = await listen(api.app)
  for (const [route, access] of Object.entries(expected)) {
    const [method = '', path = ''] = route.split(' ')
    for (const caller of callers) {
      const url = `${base}${path.replaceAll(/:id|:name/g, 'nobody%2Fknown')}`
      const bearer = bearers[caller]
      // Streams stay open: they are let go once it is known whether they began.
      const stop = new AbortController()
      const { status } = await fetch(url, { method, signal: stop.signal, headers: bearer ? { authorization: `Bearer ${bearer}` } : {} })
      stop.abort()
      const door = status === 401 || status === 403 ? status : 'in'
      // Who enrols is judged by the proof in the body.
      const seen = route === 'POST /v1/enrol' && door === 401 ? 'in' : door
      // For a week after its end a credential is good for a fresh one.
      const isLate = route === 'POST /v1/enrol/renew' && caller === 'an expired credential'
      t.equal(seen, isLate ? 'in' : doorOf(access, caller), `${route}, ${caller}`)
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
    const entry = documented.paths[path.replace(/:(id|name)/, '{$1}')] as Record<string, { summary?: string }>
    t.ok(entry?.[method.toLowerCase()]?.summary, `${route} is in the OpenAPI document`)
  }
})
