import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type IngestWorker, startIngestWorker } from '../../../controller/ingest/start.ts'
import { getAgent, putAgent } from '../../../controller/store/agents.ts'
import { countBatches } from '../../../controller/store/batches.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { openStore, type StoreOptions } from '../../../controller/store/open.ts'
import type { Store } from '../../../controller/store/store.ts'
import { encodeLogs } from '../../wire/otlp-messages.ts'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { assigned, deliver, runsOf, runsPerBatch, until } from './agents.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-ingest-'))
const cluster = needsPostgres ? undefined : await startCluster()
t.teardown(async () => {
  await cluster?.remove()
  rmSync(directory, { recursive: true, force: true })
})
let files = 0
const stores: [string, false | string, () => Promise<StoreOptions>][] = [
  ['SQLite', false, async () => ({ directory: join(directory, `d${++files}`) })],
  ['PostgreSQL', needsPostgres, async () => ({ directory, url: (await cluster!.database()).url })],
]

const taken = { kind: 'taken', rejected: 0, message: '' }
const soon = { graceMs: 0, showMs: 50 }
const start = (store: StoreOptions, times = soon): IngestWorker =>
  startIngestWorker({ store, times, random: Math.random, newId: randomUUID, onTrouble: why => t.fail(why.message) })
const agent = {
  id: 'a',
  location: { cloud: 'aws', region: 'us-east-1' },
  labels: {},
  advertise: [],
  details: {},
  proof: { kind: 'join' as const, issuer: 'controller', subject: 'a' },
}
const open = async (t: Test, options: StoreOptions): Promise<Store> => {
  const store = await openStore(options)
  t.teardown(() => store.close())
  return store
}
const isAllHistory = async (store: Store): Promise<boolean> => (await store.read(countBatches)).batches === 0

for (const [name, skip, place] of stores) {
  t.test(`${name}: what agents send becomes history, once, and is known as received after a restart`, { skip }, async t => {
    const options = await place()
    const store = await open(t, options)
    await store.write(sql => putAgent(sql, agent, 1))
    let ingest = start(options)
    await ingest.ready
    t.match(await ingest.receive(deliver('a', 0)), { kind: 'taken', message: /× not_owned/ }, 'no path is its own')
    await ingest.setPaths('a', assigned, Date.now())
    const send = () => Promise.all([6, 7, 8, 9, 10, 11, 8].map(sequence => ingest.receive(deliver('a', sequence))))
    t.same(await send(), Array(7).fill(taken))
    t.same(await send(), Array(7).fill(taken))
    await until(() => isAllHistory(store))
    t.equal((await runsOf(store)).get('a'), 6 * runsPerBatch)
    t.ok((await store.read(sql => getAgent(sql, 'a')))!.lastSeenMs > 1)
    t.match(await ingest.state(), { counts: { batches: 7, duplicates: 8 }, waitingMinutes: 0 })
    await ingest.close()
    ingest = start(options)
    await ingest.ready
    t.same(await send(), Array(7).fill(taken))
    t.same(await ingest.receive(deliver('a', 12)), taken, 'its paths are known')
    await ingest.close()
    t.equal((await runsOf(store)).get('a'), 7 * runsPerBatch)
    t.equal(await isAllHistory(store), true)
  })

  t.test(`${name}: a minute can be seen before it is over, and once it is stored`, { skip }, async t => {
    const options = await place()
    const store = await open(t, options)
    const ingest = start(options, { graceMs: 3_600_000, showMs: 50 })
    await ingest.setPaths('a', assigned, Date.now())
    for (const sequence of [0, 1]) {
      t.same(await ingest.receive(deliver('a', sequence)), taken)
      await until(async () => (await runsOf(store)).get('a') === (sequence + 1) * runsPerBatch)
    }
    t.equal((await runsOf(store, { open: false })).size, 0)
    await ingest.close()
    t.equal((await runsOf(store)).get('a'), 2 * runsPerBatch)
    t.equal((await runsOf(store, { open: false })).get('a'), 2 * runsPerBatch)
  })

  t.test(`${name}: failed runs and changes are events, and no other names, and not too many`, { skip }, async t => {
    const options = await place()
    const store = await open(t, options)
    const ingest = start(options)
    await ingest.setPaths('a', assigned, Date.now())
    const labels = { 'causeway.check': 'mesh-tcp', 'causeway.kind': 'tcp', 'causeway.target': 'payments-1', 'server.address': 'h' }
    const attributes = Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value } }))
    const record = (eventName: string) => ({
      timeUnixNano: `${Date.now()}000000`,
      severityNumber: 17,
      eventName,
      body: { stringValue: 'b' },
      attributes,
    })
    const body = (...names: string[]) => gzipSync(encodeLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: names.map(record) }] }] }))
    const send = (sequence: number, ...names: string[]) =>
      ingest.receive({ ...deliver('a', sequence), signal: 'logs', body: body(...names) })
    const events = () => store.read(sql => readEvents(sql, 0, 1000))
    t.same(await send(0, 'causeway.run.failed', 'causeway.path.changed', 'causeway.agent.banned'), taken)
    t.match(await events(), [
      { kind: 'run_failed', subject: 'a', body: { text: 'b', severity: 17, attributes: labels } },
      { kind: 'path_changed', subject: 'a' },
    ])
    await send(0, 'causeway.run.failed')
    t.equal((await events()).length, 2, 'once')
    for (let k = 1; k < 5; k++) await send(k, ...Array<string>(100).fill('causeway.run.failed'))
    t.ok((await events()).length <= 2 * 120)
    t.ok((await ingest.state())!.counts.eventsLeftOut >= 4 * 100 + 3 - 2 * 120)
    await ingest.close()
  })
}

t.test('PostgreSQL: what one replica took another does not count; what one assigned the other takes', { skip: needsPostgres }, async t => {
  const options = await stores[1]![2]()
  const store = await open(t, options)
  const replicas = [start(options), start(options)]
  await Promise.all(replicas.map(({ ready }) => ready))
  await replicas[0]!.setPaths('a', assigned, Date.now())
  // Only the other replica sees whether it has heard of it.
  let tries = 1000
  await until(async () => Object.is(((await replicas[1]!.receive(deliver('a', tries++))) as { rejected?: number }).rejected, 0))
  const all = Array.from({ length: 12 }, (_, sequence) => replicas.map(one => one.receive(deliver('a', sequence))))
  t.ok((await Promise.all(all.flat())).every(answer => answer.kind === 'taken'))
  const states = await Promise.all(replicas.map(one => one.state()))
  t.equal(
    states.reduce((sum, state) => sum + state!.counts.duplicates, 0),
    12,
  )
  await Promise.all(replicas.map(one => one.close()))
  t.ok((await runsOf(store)).get('a')! % runsPerBatch === 0)
  t.equal(await isAllHistory(store), true)
})

t.test(
  'a store that goes away in the middle and comes back: agents are asked to come again, and all is there once',
  { skip: needsPostgres },
  async t => {
    const options = await stores[1]![2]()
    const store = await open(t, options)
    const ingest = startIngestWorker({ store: options, times: { graceMs: 0, showMs: 50 }, random: Math.random, newId: randomUUID })
    await ingest.setPaths('a', assigned, Date.now())
    const count = 60
    const answers: string[] = []
    const send = async (sequence: number): Promise<void> => {
      for (;;) {
        const answer = await ingest.receive(deliver('a', sequence))
        answers.push(answer.kind === 'error' ? String(answer.status) : answer.kind)
        if (answer.kind === 'taken') return
        t.match(answer, { status: 503, retryAfterS: /^\d+$/ })
      }
    }
    const sending = (async () => {
      for (let k = 0; k < count; k += 3) await Promise.all([k, k + 1, k + 2].map(send))
    })()
    for (let crashes = 0; crashes < 3; crashes++) {
      const before = answers.length
      await until(() => answers.length > before + 3 || answers.length >= count)
      await cluster!.crash()
      if (crashes === 0) await until(() => answers.includes('503'))
      await cluster!.start()
    }
    await sending
    await until(() => isAllHistory(store).catch(() => false))
    t.equal((await runsOf(store)).get('a'), count * runsPerBatch)
    t.ok(answers.includes('503'))
    await ingest.close()
  },
)
