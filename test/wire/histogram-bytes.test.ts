import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { readPoint, writePoint } from '../../agent/record-points.ts'
import type { Aggregate } from '../../controller/history/aggregate.ts'
import { decodeBlob, encodeBlob } from '../../controller/history/blob.ts'
import { ByteReader, ByteWriter } from '../../wire/bytes.ts'
import type { Histogram } from '../../wire/histogram.ts'

const histogram: Histogram = {
  scale: 5,
  count: 307,
  zeroCount: 2,
  sum: 12.25,
  min: 0.0005,
  max: 0.75,
  offset: -350,
  size: 9,
  counts: Float64Array.of(3, 0, 0, 300, 0, 1, 0, 0, 1),
}
const series = { key: 'rtt', form: 'times', variant: [] } as const

t.test("the bytes of a record's histogram are those of every version before", async t => {
  const out = new ByteWriter()
  writePoint(out, 1, { series, value: { histogram, quantiles: [0.001, 0.25, 0.5] } })
  t.equal(out.bytes.toString('hex'), '0180d5a0d12da0c21e80afd0e502c0843d80e59a7780cab5ee01020abb0504000302ac0201010201')
  t.strictSame(readPoint(new ByteReader(out.bytes), [series, series]), { series, value: { histogram, quantiles: [0.001, 0.25, 0.5] } })
})

t.test("the bytes of a blob's histogram are those of every version before", async t => {
  const labels = { check: 'mesh', kind: 'icmp', target: 'payments', host: '10.2.0.2' }
  const column = { key: 'rtt', form: 'times', variant: [] } as const
  const aggregate: Aggregate = { startMs: 60_000, spanMs: 60_000, paths: [{ labels, cells: [{ column, value: histogram }] }] }
  const blob = encodeBlob(aggregate)
  t.equal(
    zstdDecompressSync(blob.subarray(1)).toString('hex'),
    '0503727474046d6573680469636d70087061796d656e74730831302e322e302e32e0d403e0d4030101030001020304050000000001000000000000802840fca9f1d24d62403f000000000000e83f020abb0504000302ac0201010201',
  )
  t.strictSame(decodeBlob(blob), { ok: true, value: aggregate })
})
