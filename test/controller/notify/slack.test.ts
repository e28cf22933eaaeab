/** Slack and PagerDuty, by sinks that answer as their documentation says. */
import t, { type Test } from 'tap'
import { aNotification } from './a-page.ts'
import { openNotifying } from './notifying.ts'
import { type Got, type Reply, startSink } from './sink.ts'

const sinkFor = async (t: Test, next: (got: Got) => Reply) => {
  const sink = await startSink()
  t.teardown(() => sink.close())
  sink.answer.next = next
  return sink
}
const resolved = aNotification({
  id: 'n3',
  version: 3,
  event: 'resolved',
  page: { state: 'resolved', endedAt: Date.UTC(2026, 10, 21, 3, 16) },
})

/** `chat.postMessage` and `chat.update`, with a message id that counts. */
const slackApp = (t: Test, refuse: (method: string) => string | undefined = () => undefined) => {
  let count = 0
  return sinkFor(t, ({ url, json }) => {
    const method = url.split('/').at(-1)!
    const error = refuse(method)
    const ts = method === 'chat.update' ? json()['ts'] : `17.${++count}`
    return { body: JSON.stringify(error === undefined ? { ok: true, channel: 'C1', ts } : { ok: false, error }) }
  })
}
const app = (api: string) => ({ type: 'slack' as const, name: 'chat', api: `${api}/api`, token: { env: 'TOKEN' }, channel: 'C1' })
const called = (got: readonly Got[]) =>
  got.map(({ url, json }) => [url.split('/').at(-1), json()['ts'] ?? json()['thread_ts'] ?? 'new'].join(' '))

t.test('with a token a message is changed in place, and ends with a word below it', async t => {
  const [n, sink] = [await openNotifying(t), await slackApp(t)]
  n.environment['TOKEN'] = 'xoxb-canary'
  const lane = n.lane(app(sink.url))
  await n.tell(['chat'], aNotification())
  await lane.turn()
  await n.tell(['chat'], aNotification({ id: 'n2', version: 2, event: 'updated', page: { impact: '40 of 40 paths' } }))
  await lane.turn()
  await n.tell(['chat'], resolved)
  await lane.turn()
  t.strictSame(called(sink.got), ['chat.postMessage new', 'chat.update 17.1', 'chat.update 17.1', 'chat.postMessage 17.1'])
  t.match(sink.got[0], { headers: { authorization: 'Bearer xoxb-canary' } })
  t.match(sink.got[1]?.body, /40 of 40 paths/)
  t.match(sink.got[3]?.json(), { text: /RESOLVED/ })
  await n.tell(['chat'], aNotification({ id: 'n4', page: { incident: 'the next one' } }))
  await lane.turn()
  t.equal(called(sink.got).at(-1), 'chat.postMessage new', 'another incident is another message')
})

t.test('a message that was taken away is written anew, and changed in place from then on', async t => {
  let isGone = false
  const [n, sink] = [
    await openNotifying(t),
    await slackApp(t, method => (isGone && method === 'chat.update' ? 'message_not_found' : undefined)),
  ]
  n.environment['TOKEN'] = 'xoxb-canary'
  const lane = n.lane(app(sink.url))
  await n.tell(['chat'], aNotification())
  await lane.turn()
  isGone = true
  await n.tell(['chat'], aNotification({ id: 'n2', event: 'updated' }))
  await lane.turn()
  isGone = false
  await n.tell(['chat'], aNotification({ id: 'n3', event: 'updated' }))
  await lane.turn()
  t.strictSame(called(sink.got), ['chat.postMessage new', 'chat.update 17.1', 'chat.postMessage new', 'chat.update 17.2'])
})

t.test('an error that Slack answers with 200 is one, and is said without the token', async t => {
  const [n, sink] = [await openNotifying(t), await slackApp(t, () => 'channel_not_found')]
  n.environment['TOKEN'] = 'xoxb-canary'
  await n.tell(['chat'], aNotification())
  await n.lane(app(sink.url)).turn()
  t.match(n.logged.at(-1), /answered channel_not_found/)
  t.notMatch(n.logged.join(''), /canary/)
})

t.test('through an incoming webhook each change is a message', async t => {
  const [n, sink] = [await openNotifying(t), await sinkFor(t, () => ({}))]
  n.environment['HOOK'] = `${sink.url}/services/T/B/canary`
  const lane = n.lane({ type: 'slack', name: 'chat', url: { env: 'HOOK' } })
  for (const notification of [aNotification(), resolved]) {
    await n.tell(['chat'], notification)
    await lane.turn()
  }
  t.match(
    sink.got.map(({ url, json }) => [url, json()['text']]),
    [
      ['/services/T/B/canary', /^FIRING · aws/],
      ['/services/T/B/canary', /^RESOLVED · aws/],
    ],
  )
})

t.test('PagerDuty is triggered and resolved under one key; another success than 202 is none', async t => {
  let status = 202
  const [n, sink] = [await openNotifying(t), await sinkFor(t, () => ({ status, body: '{"status":"success"}' }))]
  n.environment['ROUTING'] = 'canary-routing'
  const lane = n.lane({ type: 'pagerduty', name: 'pd', url: `${sink.url}/v2/enqueue`, routingKey: { env: 'ROUTING' } })
  await n.tell(['pd'], aNotification())
  await lane.turn()
  status = 200
  await n.tell(['pd'], resolved)
  n.clock.ms += await lane.turn()
  status = 202
  await lane.turn()
  const events = sink.got.map(({ json }) => json())
  t.match(
    events.map(({ event_action }) => event_action),
    ['trigger', 'resolve', 'resolve'],
  )
  t.equal(new Set(events.map(({ dedup_key }) => dedup_key)).size, 1)
  t.match(events[0], { routing_key: 'canary-routing', payload: { severity: 'critical' } })
  t.match(n.logged.join(''), /want 202: is this PagerDuty/)
  t.notMatch(n.logged.join(''), /canary/)
})
