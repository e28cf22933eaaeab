import type { Test } from 'tap'
import { emptyFleet } from '../../../controller/fleet/objects.ts'
import { currentDocuments, documentHistory, fleetGeneration, listGenerations, putDocument } from '../../../controller/store/documents.ts'
import { appendHistory, dropHistory, mergeHistory, oldestHistoryMs, readHistory } from '../../../controller/store/history.ts'
import { dropReceived, receive, receivedForMs, receivedRanges } from '../../../controller/store/received.ts'
import type { Store } from '../../../controller/store/store.ts'
import { type Subject, withStore } from './contract.ts'

const put = (store: Store, owner: string, expected?: number) => {
  const document = { ...emptyFleet(owner), apiVersion: 'causeway/v1' as const }
  return store.write(sql => putDocument(sql, { document, author: 'ann', nowMs: 7, ...(expected === undefined ? {} : { expected }) }))
}
const minuteMs = 60_000

export const dataContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'every document is a generation of the whole fleet, and the former ones stay', async (t, store) => {
    t.equal(await store.read(fleetGeneration), 0)
    t.strictSame(await put(store, 'a'), { ok: true, generation: 1 })
    t.strictSame(await put(store, 'b', 1), { ok: true, generation: 2 })
    t.strictSame(await put(store, 'a', 1), { ok: false, generation: 2 }, 'planned against what is no more')
    t.strictSame(await put(store, 'a', 2), { ok: true, generation: 3 })
    const shown = (documents: { owner: string; generation: number }[]) => documents.map(({ owner, generation }) => `${owner}${generation}`)
    t.strictSame(shown(await store.read(currentDocuments)), ['a3', 'b2'])
    t.strictSame(shown(await store.read(sql => currentDocuments(sql, 2))), ['a1', 'b2'])
    t.strictSame(shown(await store.read(sql => documentHistory(sql, 'a', 10))), ['a3', 'a1'])
    t.strictSame(shown(await store.read(sql => listGenerations(sql, { before: 3, limit: 10 }))), ['b2', 'a1'])
    t.strictSame(shown(await store.read(sql => listGenerations(sql, { before: 9, limit: 1, owner: 'a' }))), ['a3'])
    t.match((await store.read(currentDocuments))[0], { author: 'ann', atMs: 7, document: { owner: 'a', targets: [] } })
  })

  await withStore(t, subject, 'of documents applied at once each gets a generation of its own', async (t, store) => {
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => put(store, `o${i}`)))
    t.strictSame(
      results.map(({ generation }) => generation).sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, i) => i + 1),
    )
    const raced = await Promise.all([put(store, 'x', 12), put(store, 'y', 12)])
    t.equal(raced.filter(({ ok }) => ok).length, 1, 'of two that were planned against the same only one is taken')
  })

  await withStore(t, subject, 'a batch that comes again counts once, also when it comes twice at once', async (t, store) => {
    const come = (first: number, last: number, nowMs = 0) =>
      store.write(sql => receive(sql, { agentId: 'a', boot: 'b', range: { first, last }, nowMs }))
    t.strictSame(await come(10, 20), [{ first: 10, last: 20 }])
    t.strictSame(await come(15, 30), [{ first: 21, last: 30 }])
    t.strictSame(await come(10, 30), [])
    const both = await Promise.all(Array.from({ length: 8 }, () => come(1, 9)))
    t.strictSame(both.flat(), [{ first: 1, last: 9 }])
    t.match(await store.read(sql => receivedRanges(sql, 'a', 'b')), [{ first: 1, last: 30 }])
    t.equal(await store.write(sql => dropReceived(sql, receivedForMs)), 0)
    t.strictSame(await come(5, 6, receivedForMs), [], 'still known after 27 h')
    t.equal(await store.write(sql => dropReceived(sql, 2 * receivedForMs + 1)), 1)
  })

  await withStore(t, subject, 'what is received is forgotten with the transaction that counted it', async (t, store) => {
    const fails = store.write(async sql => {
      await receive(sql, { agentId: 'a', boot: 'b', range: { first: 1, last: 1 }, nowMs: 0 })
      throw new Error('no place')
    })
    await t.rejects(fails, /no place/)
    t.strictSame(await store.read(sql => receivedRanges(sql, 'a', 'b')), [])
  })

  await withStore(
    t,
    subject,
    'history is appended in parts, read by agent and time, merged, and dropped from its oldest',
    async (t, store) => {
      const key = (agentId: string, minute: number) => ({ agentId, resolutionMs: minuteMs, startMs: minute * minuteMs })
      const append = (agentId: string, minute: number, ...bytes: number[]) =>
        store.write(sql => appendHistory(sql, key(agentId, minute), Uint8Array.from(bytes)))
      await append('a', 1, 0, 255)
      await append('b', 1, 2)
      await append('a', 2, 3)
      await append('a', 1, 4)
      const read = (agentId?: string, toMinute = 9) =>
        store.read(async sql => {
          const query = { resolutionMs: minuteMs, fromMs: minuteMs, toMs: toMinute * minuteMs, ...(agentId ? { agentId } : {}) }
          return await readHistory(sql, query)
        })
      const shown = async (agentId?: string, toMinute?: number) =>
        (await read(agentId, toMinute)).map(row => [row.agentId, row.startMs / minuteMs, ...row.parts.map(({ bytes }) => [...bytes])])
      t.strictSame(await shown(), [
        ['a', 1, [0, 255], [4]],
        ['a', 2, [3]],
        ['b', 1, [2]],
      ])
      t.strictSame(await shown('a', 2), [['a', 1, [0, 255], [4]]])
      const { parts } = (await read('a', 2))[0]!
      await append('a', 1, 5)
      const merge = () => store.write(sql => mergeHistory(sql, key('a', 1), parts, Uint8Array.of(9)))
      t.strictSame((await Promise.all([merge(), merge()])).sort(), [false, true], 'of two that merge the same, one does')
      t.strictSame(await shown('a', 2), [['a', 1, [5], [9]]], 'and what came meanwhile stays')
      t.equal(await store.read(sql => oldestHistoryMs(sql, minuteMs)), minuteMs)
      t.equal(await store.write(sql => dropHistory(sql, minuteMs, 2 * minuteMs, 2)), 2)
      t.equal(await store.write(sql => dropHistory(sql, minuteMs, 2 * minuteMs, 2)), 1)
      t.strictSame(await shown(), [['a', 2, [3]]])
      t.ok((await store.sizeBytes()) > 0)
      t.strictSame(await store.check(), [])
    },
  )
}
