/** Runs that watch: their events on the way from an agent to whoever asked. */
import t from 'tap'
import type { RunAnswer } from '../../../wire/api/runs.ts'
import { enrol, nextRun } from './agent-on-stream.ts'
import { openApi } from './api.ts'
import { listen } from './sse-reader.ts'

const around = { before: 1.5, after: null }
const outage = {
  ...{ number: 1, beganMs: 100, lastLostMs: 300, endedMs: null, lengthMs: 250, uncertainMs: 50, lost: 5, error: 'EHOSTUNREACH' },
  ...{ rttMs: around, ttl: around, mtu: { before: null, after: null }, route: { before: null, after: null } },
}
const second = { atMs: 0, sent: 20, lost: 0, rttMs: 1.5, maxMs: 2 }
const document = {
  ...{
    schema: 'causeway.watch/1',
    startedAt: '2026-11-22T08:00:00.000Z',
    kind: 'icmp',
    verdict: 'fail',
    detail: 'too long',
    sent: 20,
    lost: 5,
  },
  ...{ late: 0, duplicates: 0, rttMs: null, latenessMs: null, durationMs: 1000, downMs: 250, blindMs: 0, overflow: 0, outages: [outage] },
}

t.test('a watch is one agent’s, its events are told as they come, each once, and its summary is the verdict', async t => {
  const api = await openApi(t)
  const base = await listen(api.app)
  const operator = await api.person('operator')
  const [{ reader, credential }] = await Promise.all([enrol(api, base, 'a1', 'aws'), enrol(api, base, 'z1', 'azure')])
  const watch = { intervalMs: 50, timeoutMs: 1000, durationMs: 60_000, objectiveMs: 100 }
  const ask = (more: object) =>
    api.call(operator, { method: 'POST', url: '/v1/runs', payload: { from: 'aws/r', to: 'azure/r', watch, ...more } })
  const refused = await ask({ kinds: ['mtu'], bothWays: true })
  t.match(refused.json(), { status: 400, problems: [{ path: 'kinds' }, { path: 'bothWays' }, { path: 'agents' }] })
  t.equal((await ask({ agents: 1, kinds: ['icmp'], watch: { ...watch, durationMs: 3_600_001 } })).statusCode, 400)
  const { id } = (await ask({ agents: 1, kinds: ['icmp'] })).json<RunAnswer>()
  const message = await nextRun(reader)
  t.match(message, { watch, checks: [{ kind: 'icmp' }] })
  t.ok(message.withinMs > watch.durationMs)
  const send = (body: object) =>
    api.call(credential, { method: 'POST', url: `/v1/runs/${message.id}/results`, payload: { results: [], ...body } })
  const read = async (query: string) => (await api.call(operator, { method: 'GET', url: `/v1/runs/${id}?${query}` })).json<RunAnswer>()
  const events = [
    { number: 1, event: { type: 'second', second } },
    { number: 2, event: { type: 'outage_began', outage } },
    { number: 3, event: { type: 'outage_ended' } },
    { number: 4, event: { type: 'from_a_newer_agent' } },
  ]
  const waiting = read('wait=60s&after=0')
  const begun = { startedAt: document.startedAt, address: '192.0.2.1' }
  t.equal((await send({ watch: { events, begun }, done: false })).statusCode, 204)
  t.equal((await send({ watch: { events }, done: false })).statusCode, 204, 'said once more')
  t.same((await waiting).agents[0]!.watch, { begun, events: events.slice(0, 2) }, 'as it was sent')
  t.same((await read('after=1')).agents[0]!.watch!.events, [events[1]])
  t.equal((await send({ watch: { events: [{ number: 5 }] }, done: false })).statusCode, 400)
  const lie = { type: 'outage_ended', outage: { ...outage, endedMs: 5, rttMs: { before: [], after: {} } } }
  t.equal((await send({ watch: { events: [{ number: 5, event: lie }] }, done: false })).statusCode, 204, 'and is left out')
  t.equal((await send({ watch: { events: [], document } })).statusCode, 204)
  t.match(await read('wait=60s&after=2'), { state: 'done', verdict: 'fail', agents: [{ problems: [], watch: { events: [], document } }] })
})

t.test('an agent that does not know watches measures once, and whoever asked is told to upgrade it', async t => {
  const api = await openApi(t)
  const base = await listen(api.app)
  const operator = await api.person('operator')
  const [{ reader, credential }] = await Promise.all([enrol(api, base, 'a1', 'aws'), enrol(api, base, 'z1', 'azure')])
  const watch = { intervalMs: 50, timeoutMs: 1000, durationMs: 60_000 }
  const payload = { from: 'a1', to: 'z1', agents: 1, kinds: ['icmp'], watch }
  const { id } = (await api.call(operator, { method: 'POST', url: '/v1/runs', payload })).json<RunAnswer>()
  const { id: part } = await nextRun(reader)
  const results = [{ kind: 'icmp', outcome: { kind: 'ok' } }]
  t.equal((await api.call(credential, { method: 'POST', url: `/v1/runs/${part}/results`, payload: { results } })).statusCode, 204)
  t.match((await api.call(operator, { method: 'GET', url: `/v1/runs/${id}` })).json(), {
    state: 'done',
    verdict: 'unmeasured',
    agents: [{ problems: [/agent a1 does not know how to watch, it has measured once: upgrade it/] }],
  })
})
