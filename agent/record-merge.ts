import { type Histogram, mergeHistograms } from '../wire/histogram.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import { type PathPoints, packRecord, unpackRecord, type WindowRecord } from './record.ts'
import { timesOf } from './samples.ts'
import type { Point } from './table.ts'

const maxMergedPaths = 1200

/**
 * One record of several of the same group, so that a full spool loses detail before it loses counts: counts add up, histograms merge and
 * give the quantiles, of gauges the last stays. What is no window record is a problem, and nothing is merged.
 */
export const mergeWindowRecords = (payloads: readonly Uint8Array[]): Parsed<Uint8Array> => {
  const records: WindowRecord[] = []
  for (const payload of payloads) {
    const read = unpackRecord(payload)
    if (!read.ok) return read
    if (read.value.type !== 'window') return bad('only records of windows can be merged')
    records.push(read.value)
  }
  const [first] = records
  if (!first) return bad('there is no record to merge')
  records.sort((a, b) => a.endMs - b.endMs)
  const paths = mergePaths(records)
  if (paths.length > maxMergedPaths) return bad(`${paths.length} paths do not fit one record`)
  return good(
    packRecord({
      type: 'window',
      startMs: Math.min(...records.map(({ startMs }) => startMs)),
      endMs: Math.max(...records.map(({ endMs }) => endMs)),
      group: first.group,
      source: records.at(-1)!.source,
      self: mergePoints(records.map(({ self }) => self)),
      paths,
    }),
  )
}

const mergePaths = (records: readonly WindowRecord[]): PathPoints[] => {
  const parts = new Map<string, PathPoints[]>()
  for (const path of records.flatMap(record => record.paths)) {
    const key = JSON.stringify(path.labels)
    const known = parts.get(key)
    if (known) known.push(path)
    else parts.set(key, [path])
  }
  return [...parts.values()].map(same => ({ labels: same[0]!.labels, points: mergePoints(same.map(({ points }) => points)) }))
}

/** Of parts in the order of time. */
const mergePoints = (parts: readonly (readonly Point[])[]): Point[] => {
  const merged = new Map<string, Point>()
  for (const point of parts.flat()) {
    const name = JSON.stringify(point.series)
    const before = merged.get(name)
    merged.set(name, before ? mergePoint(before, point) : point)
  }
  return [...merged.values()]
}

const mergePoint = ({ series, value: a }: Point, { value: b }: Point): Point => {
  if (typeof a === 'number' || typeof b === 'number') return { series, value: series.form === 'sum' ? Number(a) + Number(b) : b }
  const histogram: Histogram = mergeHistograms(a.histogram, b.histogram)
  return { series, value: timesOf(histogram) }
}
