import t from 'tap'
import { openApi } from './api.ts'

t.test('an agent enrols with a join token, is who the token says, and renews its credential', async t => {
  const api = await openApi(t)
  const token = await api.join('vm-1', { cloud: 'azure', region: 'eastus' })
  const payload = { proof: { kind: 'join', token }, claimed: { zone: 'eastus-1' }, details: { version: '9', fromTheFuture: true }, more: 1 }
  const enrolled = await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload })
  t.match(enrolled.json(), {
    agentId: 'vm-1',
    location: { cloud: 'azure', region: 'eastus', zone: 'eastus-1' },
    expiresAt: '2026-11-22T09:00:00.000Z',
  })
  const { credential } = enrolled.json()
  const again = await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload })
  t.match(again.json(), { status: 401, detail: /^join_token_used/ }, 'the token is good once')
  t.match(again.headers['content-type'], /^application\/problem\+json/)
  api.clock.ms += 1_800_000
  const renewed = await api.call(credential, { method: 'POST', url: '/v1/enrol/renew', payload: { labels: { rack: '7' } } })
  t.match(renewed.json(), { agentId: 'vm-1', expiresAt: '2026-11-22T09:30:00.000Z' })
  t.not(renewed.json().credential, credential)
  api.clock.ms += 1_800_001
  const assignments = { method: 'GET', url: '/v1/assignments?poll' } as const
  t.match((await api.call(credential, assignments)).json(), { status: 401, detail: /^expired/ })
  const renew = { method: 'POST', url: '/v1/enrol/renew', payload: {} } as const
  t.match((await api.call(credential, renew)).json(), { agentId: 'vm-1' }, 'good for a fresh one for a week, and for nothing else')
  api.clock.ms += 7 * 86_400_000
  t.match((await api.call(credential, renew)).json(), { status: 401, detail: /^expired/ })
  t.match(await api.parts.counters.page(), /causeway_controller_enrolments_total\{proof="join",outcome="ok"\} 1/)
})

t.test('a bad enrolment names every problem with its place, and never the token', async t => {
  const api = await openApi(t)
  const payload = {
    proof: { kind: 'join', token: '' },
    advertise: [{ scope: 'moon', host: 'h', ports: { echo: 70_000 } }],
    labels: { a: 1 },
  }
  const answer = await api.call(undefined, { method: 'POST', url: '/v1/enrol', payload })
  t.equal(answer.statusCode, 400)
  t.same(
    answer
      .json()
      .problems.map(({ path }: { path: string }) => path)
      .sort(),
    ['advertise[0].ports.echo', 'advertise[0].scope', 'labels.a', 'proof.token'],
  )
  const malformed = await api.call(undefined, {
    method: 'POST',
    url: '/v1/enrol',
    payload: { proof: { kind: 'join', token: 'cwj_secret-text' } },
  })
  t.match(malformed.json(), { status: 401, detail: /^proof_malformed/ })
  t.notMatch(malformed.body, 'secret-text')
})
