import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Endpoint } from '../../agent/send/endpoint.ts'
import { startSender } from '../../agent/send/sender.ts'
import { openSpool } from '../../agent/spool/spool.ts'
import { startOtlpSink } from '../lab/otlp-sink.ts'
import { droppedOf, isExact, mergeNumbered, numbered, numbersOf } from './spool/numbered.ts'

const windowMs = 10_000
const windowsOfDay = 8640
const startMs = Date.UTC(2026, 10, 22)

for (const [name, limitBytes, padBytes, merge] of [
  ['a spool that holds it', 64 * 2 ** 20, 400, mergeNumbered],
  ['a full spool that merges', 2 ** 20, 600, mergeNumbered],
  ['a full spool that cannot', 2 ** 20, 600, undefined],
] as const) {
  t.test(`the endpoint is away for a day, with ${name}: newest first, nothing lost but what is counted`, async t => {
    const directory = mkdtempSync(join(tmpdir(), 'day-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const sink = await startOtlpSink()
    t.teardown(() => sink.close())
    await sink.become('away')
    let nowMs = startMs
    const endpoint = {
      name: 'e',
      url: sink.url,
      protocol: 'json',
      compression: 'none',
      headers: {},
      timeoutMs: 5000,
      order: 'newest',
      svid: false,
      concurrency: 1,
    } satisfies Endpoint
    const spool = await openSpool({ directory, endpoints: ['e'], limitBytes, merge, nowMs: () => nowMs, flushEveryMs: 0 })
    const arrived: number[][] = []
    const sender = startSender({
      spool,
      endpoint,
      encode: async (_payload, record) => {
        arrived.push(numbersOf(record))
        return { signal: 'metrics', body: Buffer.from('{}'), points: 1 }
      },
      agentId: () => 'a',
      environment: {},
      random: () => 0.01,
      unixNowMs: () => nowMs,
    })
    for (let i = 0; i < windowsOfDay; i++) {
      spool.append(numbered(i, { atMs: nowMs }, padBytes))
      nowMs += windowMs
      if (i % 60 === 59) await spool.flush()
    }
    t.ok(sender.state().failing)
    t.ok(isExact(spool.ledger('e')))
    t.equal(spool.ledger('e').produced, windowsOfDay)
    await sink.become('taking')
    while (spool.ledger('e').spooled > 0) await sleep(20)
    await sender.stop()
    const ledger = spool.ledger('e')
    t.ok(isExact(ledger), JSON.stringify(ledger))
    t.equal(sink.batches.length, arrived.length)
    t.equal(arrived.flat().length, ledger.delivered, 'also what was on its way when its part of the spool was dropped')
    t.equal(new Set(arrived.flat()).size, arrived.flat().length, 'nothing twice')
    // The first is what was tried all the time that the endpoint was away.
    const newest = arrived.slice(1).map(numbers => Math.max(...numbers))
    t.strictSame(
      newest,
      newest.toSorted((a, b) => b - a),
      'newest first',
    )
    if (merge) t.equal(ledger.delivered, windowsOfDay)
    else t.ok(droppedOf(ledger) > windowsOfDay / 2 && ledger.delivered > 500, JSON.stringify(ledger))
    await spool.close()
  })
}
