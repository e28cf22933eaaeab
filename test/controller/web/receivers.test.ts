import t from 'tap'
import { startSink } from '../notify/sink.ts'
import { openApi } from './api.ts'

const fleet = (url: string) => `apiVersion: causeway/v1
owner: o
alerts:
  receivers:
    - { name: hook, type: webhook, url: "${url}" }
    - { name: pager, type: pagerduty, routingKey: { env: NOT_THERE } }
  routes: [{ to: [hook, pager] }]
`

t.test('an operator tests a receiver and reads what it answered', async t => {
  const api = await openApi(t)
  const sink = await startSink()
  t.teardown(() => sink.close())
  const [admin, operator] = [await api.person('admin'), await api.person('operator')]
  const applied = await api.call(admin, {
    method: 'PUT',
    url: '/v1/fleet',
    headers: { 'content-type': 'application/yaml' },
    payload: fleet(sink.url),
  })
  t.ok(applied.statusCode < 300, applied.body)
  const test = (name: string) => api.call(operator, { method: 'POST', url: `/v1/receivers/${name}/test` })
  t.match((await test('hook')).json(), { receiver: 'hook', type: 'webhook', outcome: 'taken', detail: 'answered 200: ok' })
  t.match(sink.got[0]?.json(), { event: 'test' })
  t.match((await test('pager')).json(), { outcome: 'failed', detail: 'routingKey: the controller has no environment variable NOT_THERE' })
  t.match((await test('nobody')).json(), { status: 404, detail: 'there is no receiver nobody' })
})
