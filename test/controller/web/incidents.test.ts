/** Incidents and what people decide about them, over the API. */
import t from 'tap'
import type { Incident } from '../../../controller/alert/incident.ts'
import type { DecisionAnswer, IncidentAnswer, IncidentHead } from '../../../wire/api/incidents.ts'
import { openApi, startMs } from './api.ts'
import { incident, keepIncident } from './incident-of.ts'

t.test('incidents are listed newest first, shown whole, and acknowledged while they are open', async t => {
  const api = await openApi(t)
  const [viewer, operator] = [await api.person('viewer'), await api.person('operator', 'ann')]
  const put = (one: Incident) => keepIncident(api.parts.store, one)
  await put(incident('old'))
  await put(incident('new', { formedMs: startMs + 1, severity: 'ticket' }))
  await put(incident('over', { state: 'ended', endedMs: startMs + 5, end: 'well again' }))
  await put(incident('forming', { state: 'forming' }))
  const get = (url: string, who = viewer) => api.call(who, { method: 'GET', url })
  const ids = async (url: string) => (await get(url)).json<{ items: IncidentHead[] }>().items.map(({ id }) => id)
  t.strictSame(await ids('/v1/incidents'), ['new', 'old'])
  t.strictSame(await ids('/v1/incidents?severity=page'), ['old'])
  t.strictSame(await ids('/v1/incidents?state=ended'), ['over'])
  t.strictSame(await ids('/v1/incidents?place=gcp'), [])
  t.strictSame(await ids('/v1/incidents?limit=1'), ['new'])
  t.match((await get('/v1/incidents/old')).json<IncidentAnswer>(), {
    paths: ['a mesh agent/b ipv4'],
    runbook: 'docs/runbooks/host_down.md',
    timeline: [{ kind: 'formed' }],
  })
  t.equal((await get('/v1/incidents/forming')).statusCode, 404, 'nobody knows of one that forms')
  const ack = (id: string) => api.call(operator, { method: 'POST', url: `/v1/incidents/${id}/ack`, payload: { note: 'mine' } })
  t.match((await ack('old')).json<IncidentAnswer>(), { ack: { author: 'ann', note: 'mine' } })
  t.equal((await ack('over')).statusCode, 409)
  t.equal((await ack('nothing')).statusCode, 404)
})

t.test('a silence needs an end and something that it is about, and can be ended before', async t => {
  const api = await openApi(t)
  const [viewer, operator] = [await api.person('viewer'), await api.person('operator', 'ann')]
  const post = (payload: object, path = 'silences') => api.call(operator, { method: 'POST', url: `/v1/${path}`, payload })
  const reason = 'the line is being repaired'
  const wrong: [object, RegExp][] = [
    [{ reason, match: { place: 'aws' } }, /without an end hides what it was not made for: want end, a time, or for/],
    [{ reason, match: {}, for: '2h' }, /match: empty/],
    [{ match: { place: 'aws' }, for: '2h' }, /reason/],
    [{ reason, match: { place: 'aws' }, for: '2h', end: '2026-11-22T20:00:00Z' }, /one of both/],
    [{ reason, match: { place: 'aws' }, end: '2020-01-01T00:00:00Z' }, /ends before it begins|over already/],
    [{ reason, match: { place: 'aws' }, for: '200d' }, /90 days/],
    [{ reason, match: { palce: 'aws' }, for: '2h' }, /palce/],
  ]
  for (const [payload, told] of wrong) {
    const { statusCode, body } = await post(payload)
    t.equal(statusCode, 400, body)
    t.match(body, told)
  }
  const made = (await post({ reason, match: { place: 'aws' }, for: '2h' })).json<DecisionAnswer>()
  t.match(made, { author: 'ann', reason, active: true, match: { place: 'aws' }, end: new Date(startMs + 7_200_000).toISOString() })
  const list = async (path: string) =>
    (await api.call(viewer, { method: 'GET', url: `/v1/${path}` })).json<{ items: DecisionAnswer[] }>().items.length
  t.equal(await list('silences'), 1)
  t.equal(await list('maintenance'), 0)
  api.clock.ms += 1000
  t.match((await api.call(operator, { method: 'DELETE', url: `/v1/silences/${made.id}` })).json<DecisionAnswer>(), { active: false })
  t.equal((await api.call(operator, { method: 'DELETE', url: '/v1/silences/nothing' })).statusCode, 404)
  t.match((await post({ reason: 'new line', acceptBaseline: true, match: { from: 'aws' } }, 'changes')).json<DecisionAnswer>(), {
    kind: 'baseline',
  })
  t.match((await post({ reason: 'new line' }, 'changes')).json<DecisionAnswer>(), { kind: 'change' })
  t.equal(await list('changes'), 2)
})
