/** Every route that there is, with everything that may be wrong with a request, over both stores. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openStore, type StoreOptions } from '../../../controller/store/open.ts'
import type { Row } from '../../../controller/store/sql.ts'
import type { Store } from '../../../controller/store/store.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { type Api, openApi } from './api.ts'
import { type Case, casesOf, type Route, routeOf } from './bad-input.ts'
import { askRaw, type RawAnswer } from './raw-request.ts'
import { listen } from './sse-reader.ts'

const described = { labels: {}, advertise: [], details: {} }
/** A body of each route that is as it should be, and changes nothing: no such agent, run or target. With everything that has a default. */
const samples: Record<string, object> = {
  'POST /v1/enrol': { ...described, proof: { kind: 'join', token: 'cwj_x' }, claimed: {}, runner: false },
  'POST /v1/enrol/renew': described,
  'POST /v1/assignments/ack': { revision: 'none', generation: 0, outcome: 'running', problems: [] },
  'POST /v1/agents/:id/ban': { reason: 'stolen' },
  'POST /v1/agents/:id/cordon': { reason: 'broken' },
  'POST /v1/join-tokens': { cloud: 'aws', region: 'r1', labels: {} },
  'POST /v1/runs': { from: 'moon/r1', to: 'moon/r2', bothWays: false, agents: 1, options: {} },
  'POST /v1/incidents/:id/ack': { note: 'mine' },
  // These fit, and are refused: what is about everything, and a time that is none.
  'POST /v1/silences': { reason: 'repairs', match: {}, for: '2h' },
  'POST /v1/maintenance': { reason: 'repairs', match: {}, for: '2h' },
  'POST /v1/changes': { reason: 'a new line', match: {}, start: '2026-13-45Tnever' },
  'POST /v1/runs/:id/results': { results: [], problems: [], done: true },
}
/** What must be as it was: all but what moves by itself (who leads, plans), and what an agent that comes with a good credential changes by coming. */
const tables = [
  ...['documents', 'join_tokens', 'person_tokens', 'role_grants', 'received', 'history', 'batches', 'runs', 'run_parts', 'events'],
  ...['incidents', 'alert_decisions', 'deliveries', 'outbox'],
]
const dump = async (store: Store): Promise<string[][]> => {
  const all = await store.read(sql => Promise.all(tables.map(table => sql.all<Row>(`SELECT * FROM ${table}`))))
  const isPlan = ({ kind }: Row): boolean => kind === 'assignments_changed'
  return all.map(rows =>
    rows
      .filter(row => !isPlan(row))
      .map(row => JSON.stringify(row))
      .sort(),
  )
}

const judge = (t: Test, { status: wanted, says }: Case, name: string, { status, headers, body }: RawAnswer): void => {
  const text = body.toString()
  const isFine = wanted ? wanted.includes(status) : status < 500
  if (!isFine) t.fail(`${name}: ${status} ${text.slice(0, 300)}`)
  if (says && !says.test(text)) t.fail(`${name}: ${text} says nothing of ${says}`)
  if (status < 400) return
  const type = String(headers['content-type'])
  const isDocument = type.startsWith('application/problem+json') && (JSON.parse(text) as { status?: number }).status === status
  if (!isDocument) t.fail(`${name}: ${status} is no problem document: ${type} ${text.slice(0, 200)}`)
}

/** Whom each request is of: people's are spread over several, so that none has too many. */
const bearerOf = async (api: Api): Promise<(route: Route) => string | undefined> => {
  const admins = await Promise.all(Array.from({ length: 12 }, (_, k) => api.person('admin', `admin ${k}`)))
  const agents = await Promise.all(Array.from({ length: 4 }, (_, k) => api.enrolled(`vm-${k}`)))
  let count = 0
  return ({ access }) => {
    count++
    if (access === 'open') return undefined
    return access === 'agent' ? agents[count % agents.length]!.credential : admins[count % admins.length]
  }
}

const atOnce = 16
const isOtlp = ({ url }: Route): boolean => url === '/v1/metrics' || url === '/v1/logs'

const tryAll = async (t: Test, options: StoreOptions): Promise<void> => {
  const store = await openStore(options)
  const api = await openApi(t, { store })
  const base = await listen(api.app)
  const routes = api.app.routes.filter(({ url, method }) => !/^\/docs/.test(url) && method !== 'HEAD').map(routeOf)
  const bodies = routes.filter(({ body }) => body).map(({ method, url }) => `${method} ${url}`)
  t.same(new Set(bodies), new Set(Object.keys(samples)), 'there is a good body for each route')
  const bearer = await bearerOf(api)
  const before = await dump(store)
  for (const route of routes.filter(one => !isOtlp(one))) {
    const of = routes.filter(({ url }) => url === route.url).map(({ method }) => method)
    const cases = casesOf(route, { sample: samples[`${route.method} ${route.url}`] ?? {}, of })
    const tryOne = async (one: Case): Promise<void> => {
      const token = bearer(route)
      const headers = { ...one.raw.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
      const name = `${route.method} ${route.url}, ${one.name}`
      await askRaw(base, { ...one.raw, headers }).then(
        answer => judge(t, one, name, answer),
        error => t.fail(`${name}: ${error}`),
      )
    }
    for (let from = 0; from < cases.length; from += atOnce) await Promise.all(cases.slice(from, from + atOnce).map(tryOne))
    t.pass(`${route.method} ${route.url}: ${cases.length} requests`)
  }
  t.same(await dump(store), before, 'nothing has changed')
}

const directory = mkdtempSync(join(tmpdir(), 'causeway-bad-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test('SQLite: nothing that is sent is a fault of the server, and nothing bad is taken', t => tryAll(t, { directory }))

t.test('PostgreSQL: the same', { skip: needsPostgres }, async t => {
  const cluster = await startCluster()
  t.teardown(() => cluster.remove())
  await tryAll(t, { directory, url: (await cluster.database()).url })
})
