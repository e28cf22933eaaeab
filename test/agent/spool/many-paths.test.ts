/** A spool that fills up while nobody takes anything, with window records of more paths than one record has room for. */
import t from 'tap'
import { maxPaths, needRecord, type WindowRecord } from '../../../agent/record.ts'
import { mergeWindowRecords } from '../../../agent/record-merge.ts'
import { startRecording } from '../../../agent/recording.ts'
import { createSelf } from '../../../agent/self.ts'
import { openSpool } from '../../../agent/spool/spool.ts'
import { pathsPerRecord, Windows } from '../../../agent/window.ts'
import { connect, handClock, pathOf, source } from '../paths.ts'
import { drain, isExact } from './numbered.ts'
import { ShakyFiles } from './shaky-files.ts'

const pathCount = 1500
const windowCount = 24

const runsOf = ({ paths }: WindowRecord): number =>
  paths.flatMap(({ points }) => points).reduce((sum, { series, value }) => sum + (series.key === 'runs' ? Number(value) : 0), 0)

t.test('1,500 paths: what a full spool merges keeps every count, each part of a window by itself', async t => {
  t.ok(pathCount > maxPaths)
  const paths = Array.from({ length: pathCount }, (_, i) => pathOf('tcp', `p${i}`))
  const clock = handClock()
  const windows = new Windows(paths, { clock, self: createSelf(), source })
  const spool = await openSpool({
    directory: '/nowhere',
    endpoints: ['collector'],
    files: new ShakyFiles(),
    limitBytes: 420 * 1024,
    flushEveryMs: 0,
    merge: mergeWindowRecords,
    nowMs: clock.wallMs,
  })
  for (let window = 0; window < windowCount; window++) {
    for (const [index, { key }] of paths.entries()) windows.record(index, connect(5 + (index % 50) + window / 7), { key, lateMs: 0 })
    clock.pass(9_999.999)
    const recording = startRecording({
      clock: { elapsedMs: clock.monotonicMs, nowMs: clock.wallMs },
      windows,
      place: () => source,
      append: record => spool.append(record),
      isKept: () => true,
      flush: () => spool.flush(),
      beforeClose: () => {},
      lost: () => {},
    })
    await recording.stop()
    clock.pass(0.001)
    await spool.flush()
  }
  const { mergedAway, bytes, limitBytes } = spool.state()
  const ledger = spool.ledger('collector')
  t.match(ledger, { produced: pathCount * windowCount, spooled: pathCount * windowCount, dropped: { size: 0 } })
  t.ok(isExact(ledger))
  t.comment(`${bytes} bytes of ${limitBytes}, ${mergedAway} records merged away`)
  t.ok(mergedAway > 0)

  const records = (await drain(spool, 'collector')).map(({ payload }) => needRecord(payload) as WindowRecord)
  t.equal(
    records.reduce((sum, record) => sum + runsOf(record), 0),
    pathCount * windowCount,
  )
  const merged = records.filter(({ startMs, endMs }) => endMs - startMs > 10_000)
  t.ok(merged.length > 0)
  t.same(
    merged.filter(({ paths }) => paths.length > pathsPerRecord),
    [],
  )
})
