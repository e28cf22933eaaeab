import type { Test } from 'tap'
import {
  type Delivery,
  dropDeliveries,
  getDelivery,
  markSentAgain,
  putDelivery,
  setQuiet,
  toldTo,
} from '../../../controller/store/deliveries.ts'
import {
  claimOutgoing,
  dropOutgoing,
  enqueue,
  outboxSize,
  releaseOthers,
  releaseOutgoing,
  settleOutgoing,
  waitingReceivers,
} from '../../../controller/store/outbox.ts'
import type { Store } from '../../../controller/store/store.ts'
import type { Notification } from '../../../wire/page.ts'
import { aNotification, aPage } from '../notify/a-page.ts'
import { type Subject, withStore } from './contract.ts'

const put = (store: Store, receivers: string[], notification: Notification) => store.write(sql => enqueue(sql, receivers, notification))
const claim = (store: Store, receiver: string, { holder = 'me', nowMs = 0, forMs = 100, limit = 9 } = {}) =>
  store.write(sql => claimOutgoing(sql, { receiver, holder, nowMs, untilMs: nowMs + forMs, limit }))
const told = (
  receiver: string,
  key: string,
  { state = 'firing', saidMs = 0 }: { state?: 'firing' | 'resolved'; saidMs?: number } = {},
): Omit<Delivery, 'isQuiet'> => ({
  ...{ receiver, key, id: 'n', version: 1, page: aPage({ key, state }) },
  ...{ firstMs: 0, saidMs, sentMs: saidMs },
})

export const outboxContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'what is to be told waits for each receiver alone, and is claimed by one', async (t, store) => {
    await put(store, ['a', 'b', 'a'], aNotification())
    t.strictSame(await store.read(waitingReceivers), ['a', 'b'])
    const [mine, ...more] = await claim(store, 'a')
    t.match(mine, { receiver: 'a', id: 'n1', event: 'firing', version: 1, page: aPage() })
    t.strictSame(more, [])
    t.strictSame(await claim(store, 'a', { holder: 'another' }), [], 'it is being sent')
    await store.write(sql => settleOutgoing(sql, mine!))
    t.strictSame(await store.read(waitingReceivers), ['b'])
    t.match(await store.read(outboxSize), { size: 1, oldestMs: aNotification().at })
  })

  await withStore(t, subject, 'a notification is there only with the transaction that tells why', async (t, store) => {
    const failed = store.write(async sql => {
      await enqueue(sql, ['a'], aNotification())
      throw new Error('no incident after all')
    })
    await t.rejects(failed, /no incident/)
    t.strictSame(await store.read(waitingReceivers), [])
    t.strictSame(await store.read(outboxSize), { size: 0 })
  })

  await withStore(t, subject, 'what a dead process had in hand, and what one gave back, is sent by another', async (t, store) => {
    await put(store, ['a'], aNotification())
    const [one] = await claim(store, 'a', { forMs: 100 })
    t.equal((await claim(store, 'a', { holder: 'another', nowMs: 100 })).length, 1)
    await store.write(sql => releaseOutgoing(sql, 'me', one!))
    t.strictSame(await claim(store, 'a', { nowMs: 150 }), [], 'who was too late has nothing to give back')
    await store.write(sql => releaseOutgoing(sql, 'another', one!))
    t.equal((await claim(store, 'a', { nowMs: 150 })).length, 1)
    await store.write(sql => releaseOthers(sql, 'a', 'me'))
    t.strictSame(await claim(store, 'a', { nowMs: 150 }), [], 'it is mine')
    await store.write(sql => releaseOthers(sql, 'a', 'the next leader'))
    t.equal((await claim(store, 'a', { nowMs: 150 })).length, 1)
  })

  await withStore(t, subject, 'what is newer takes the place of what was not sent, and news stays news', async (t, store) => {
    await put(store, ['a'], aNotification({ id: 'n1', at: 5 }))
    await put(store, ['a'], aNotification({ id: 'n2', at: 7, version: 2, event: 'updated', page: { impact: 'more' } }))
    const [merged] = await claim(store, 'a')
    t.match(merged, { id: 'n2', version: 2, event: 'firing', firstMs: 5, page: { impact: 'more' } })
    await put(store, ['a'], aNotification({ id: 'n3', version: 3, event: 'updated' }))
    await store.write(sql => settleOutgoing(sql, merged!))
    const [next] = await claim(store, 'a')
    t.match(next, { id: 'n3', event: 'updated' }, 'what was said meanwhile is sent next, and that it fires has been said')
    await put(store, ['a'], aNotification({ id: 'n4', version: 4, event: 'resolved', page: { state: 'resolved' } }))
    await put(store, ['a'], aNotification({ id: 'n5', version: 5, page: { incident: 'the next one' } }))
    await store.write(sql => settleOutgoing(sql, next!))
    t.match(await claim(store, 'a'), [{ id: 'n5', event: 'firing' }], 'another incident of the key is news again')
  })

  await withStore(t, subject, 'pages go before tickets, then what waits longest', async (t, store) => {
    await put(store, ['a'], aNotification({ key: 'old ticket', at: 1, page: { severity: 'ticket' } }))
    await put(store, ['a'], aNotification({ key: 'page', at: 3 }))
    await put(store, ['a'], aNotification({ key: 'new ticket', at: 2, page: { severity: 'ticket' } }))
    t.strictSame(
      (await claim(store, 'a', { limit: 2 })).map(({ key }) => key),
      ['page', 'old ticket'],
    )
  })

  await withStore(t, subject, 'of several that claim at once each has other notifications', async (t, store) => {
    for (let at = 0; at < 12; at++) await put(store, ['a'], aNotification({ key: `k${at}`, at }))
    const claims = await Promise.all(Array.from({ length: 6 }, (_, i) => claim(store, 'a', { holder: `h${i}`, limit: 2 })))
    const keys = claims.flat().map(({ key }) => key)
    t.equal(new Set(keys).size, keys.length)
    const rest = await claim(store, 'a', { holder: 'last', limit: 12 })
    t.equal(keys.length + rest.length, 12, 'and none is lost')
  })

  await withStore(t, subject, 'what nobody took for days is given up, with what it was', async (t, store) => {
    await put(store, ['a'], aNotification({ key: 'old', at: 1 }))
    await put(store, ['a'], aNotification({ key: 'new', at: 10 }))
    t.match(await store.write(sql => dropOutgoing(sql, 5)), [{ key: 'old', receiver: 'a' }])
    t.equal((await store.read(outboxSize)).size, 1)
  })

  await withStore(t, subject, 'what a receiver was told is known until it is over for long enough', async (t, store) => {
    await store.write(async sql => {
      await putDelivery(sql, { ...told('a', 'k1', { saidMs: 10 }), handle: '17.3' })
      await putDelivery(sql, told('a', 'k2', { state: 'resolved', saidMs: 20 }))
      await putDelivery(sql, told('b', 'k1'))
    })
    t.match(await store.read(sql => getDelivery(sql, 'a', 'k1')), { handle: '17.3', page: aPage({ key: 'k1' }), isQuiet: false })
    t.equal(await store.read(sql => getDelivery(sql, 'a', 'k3')), undefined)
    const keys = async (endedAfterMs: number) => (await store.read(sql => toldTo(sql, 'a', endedAfterMs))).map(({ key }) => key)
    t.strictSame(await keys(15), ['k1', 'k2'])
    t.strictSame(await keys(25), ['k1'])
    await store.write(sql => setQuiet(sql, 'k1', true))
    t.match(await store.read(sql => getDelivery(sql, 'b', 'k1')), { isQuiet: true })
    await store.write(sql => putDelivery(sql, told('b', 'k1')))
    t.match(await store.read(sql => getDelivery(sql, 'b', 'k1')), { isQuiet: true }, 'it is the same incident')
    await store.write(sql => putDelivery(sql, { ...told('b', 'k1'), page: aPage({ key: 'k1', incident: 'another' }) }))
    t.match(await store.read(sql => getDelivery(sql, 'b', 'k1')), { isQuiet: false })
    await store.write(sql => markSentAgain(sql, 'a', ['k1'], 99))
    t.match(await store.read(sql => getDelivery(sql, 'a', 'k1')), { sentMs: 99, saidMs: 10 })
    t.equal(await store.write(sql => dropDeliveries(sql, 21, 50)), 2, 'what ended, and what was lost sight of')
    t.strictSame(await keys(0), ['k1'])
  })
}
