import t from 'tap'
import { emptyFleet } from '../../../controller/fleet/objects.ts'
import { putDocument } from '../../../controller/store/documents.ts'
import type { RunAnswer } from '../../../wire/api/runs.ts'
import { assignmentSchema } from '../../../wire/assignment.ts'
import type { Fleet } from '../../../wire/fleet.ts'
import { readBySchema } from '../../../wire/read.ts'
import { enrol, nextRun } from './agent-on-stream.ts'
import { openApi } from './api.ts'
import { listen } from './sse-reader.ts'

const way = { pathMtu: 1500, method: 'icmp', signal: 'none' }
const result = (kind: string, outcome: object) => ({
  kind,
  target: { name: 'x', host: 'x.example', port: 7460, address: '192.0.2.1', family: 4 },
  startedAt: '2026-11-22T08:00:00.000Z',
  outcome,
  phasesMs: {},
  measured: kind === 'mtu' ? { forward: way, reverse: way } : {},
  warnings: [],
  violations: [],
})

t.test('a run that is asked for reaches agents of both ends, and what they find is judged as probe run does', async t => {
  const api = await openApi(t)
  const base = await listen(api.app)
  const [operator, viewer] = [await api.person('operator'), await api.person('viewer')]
  const agents = await Promise.all([enrol(api, base, 'a1', 'aws'), enrol(api, base, 'a2', 'aws'), enrol(api, base, 'z1', 'azure')])
  const payload = {
    from: 'aws/r',
    to: 'azure/r',
    bothWays: true,
    kinds: ['tcp', 'mtu'],
    options: { tcp: { payload: '64KiB', timeout: '3s' } },
  }
  t.equal((await api.call(viewer, { method: 'POST', url: '/v1/runs', payload })).statusCode, 403)
  const asked = await api.call(operator, { method: 'POST', url: '/v1/runs', payload })
  t.match(asked, { statusCode: 201, headers: { location: /^\/v1\/runs\/[\w-]+$/ } })
  const { id, agents: attempts } = asked.json<RunAnswer>()
  t.same(
    attempts.map(({ agent, direction, target }) => [agent, direction, target.name]),
    [
      ['a1', 'forward', 'agent/z1'],
      ['a2', 'forward', 'agent/z1'],
      ['z1', 'reverse', attempts[2]!.target.name],
    ],
  )
  const waiting = api.call(viewer, { method: 'GET', url: `/v1/runs/${id}?wait=60s` })
  for (const { credential, reader, agentId } of agents) {
    const message = await nextRun(reader)
    const { id: part, withinMs, ...assignment } = message
    t.ok(withinMs > 500_000 && withinMs <= 600_000)
    t.same(readBySchema(assignmentSchema, assignment).problems, [])
    t.match(message.checks, [
      { kind: 'tcp', timeout: '3000ms', options: { payloadBytes: 65_536 } },
      { kind: 'mtu', targets: [/\/tls$/] },
    ])
    const outcome = agentId === 'z1' ? { kind: 'fail', reason: 'tcp_timeout', detail: 'no answer in 3 s' } : { kind: 'ok' }
    const send = (credential: string, body: object) =>
      api.call(credential, { method: 'POST', url: `/v1/runs/${part}/results`, payload: body })
    const other = agents.find(one => one.agentId !== agentId)!
    t.equal((await send(other.credential, { results: [] })).statusCode, 404, 'another agent is told nothing')
    t.equal((await send(credential, { results: [result('tcp', outcome)], done: false })).statusCode, 204)
    t.equal((await send(credential, { results: [result('mtu', { kind: 'ok' })], problems: [] })).statusCode, 204)
  }
  const answer = (await waiting).json<RunAnswer>()
  t.match(answer, { schema: 'causeway.check/1', state: 'done', verdict: 'fail', author: 'a operator', asked: { from: 'aws/r' } })
  t.same(
    answer.agents.map(({ agent, verdict, state, results }) => [agent, verdict, state, results.length]),
    [
      ['a1', 'ok', 'done', 2],
      ['a2', 'ok', 'done', 2],
      ['z1', 'fail', 'done', 2],
    ],
  )
  t.match(answer.agents[2]!.diagnosis, [{ cause: 'port_filtered' }])
})

t.test('a target of the fleet is probed from where somebody says; nobody else answers, and a run ends unanswered', async t => {
  const api = await openApi(t)
  const base = await listen(api.app)
  const operator = await api.person('operator')
  const checks = [{ name: 'payments-tls', kind: 'tls', every: '30s', perLink: 3, as: 'agent' }] as const
  const document: Fleet = { ...emptyFleet('ann'), targets: [{ name: 'payments', address: 'payments.example:443' }], checks: [...checks] }
  await api.parts.store.write(sql => putDocument(sql, { document, author: 'ann', nowMs: 1 }))
  await api.parts.fleet.refresh()
  const { reader, credential } = await enrol(api, base, 'a1', 'aws')
  const asked = await api.call(operator, { method: 'POST', url: '/v1/runs', payload: { from: 'a1', to: 'payments' } })
  const { id } = asked.json<RunAnswer>()
  const message = await nextRun(reader)
  t.same(message.targets, [{ name: 'payments', address: 'payments.example:443' }])
  t.same(
    message.checks.map(({ kind }) => kind),
    ['dns', 'icmp', 'tcp', 'mtu', 'tls'],
    'also what the fleet measures on it',
  )
  const send = (results: object[]) =>
    api.call(credential, { method: 'POST', url: `/v1/runs/${message.id}/results`, payload: { results, done: false } })
  t.equal((await send([{ kind: 'tcp', outcome: { kind: 'nonsense' } }])).statusCode, 204)
  t.equal((await send([{ kind: 'tcp', outcome: { kind: 'ok' }, more: 'x'.repeat(2 ** 20) }])).statusCode, 413)
  t.match((await api.call(operator, { method: 'GET', url: `/v1/runs/${id}` })).json(), {
    state: 'running',
    agents: [{ problems: [/1 of what the agent sent/] }],
  })
  api.clock.ms += 600_000
  t.equal((await send([])).statusCode, 410)
  t.match((await api.call(operator, { method: 'GET', url: `/v1/runs/${id}?wait=10s` })).json(), {
    state: 'expired',
    verdict: 'unmeasured',
    agents: [{ state: 'expired', problems: [/no results/, /not answered in time/] }],
  })
  t.equal((await api.call(operator, { method: 'GET', url: '/v1/runs/none' })).statusCode, 404)
})

t.test('what can’t be run is refused with every reason: places, kinds, options that are not for asking', async t => {
  const api = await openApi(t)
  const base = await listen(api.app)
  const operator = await api.person('operator')
  const ask = async (payload: object) => (await api.call(operator, { method: 'POST', url: '/v1/runs', payload })).json()
  t.match(await ask({ from: 'aws/r', to: 'azure/r' }), { status: 404, detail: /"aws\/r" now; there is no agent at all/ })
  await enrol(api, base, 'a1', 'aws')
  await enrol(api, base, 'z1', 'azure', ['echo'])
  t.match(await ask({ from: 'aws/r', to: 'moon/r' }), { status: 404, detail: /"moon\/r".*agents in aws\/r, azure\/r/ })
  t.match(await ask({ from: 'a1', to: 'a1' }), { status: 409, detail: /no agent advertises an address/ })
  t.match(await ask({ from: 'a1', to: 'z1', kinds: ['http'] }), {
    status: 400,
    problems: [{ path: 'kinds', message: /do not answer http/ }],
  })
  const options = { mtls: { keyFile: '/etc/shadow' }, tcp: { payload: 'many' }, udp: {} }
  t.match(await ask({ from: 'a1', to: 'z1', kinds: ['tcp', 'mtls'], options }), {
    status: 400,
    problems: [
      { path: 'options.mtls.keyFile', message: /not for a run/ },
      { path: 'options.tcp.payload' },
      { path: 'options.udp', message: /not among the kinds/ },
    ],
  })
  t.match(await ask({ from: 'a1', to: 'z1', agents: 99, more: 1 }), { status: 400, problems: [{ path: /./ }, { path: /./ }] })
  t.match(await ask({ from: 'a1', to: 'z1', kinds: ['tcp', 'mtls'] }), {
    agents: [{ agent: 'a1', problems: [/^mtls: the agent at the other end/] }],
  })
  t.equal((await api.call(operator, { method: 'GET', url: '/v1/runs/none?wait=x' })).statusCode, 400)
})
