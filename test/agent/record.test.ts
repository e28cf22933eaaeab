import { isDeepStrictEqual } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { packRecord, peekRecord, unpackRecord, type WindowRecord } from '../../agent/record.ts'
import { mergeWindowRecords } from '../../agent/record-merge.ts'
import type { Point } from '../../agent/table.ts'
import { errorBound, histogramOf } from '../../wire/histogram.ts'
import { eventsRecord, plain, spansRecord, windowRecord } from './records.ts'

t.test('what is packed is unpacked', async t => {
  fc.assert(
    fc.property(fc.oneof(windowRecord, eventsRecord, spansRecord), record => {
      const read = unpackRecord(packRecord(record))
      if (!read.ok) throw new Error(read.problems.join())
      if (!isDeepStrictEqual(plain(read.value), plain(record))) throw new Error(`got ${JSON.stringify(plain(read.value))}`)
    }),
    { numRuns: 200 },
  )
  t.pass('200 records')
})

/** A body behind a head, as records have it. */
const framed = (head: readonly number[], body: Uint8Array): Uint8Array => {
  const deflated = deflateRawSync(body)
  return Uint8Array.from([...head, (deflated.length % 128) | 128, Math.floor(deflated.length / 128), ...deflated])
}

t.test('the beginning of a record says what it is', async t => {
  fc.assert(
    fc.property(windowRecord, ({ startMs, endMs, group, ...rest }) => {
      t.strictSame(peekRecord(packRecord({ startMs, endMs, group, ...rest })), {
        ok: true,
        value: { type: 'window', startMs, endMs, group },
      })
    }),
    { numRuns: 20 },
  )
  t.strictSame(peekRecord(packRecord({ type: 'events', events: [] })), { ok: true, value: { type: 'events' } })
  t.match(peekRecord(Buffer.of()), { ok: false, problems: ['not a record: it ends too early'] })
})

t.test('garbage is a problem, and nothing is thrown', async () => {
  const isProblemOrRecord = (payload: Uint8Array): boolean => {
    const read = unpackRecord(payload)
    return read.ok || /^not a record: /.test(read.problems[0]!)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isProblemOrRecord), { numRuns: 2000 })
  const heads = fc.constantFrom([1, 1, 0, 1, 0], [1, 2], [1, 3])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), heads, (bytes, head) => isProblemOrRecord(Uint8Array.from([...head, ...bytes]))),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), heads, (bytes, head) => isProblemOrRecord(framed(head, bytes))),
    { numRuns: 5000 },
  )
})

t.test('every cut and every flipped byte of a record is a problem or another record', async t => {
  const [record] = fc.sample(
    windowRecord.filter(({ paths }) => paths.length > 2),
    { seed: 4, numRuns: 1 },
  )
  const payload = packRecord(record!)
  for (let length = 0; length < payload.length; length++) t.notOk(unpackRecord(payload.subarray(0, length)).ok, `cut at ${length}`)
  for (let at = 0; at < payload.length; at++) {
    const flipped = Uint8Array.from(payload)
    flipped[at]! ^= 1 << (at % 8)
    t.doesNotThrow(() => unpackRecord(flipped), `flipped at ${at}`)
  }
  t.match(unpackRecord(Buffer.concat([payload, Buffer.of(0)])), { ok: false, problems: ['not a record: 1 bytes too many'] })
  t.match(unpackRecord(Uint8Array.from([9, 1])), { ok: false, problems: ['not a record: version 9, this program reads 1'] })
})

t.test('a claim of many things in few bytes takes no memory', async t => {
  const claim = framed([1, 2], Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f]))
  t.match(unpackRecord(claim), { ok: false, problems: [/it says that it has 4294967295 strings/] })
  const bomb = framed([1, 2], Buffer.alloc(5_000_000))
  t.match(unpackRecord(bomb), { ok: false })
  const largerBomb = framed([1, 2], Buffer.alloc(16 * 2 ** 20 + 1))
  t.match(unpackRecord(largerBomb), { ok: false, problems: [/cannot be inflated/] })
})

const merged = (records: WindowRecord[]): WindowRecord => {
  const read = unpackRecord(mergeWindowRecords(records.map(packRecord)))
  if (!read.ok || read.value.type !== 'window') throw new Error('not merged')
  return read.value
}
const allPoints = ({ self, paths }: WindowRecord): { owner: string; point: Point }[] => [
  ...self.map(point => ({ owner: 'self', point })),
  ...paths.flatMap(({ labels, points }) => points.map(point => ({ owner: JSON.stringify(labels), point }))),
]
/** Sum, or count of durations, by path and series; gauges do not add up. */
const counts = (records: WindowRecord[]): Record<string, number> => {
  const found: Record<string, number> = {}
  for (const { owner, point } of records.flatMap(allPoints)) {
    if (point.series.form === 'gauge') continue
    const name = `${owner} ${JSON.stringify(point.series)}`
    found[name] = (found[name] ?? 0) + (typeof point.value === 'number' ? point.value : point.value.histogram.count)
  }
  return found
}

t.test('merging keeps every count, whatever the order, and spans all of the time', async t => {
  fc.assert(
    fc.property(fc.array(windowRecord, { minLength: 1, maxLength: 6 }), records => {
      // As windows are: one ends after the other.
      const inTime = records.map((record, k) => ({ ...record, startMs: k * 10_000, endMs: (k + 1) * 10_000 }))
      const one = merged(inTime)
      const backwards = merged(inTime.toReversed())
      t.same(counts([one]), counts(inTime))
      t.same(counts([backwards]), counts(inTime))
      return one.startMs === 0 && one.endMs === records.length * 10_000
    }),
    { numRuns: 100 },
  )
})

t.test('six windows of a path become one: counts add, quantiles are of all samples, the last gauge stays', async t => {
  const labels = { check: 'mesh', kind: 'mtu', target: 'payments', host: 'payments.azure.example' }
  const windows = Array.from({ length: 6 }, (_, k): WindowRecord => {
    const samples = Array.from({ length: 10 }, (_, i) => (10 + 10 * k + i) / 1000)
    return {
      type: 'window',
      startMs: k * 10_000,
      endMs: (k + 1) * 10_000,
      group: 3,
      self: [],
      paths: [
        {
          labels,
          points: [
            { series: { key: 'runs', form: 'sum', variant: ['ok'] }, value: 10 },
            { series: { key: 'pathMtu', form: 'gauge', variant: ['forward'] }, value: 1400 + k },
            { series: { key: 'rtt', form: 'times', variant: [] }, value: { histogram: histogramOf(samples), quantiles: [0, 0, 0] } },
          ],
        },
      ],
    }
  })
  const one = merged(windows)
  t.match(one, { startMs: 0, endMs: 60_000, group: 3 })
  const [runs, mtu, rtt] = one.paths[0]!.points
  t.equal(runs!.value, 60)
  t.equal(mtu!.value, 1405)
  const times = rtt!.value
  if (typeof times === 'number') return t.fail('durations stay durations')
  t.match(times.histogram, { count: 60, min: 0.01, max: 0.069 })
  for (const [place, exact] of [0.039, 0.066, 0.069].entries())
    t.ok(Math.abs(times.quantiles[place]! - exact) / exact <= errorBound(times.histogram.scale), `${times.quantiles[place]} for ${exact}`)
})

t.test('events are not merged, nor is garbage', async t => {
  const events = packRecord({ type: 'events', events: [] })
  t.throws(() => mergeWindowRecords([events]), { message: 'only records of windows can be merged' })
  t.throws(() => mergeWindowRecords([Uint8Array.of(7)]), { message: /^not a record/ })
  t.throws(() => mergeWindowRecords([]), { message: 'there is no record to merge' })
})

t.test('more paths than a request should have are not merged', async t => {
  const labelled = (target: string) => ({ labels: { check: 'c', kind: 'tcp', target, host: target }, points: [] })
  const records = Array.from({ length: 7 }, (_, k) => {
    const paths = Array.from({ length: 200 }, (_, i) => labelled(`${k}-${i}`))
    return packRecord({ type: 'window', startMs: k, endMs: k + 1, group: 0, self: [], paths })
  })
  t.throws(() => mergeWindowRecords(records), { message: '1400 paths do not fit one record' })
  t.doesNotThrow(() => mergeWindowRecords(records.slice(1)))
})
