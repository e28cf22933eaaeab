import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { askHistory } from '../../../controller/history/ask.ts'
import { readBaselines } from '../../../controller/history/baseline.ts'
import { encodeBlob } from '../../../controller/history/blob.ts'
import { defaultKeepFor, keepUp, type Upkeep } from '../../../controller/history/upkeep.ts'
import { addCredential, credentialsOf } from '../../../controller/store/credentials.ts'
import { addEvent, readEvents } from '../../../controller/store/events.ts'
import { appendHistory, readHistory } from '../../../controller/store/history.ts'
import { type Lease, releaseLease } from '../../../controller/store/leases.ts'
import { openStore, type StoreOptions } from '../../../controller/store/open.ts'
import { putOpenMinute } from '../../../controller/store/open-history.ts'
import type { Store } from '../../../controller/store/store.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { aggregate, append, lead, minuteMs } from './made-up.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-upkeep-'))
const cluster = needsPostgres ? undefined : await startCluster()
t.teardown(async () => {
  await cluster?.remove()
  rmSync(directory, { recursive: true, force: true })
})
let files = 0
const places: [string, false | string, () => Promise<StoreOptions>][] = [
  ['SQLite', false, async () => ({ directory: join(directory, `d${++files}`) })],
  ['PostgreSQL', needsPostgres, async () => ({ directory, url: (await cluster!.database()).url })],
]
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const nowMs = Date.UTC(2026, 5, 1, 12)
const upkeepOf = (store: Store, lease: Lease, more: Partial<Upkeep> = {}) =>
  keepUp({ store, lease, nowMs, keepFor: defaultKeepFor, limitBytes: undefined, isStopped: () => false, ...more })
const runs = async (store: Store, fromMs: number, toMs: number, more = {}) =>
  (await askHistory({ store, nowMs }, { fromMs, toMs, groupBy: 'all', ...more })).rows.map(({ summary }) => summary.runs.ok)
const partsAt = async (store: Store, resolutionMs: number) =>
  (await store.read(sql => readHistory(sql, { resolutionMs, fromMs: 0, toMs: nowMs }))).flatMap(({ parts }) => parts).length

for (const [name, skip, place] of places) {
  const test = (title: string, body: (t: Test, store: Store, lease: Lease) => Promise<void>) =>
    t.test(`${name}: ${title}`, { skip }, async t => {
      const store = await openStore(await place())
      try {
        await body(t, store, await lead(store))
      } finally {
        await store.close()
      }
    })

  test('whatever is late and however far it is rolled up, everything is said once', async (t, store, lease) => {
    const fromMs = nowMs - 5 * hourMs
    let total = 0
    for (let round = 0; round < 6; round++) {
      for (let k = 0; k < 40; k++) {
        const minute = Math.floor(Math.random() * 300)
        await append(store, `agent-${k % 2}`, aggregate(fromMs + minute * minuteMs, k + 1))
        total += k + 1
      }
      t.strictSame(await runs(store, fromMs, nowMs), [total], 'before')
      await upkeepOf(store, lease, { nowMs: fromMs + round * hourMs })
      t.strictSame(await runs(store, fromMs, nowMs), [total], 'after')
      for (const stepMs of [minuteMs, 10 * minuteMs, 30 * minuteMs, hourMs])
        t.equal(
          (await runs(store, fromMs, nowMs, { stepMs })).reduce((a, b) => a + b, 0),
          total,
          `in steps of ${stepMs / minuteMs} min`,
        )
    }
    await upkeepOf(store, lease, { nowMs: nowMs + hourMs })
    t.ok((await partsAt(store, hourMs)) >= 10)
    t.strictSame(await runs(store, fromMs, nowMs), [total])
  })

  test('each resolution goes when its time is over, and longer ones stay', async (t, store, lease) => {
    const days = [1, 3, 10, 20, 300]
    for (const day of days) await append(store, 'a', aggregate(nowMs - day * dayMs, day))
    await append(store, 'a', aggregate(nowMs - 400 * dayMs, 400))
    await upkeepOf(store, lease)
    t.strictSame([await partsAt(store, minuteMs), await partsAt(store, 10 * minuteMs), await partsAt(store, hourMs)], [1, 3, 5])
    t.strictSame(await runs(store, nowMs - 396 * dayMs, nowMs), [334])
    t.strictSame(await runs(store, nowMs - 4 * dayMs, nowMs), [4])
  })

  test('when there is no room the oldest minutes go first, and what they say stays in longer ones', async (t, store, lease) => {
    const targets = Array.from({ length: 400 }, (_, k) => `t${k}`)
    for (let minute = 0; minute < 100; minute++)
      await append(store, 'a', aggregate(nowMs - 4 * hourMs + minute * minuteMs, 10, 20, targets))
    const { bytes } = await upkeepOf(store, lease)
    const report = await upkeepOf(store, lease, { limitBytes: Math.floor(bytes * 0.8) })
    t.ok(report.squeezed > 0 && report.bytes <= bytes * 0.8, JSON.stringify(report))
    t.strictSame(await runs(store, nowMs - 4 * hourMs, nowMs - 2 * hourMs), [400 * 1000])
  })

  test('nobody but the leader looks after it', async (t, store, lease) => {
    await append(store, 'a', aggregate(nowMs - hourMs, 1))
    await store.write(sql => releaseLease(sql, lease))
    await lead(store)
    await t.rejects(upkeepOf(store, lease), { name: 'LeaseLost' })
    t.equal(await partsAt(store, 10 * minuteMs), 0)
  })

  test('a blob that cannot be read is left out and stops nothing', async (t, store, lease) => {
    const key = { agentId: 'a', resolutionMs: minuteMs, startMs: nowMs - hourMs }
    await store.write(sql => appendHistory(sql, key, Buffer.from('noise')))
    await append(store, 'a', aggregate(nowMs - hourMs, 3))
    t.equal((await askHistory({ store, nowMs }, { fromMs: nowMs - hourMs, toMs: nowMs, groupBy: 'all' })).bad, 1)
    t.match((await upkeepOf(store, lease)).rolledUp, { bad: 1 })
    t.strictSame(await runs(store, nowMs - hourMs, nowMs), [3])
  })

  test('what has its time goes: events, credentials', async (t, store, lease) => {
    const realMs = Date.now()
    await store.write(sql => addEvent(sql, { kind: 'tested', subject: 'x', body: {} }))
    await store.write(sql => addCredential(sql, { thumbprint: 'p', agentId: 'a', issuedMs: 0, expiresMs: realMs + 1000 }))
    await upkeepOf(store, lease, { nowMs: realMs })
    t.equal((await store.read(sql => readEvents(sql, 0, 9))).length, 1)
    await upkeepOf(store, lease, { nowMs: realMs + 31 * dayMs })
    t.equal((await store.read(sql => readEvents(sql, 0, 9))).length, 0)
    t.strictSame(await store.read(sql => credentialsOf(sql, 'a')), [])
  })

  test('questions are answered by path, link and agent, with what is open', async (t, store) => {
    await append(store, 'a', aggregate(nowMs - 2 * minuteMs, 10, 20, ['x', 'y']))
    await append(store, 'b', aggregate(nowMs - 2 * minuteMs, 10, 40, ['x']))
    const blob = encodeBlob(aggregate(nowMs - minuteMs, 5, 20, ['x']))
    await store.write(sql => putOpenMinute(sql, 'w', { agent: 'a', startMs: nowMs - minuteMs, blob }))
    const ask = async (more: object) =>
      (
        await askHistory({ store, nowMs }, { fromMs: nowMs - hourMs, toMs: nowMs, groupBy: 'link', ...more } as Parameters<
          typeof askHistory
        >[1])
      ).rows
    t.match(await ask({}), [
      { group: 'aws/us-east-1 → azure/eastus', paths: 2, summary: { runs: { ok: 25 } } },
      { group: 'aws/us-east-1 → azure/westus', paths: 1, summary: { runs: { ok: 10 } } },
    ])
    t.equal((await ask({ groupBy: 'path' })).length, 3)
    t.match(await ask({ groupBy: 'agent', where: { agent: 'b' } }), [{ group: 'b', agent: 'b', labels: { target: 'x' }, paths: 1 }])
    t.match(await ask({ where: { to: 'azure/westus' } }), [{ paths: 1 }])
    t.match(await ask({ where: { from: 'azure' } }), [])
    t.match(await askHistory({ store, nowMs }, { fromMs: nowMs - hourMs, toMs: nowMs, groupBy: 'path', limit: 2 }), { isCut: true })
  })

  test('a baseline is of the same hours of days before, else of the last day, and of enough samples', async (t, store, lease) => {
    const of = (agent: string, except?: { fromMs: number; toMs: number }[]) => readBaselines({ store, nowMs }, agent, except)
    await append(store, 'few', aggregate(nowMs - hourMs, 299))
    t.strictSame(await of('few'), [])
    await append(store, 'day', aggregate(nowMs - 5 * hourMs, 300, 20))
    t.match(await of('day'), [{ labels: { target: 'x' }, rtt: { of: 'day', samples: 300 } }])
    for (const day of [1, 2, 3]) await append(store, 'week', aggregate(nowMs - day * dayMs - hourMs, 200, day === 3 ? 500 : 20))
    await append(store, 'week', aggregate(nowMs - 2 * hourMs, 1000, 90))
    await upkeepOf(store, lease)
    const [slow] = await of('week')
    t.match(slow, { rtt: { of: 'same_hours', samples: 600 } })
    t.ok(slow!.rtt!.p95 > 0.4)
    const [quick] = await of('week', [{ fromMs: nowMs - 3 * dayMs - hourMs, toMs: nowMs - 3 * dayMs }])
    t.match(quick, { rtt: { of: 'same_hours', samples: 400 } })
    t.ok(quick!.rtt!.p95 < 0.03 && quick!.rtt!.p50 >= 0.0197)
  })
}
