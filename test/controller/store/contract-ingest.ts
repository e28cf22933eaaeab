import type { Test } from 'tap'
import { dropAssigned, holdPaths, putAssigned, readAssigned } from '../../../controller/store/assigned.ts'
import { batchHolders, countBatches, finishBatches, finishMinute, keepBatch, takeBatches } from '../../../controller/store/batches.ts'
import { addEvent, dropEventsBeyond, readEvents } from '../../../controller/store/events.ts'
import { dropLease, extendLease, takeLease } from '../../../controller/store/leases.ts'
import { dropOpenMinute, dropOpenMinutesOf, putOpenMinute, readOpenMinutes } from '../../../controller/store/open-history.ts'
import { listReceived, receiveAll, receivedForMs } from '../../../controller/store/received.ts'
import { type Subject, withStore } from './contract.ts'

export const ingestContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(
    t,
    subject,
    'batches are kept until they are finished, minute by minute, and go from one holder to another',
    async (t, store) => {
      const batch = (agent: string, sequence: number) => ({
        id: { agent, boot: 'b', sequence },
        encoding: 'protobuf' as const,
        isGzip: true,
        body: Uint8Array.of(0, sequence),
        atMs: 1000 - sequence,
        done: [],
      })
      const all = [batch('a', 1), batch('a', 2), batch('a', 3), batch('a', 5), batch('c', 1)]
      await store.write(async sql => {
        for (const one of all) await keepBatch(sql, 'w1', one)
        await keepBatch(sql, 'w1', all[0]!)
      })
      t.strictSame(await store.read(countBatches), { batches: 5, bytes: 10 })
      await store.write(sql =>
        finishBatches(
          sql,
          [3, 1].map(sequence => ({ agent: 'a', boot: 'b', sequence })),
        ),
      )
      await store.write(sql => finishMinute(sql, [all[1]!.id, all[0]!.id], 77))
      await store.write(sql => finishMinute(sql, [all[1]!.id], 78))
      t.strictSame(await store.read(batchHolders), ['w1'])
      const take = (limit: number) => store.write(sql => takeBatches(sql, 'w1', 'w2', limit))
      t.match(await take(2), [
        { ...all[3], body: { 1: 5 } },
        { ...all[1], done: [77, 78], body: { 0: 0, 1: 2 } },
      ])
      t.match(
        (await take(9)).map(({ id }) => id),
        [all[4]!.id],
      )
      t.strictSame(await take(9), [])
      t.strictSame(await store.read(batchHolders), ['w2'])
    },
  )

  await withStore(t, subject, 'open minutes are replaced as they grow, and go with their holder', async (t, store) => {
    const put = (holder: string, agent: string, startMs: number, byte: number) =>
      store.write(sql => putOpenMinute(sql, holder, { agent, startMs, blob: Uint8Array.of(byte) }))
    await put('w1', 'a', 60_000, 1)
    await put('w1', 'a', 60_000, 2)
    await put('w2', 'a', 60_000, 3)
    await put('w1', 'b', 0, 4)
    const shown = async (more: { agentId?: string } = {}) =>
      (await store.read(sql => readOpenMinutes(sql, { fromMs: 0, toMs: 60_001, ...more }))).map(({ agent, blob }) => `${agent}${blob[0]}`)
    t.strictSame(await shown(), ['a2', 'a3', 'b4'])
    t.strictSame(await shown({ agentId: 'b' }), ['b4'])
    await store.write(sql => dropOpenMinute(sql, 'w1', { agent: 'a', startMs: 60_000 }))
    t.strictSame(await shown(), ['a3', 'b4'])
    t.strictSame(await store.read(batchHolders), ['w1', 'w2'])
    await store.write(sql => dropOpenMinutesOf(sql, 'w2'))
    t.strictSame(await shown(), ['b4'])
  })

  await withStore(t, subject, 'paths that were taken away are held for 27 hours', async (t, store) => {
    const put = (atMs: number, ...targets: string[]) =>
      store.write(sql => putAssigned(sql, { agentId: 'a', paths: [{ check: 'c', targets }], atMs }))
    t.strictSame(await put(1000, 'x', 'y'), { c: { x: 0, y: 0 } })
    const [first] = await store.read(readAssigned)
    await put(2000, 'x', 'y')
    t.strictSame(await store.read(readAssigned), [first], 'nothing is written when nothing changes')
    t.strictSame(await put(3000, 'y', 'z'), { c: { x: 3000, y: 0, z: 0 } })
    t.strictSame(await put(4000, 'x'), { c: { x: 0, y: 4000, z: 4000 } }, 'and may come back')
    t.strictSame(await put(4000 + receivedForMs), { c: { x: 4000 + receivedForMs } })
    const [row] = await store.read(sql => readAssigned(sql, first!.changedMs))
    t.match(row, { agentId: 'a', paths: { c: { x: 4000 + receivedForMs } } })
    t.strictSame(await store.read(sql => readAssigned(sql, row!.changedMs + 1)), [])
    t.equal(await store.write(sql => dropAssigned(sql, row!.changedMs)), 0)
    t.equal(await store.write(sql => dropAssigned(sql, row!.changedMs + receivedForMs + 1)), 1)
    t.strictSame(holdPaths({}, [], 0), {})
  })

  await withStore(t, subject, 'of several batches of a boot those are counted that had not come', async (t, store) => {
    const one = (sequence: number) => ({ first: sequence, last: sequence })
    const come = (...all: number[]) => store.write(sql => receiveAll(sql, { agentId: 'a', boot: 'b', ranges: all.map(one), nowMs: 5 }))
    t.strictSame(await come(1, 2, 4), [1, 2, 4].map(one))
    t.strictSame(await come(4, 3, 1), [one(3)])
    t.strictSame(await store.read(listReceived), [{ agentId: 'a', boot: 'b', ranges: [{ first: 1, last: 4, atMs: 5 }], atMs: 5 }])
  })

  await withStore(t, subject, 'a lease that has ended can be extended as long as nobody has taken it', async (t, store) => {
    const take = (holder: string, ttlMs: number) => store.write(sql => takeLease(sql, 'ingest/w1', holder, ttlMs))
    const lease = (await take('w1', 0))!
    t.equal(await store.write(sql => extendLease(sql, lease, 0)), true)
    t.ok(await take('w2', 60_000))
    t.equal(await store.write(sql => extendLease(sql, lease, 0)), false)
    await store.write(sql => dropLease(sql, 'ingest/w1'))
    t.match(await take('w3', 1), { epoch: 1 })
  })

  await withStore(t, subject, 'of events only so many are kept', async (t, store) => {
    for (let k = 0; k < 5; k++) await store.write(sql => addEvent(sql, { kind: 'tested', subject: String(k), body: {} }))
    t.equal(await store.write(sql => dropEventsBeyond(sql, 5)), 0)
    t.equal(await store.write(sql => dropEventsBeyond(sql, 2)), 3)
    t.match(await store.read(sql => readEvents(sql, 0, 9)), [{ subject: '3' }, { subject: '4' }])
  })
}
