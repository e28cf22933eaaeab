import fc from 'fast-check'
import t from 'tap'
import { type Aggregate, type Cell, mergeAggregates } from '../../../controller/history/aggregate.ts'
import { decodeBlob, encodeBlob } from '../../../controller/history/blob.ts'
import type { PathLabels } from '../../../controller/history/labels.ts'
import { linkOf, queryHistory, rollUp } from '../../../controller/history/query.ts'
import { histogramOf } from '../../../wire/histogram.ts'

const word = fc.string({ maxLength: 8, unit: 'grapheme' })
const seconds = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 })
const place = fc.record({ cloud: word, region: word })
const labels: fc.Arbitrary<PathLabels> = fc.record(
  {
    check: word,
    kind: word,
    target: word,
    host: word,
    port: fc.integer({ min: 1, max: 65_535 }),
    networkType: word,
    source: place,
    destination: place,
  },
  { requiredKeys: ['check', 'kind', 'target', 'host'] },
)
const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.record({
    column: fc.record({ key: word, form: fc.constant('sum' as const), variant: fc.array(word, { maxLength: 2 }) }),
    value: fc.nat(),
  }),
  fc.record({
    column: fc.record({ key: word, form: fc.constantFrom('last' as const, 'least' as const), variant: fc.constant([]) }),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }),
  }),
  fc.record({
    column: fc.record({ key: word, form: fc.constant('times' as const), variant: fc.constant([]) }),
    value: seconds.map(values => histogramOf(values.toSorted((a, b) => a - b))),
  }),
)
const aggregate: fc.Arbitrary<Aggregate> = fc.record({
  startMs: fc.nat({ max: 2 ** 40 }),
  spanMs: fc.constantFrom(60_000, 600_000),
  paths: fc.array(fc.record({ labels, cells: fc.uniqueArray(cell, { maxLength: 6, selector: one => JSON.stringify(one.column) }) }), {
    maxLength: 4,
  }),
})
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part: unknown) => (part instanceof Float64Array ? [...part] : Object.is(part, -0) ? '-0' : part)))
const cut = (one: Aggregate): unknown =>
  plain({
    ...one,
    paths: one.paths.map(path => ({
      ...path,
      cells: path.cells.map(({ column, value }) => ({
        column,
        value: typeof value === 'number' ? value : { ...value, counts: value.counts.slice(0, value.size) },
      })),
    })),
  })

t.test('a blob holds what was put into it', async t => {
  fc.assert(
    fc.property(aggregate, one => {
      const decoded = decodeBlob(encodeBlob(one))
      t.ok(decoded.ok)
      if (decoded.ok) t.same(cut(decoded.value), cut(one))
    }),
  )
})

t.test('garbage is a problem in words, and nothing is thrown', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => !decodeBlob(bytes).ok),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(aggregate, fc.nat(), fc.nat({ max: 255 }), (one, at, byte) => {
      const blob = encodeBlob(one)
      blob[at % blob.length] = byte
      decodeBlob(blob)
      decodeBlob(blob.subarray(0, at % blob.length))
    }),
    { numRuns: 300 },
  )
})

const path = (target: string, source = 'aws'): PathLabels => ({
  check: 'c',
  kind: 'tcp',
  target,
  host: target,
  source: { cloud: source, region: 'r1' },
  destination: { cloud: 'azure', region: 'r2' },
})
const minute = (k: number, ok: number, rtts: readonly number[], mtu: number): Aggregate => ({
  startMs: k * 60_000,
  spanMs: 60_000,
  paths: [
    {
      labels: path('x'),
      cells: [
        { column: { key: 'runs', form: 'sum', variant: ['ok', ''] }, value: ok },
        { column: { key: 'runs', form: 'sum', variant: ['fail', 'tcp_timeout'] }, value: 1 },
        { column: { key: 'runs', form: 'sum', variant: ['unmeasured', 'local_overload'] }, value: 5 },
        { column: { key: 'tcpSegments', form: 'sum', variant: [] }, value: 100 },
        { column: { key: 'tcpRetransmits', form: 'sum', variant: [] }, value: 2 },
        { column: { key: 'icmpPackets', form: 'sum', variant: ['sent'] }, value: 10 },
        { column: { key: 'icmpPackets', form: 'sum', variant: ['received'] }, value: 9 },
        { column: { key: 'pathMtu', form: 'least', variant: ['forward'] }, value: mtu },
        { column: { key: 'rtt', form: 'times', variant: [] }, value: histogramOf(rtts) },
      ],
    },
  ],
})

t.test('minutes become ten minutes without losing a count, and answer the same', async t => {
  const minutes = [minute(0, 9, [0.01, 0.02], 1500), minute(1, 9, [0.03], 1400), minute(2, 9, [0.04], 1500)]
  const rolled = rollUp([...minutes.map(encodeBlob), Buffer.from('no blob')], 0, 600_000)
  t.same(rolled.bad, [3])
  const decoded = decodeBlob(rolled.blob)
  if (!decoded.ok) throw new Error(decoded.problems.join())
  const query = { fromMs: 0, toMs: 600_000, groupBy: linkOf }
  const from = (all: readonly Aggregate[]) =>
    queryHistory(
      all.map(one => ({ agent: 'a', aggregate: one })),
      query,
    )
  t.same(from([decoded.value]), from(minutes))
  t.match(from(minutes), [
    {
      group: 'aws/r1 → azure/r2',
      paths: 1,
      summary: {
        runs: { ok: 27, fail: 3, unmeasured: 15 },
        reasons: { tcp_timeout: 3, local_overload: 15 },
        availability: 0.9,
        rttSeconds: { count: 4, min: 0.01, max: 0.04 },
        lossRatio: 0.1,
        retransmitRatio: 0.02,
        mtuBytes: { forward: 1400 },
      },
    },
  ])
})

t.test('steps, filters and agents', async t => {
  const given = [0, 1, 2].map(k => ({ agent: k === 2 ? 'b' : 'a', aggregate: minute(k, 1, [0.01], 1500) }))
  const rows = queryHistory(given, { fromMs: 0, toMs: 180_000, stepMs: 60_000, groupBy: (_, agent) => agent })
  t.same(
    rows.map(({ group, startMs }) => [group, startMs]),
    [
      ['a', 0],
      ['a', 60_000],
      ['b', 120_000],
    ],
  )
  t.same(queryHistory(given, { fromMs: 0, toMs: 180_000, where: ({ target }) => target === 'y', groupBy: () => '' }), [])
  t.equal(queryHistory(given, { fromMs: 60_000, toMs: 120_000, groupBy: () => '' })[0]?.summary.runs.ok, 1)
})

t.test('the order of parts does not change what is counted', async t => {
  const parts = [minute(0, 1, [0.01], 1500), minute(1, 2, [0.02, 0.5], 1400), minute(1, 3, [0.03], 1300)]
  const sum = (all: readonly Aggregate[]) => cut(mergeAggregates(all, 0, 600_000))
  t.same(sum(parts), sum([parts[1]!, parts[2]!, parts[0]!]))
})
