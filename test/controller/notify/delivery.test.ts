/** Delivery as a controller runs it: all receivers of the fleet, beside one another, in real time. */
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { openCounters } from '../../../controller/metrics.ts'
import { type DeliveryOptions, startDelivery } from '../../../controller/notify/delivery.ts'
import { enqueue } from '../../../controller/store/outbox.ts'
import type { Receiver } from '../../../wire/fleet-alerts.ts'
import { waitFor } from '../../interop/programs.ts'
import { aNotification } from './a-page.ts'
import { openNotifying } from './notifying.ts'
import { defaultsOf } from './receivers.ts'
import { startSink } from './sink.ts'

const start = async (t: Test, receivers: Receiver[], more: Partial<DeliveryOptions> = {}) => {
  const { store } = more.store ? { store: more.store } : await openNotifying(t)
  const printed: string[] = []
  const delivery = startDelivery({
    ...{ store, holder: randomUUID(), random: Math.random, log: pino({ level: 'silent' }), counters: openCounters(), newId: randomUUID },
    ...{ nowMs: Date.now, environment: {}, readFile: async () => '', print: line => void printed.push(line), timeoutMs: 20_000 },
    ...{ isLeader: () => true, isJudging: () => true, receivers: async () => receivers },
    ...more,
  })
  return { delivery, store, printed }
}

t.test('receivers that come with the fleet are told, while one hangs', async t => {
  const [hanging, well] = [await startSink(), await startSink()]
  hanging.answer.next = () => 'nothing'
  t.teardown(async () => void (await Promise.all([hanging.close(), well.close()])))
  const receivers = [defaultsOf({ type: 'webhook', name: 'hanging', url: hanging.url })]
  const { delivery, store, printed } = await start(t, receivers)
  t.teardown(() => delivery.close())
  await store.write(sql => enqueue(sql, ['hanging', 'well', 'out', 'gone'], aNotification()))
  await waitFor('a try', async () => hanging.got[0])
  receivers.push(defaultsOf({ type: 'webhook', name: 'well', url: well.url }), defaultsOf({ type: 'stdout', name: 'out' }))
  await store.write(sql => enqueue(sql, ['well'], aNotification({ id: 'n2', key: 'another' })))
  await waitFor('both', async () => (well.got.length === 2 && printed.length === 1 ? true : undefined))
  t.match(JSON.parse(printed[0]!), { id: 'n1', page: { title: /1380/ } })
})

t.test('a controller that ends lets go of a receiver that hangs, and the next one sends it', async t => {
  const sink = await startSink()
  t.teardown(() => sink.close())
  sink.answer.next = () => 'nothing'
  const receivers = [defaultsOf({ type: 'webhook', name: 'r', url: sink.url })]
  const first = await start(t, receivers)
  await first.store.write(sql => enqueue(sql, ['r'], aNotification()))
  await waitFor('a try', async () => sink.got[0])
  await first.delivery.close()
  sink.answer.next = () => ({})
  const { delivery } = await start(t, receivers, { store: first.store })
  t.teardown(() => delivery.close())
  await waitFor('another', async () => sink.got[1])
  t.strictSame(
    sink.got.map(({ headers }) => headers['causeway-id']),
    ['n1', 'n1'],
  )
})

t.test('a test is told at once, and says what the receiver answered', async t => {
  const sink = await startSink()
  t.teardown(() => sink.close())
  const { delivery } = await start(t, [defaultsOf({ type: 'webhook', name: 'r', url: sink.url })], { isLeader: () => false })
  t.teardown(() => delivery.close())
  t.match(await delivery.test('r', 'ann'), { receiver: 'r', type: 'webhook', outcome: 'taken', detail: 'answered 200: ok' })
  t.match(sink.got[0]?.json(), { event: 'test', page: { impact: /asked for by ann/ } })
  sink.answer.next = () => ({ status: 403, body: 'not you' })
  t.match(await delivery.test('r', 'ann'), { outcome: 'failed', detail: 'answered 403: not you' })
  t.equal(await delivery.test('nobody', 'ann'), undefined)
})
