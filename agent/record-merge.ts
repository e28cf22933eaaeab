import { type Histogram, mergeInto } from '../wire/histogram.ts'
import type { Series } from './columns.ts'
import { BadRecord, maxPaths, needRecord, type PathPoints, packRecord, type WindowRecord } from './record.ts'
import { timesOf } from './samples.ts'
import type { Point } from './table.ts'

/**
 * One record of several of the same group, so that a full spool loses detail before it loses counts: counts add up, histograms merge and
 * give the quantiles, of gauges the last stays. Throws `BadRecord` where one is no window or the paths are too many for one record; nothing is merged then.
 */
export const mergeWindowRecords = (payloads: readonly Uint8Array[]): Uint8Array => {
  const records = payloads.map(needWindow).sort((a, b) => a.endMs - b.endMs)
  const [first, last] = [records[0], records.at(-1)]
  if (!first || !last) throw new BadRecord('there is no record to merge')
  const nameOf = nameEach()
  const paths = mergePaths(records, nameOf)
  if (paths.length > maxPaths) throw new BadRecord(`${paths.length} paths do not fit one record`)
  return packRecord({
    type: 'window',
    startMs: Math.min(...records.map(({ startMs }) => startMs)),
    endMs: last.endMs,
    group: first.group,
    source: last.source,
    self: mergePoints(
      records.map(({ self }) => self),
      nameOf,
    ),
    paths,
  })
}

const needWindow = (payload: Uint8Array): WindowRecord => {
  const record = needRecord(payload)
  if (record.type !== 'window') throw new BadRecord('only records of windows can be merged')
  return record
}

/** Series are the same objects all over a record, so each is named once. */
type NameOf = (series: Series) => string

const nameEach = (): NameOf => {
  const names = new Map<Series, string>()
  return series => {
    let name = names.get(series)
    if (name === undefined) names.set(series, (name = JSON.stringify(series)))
    return name
  }
}

const mergePaths = (records: readonly WindowRecord[], nameOf: NameOf): PathPoints[] => {
  const parts = new Map<string, PathPoints[]>()
  for (const path of records.flatMap(record => record.paths)) {
    const key = JSON.stringify(path.labels)
    const known = parts.get(key)
    if (known) known.push(path)
    else parts.set(key, [path])
  }
  return [...parts.values()].map(same => ({
    labels: same[0]!.labels,
    points: mergePoints(
      same.map(({ points }) => points),
      nameOf,
    ),
  }))
}

/** Of parts in the order of time. */
const mergePoints = (parts: readonly (readonly Point[])[], nameOf: NameOf): Point[] => {
  const merged = new Map<string, { series: Series; value: number | Histogram }>()
  for (const { series, value } of parts.flat()) {
    const name = nameOf(series)
    const before = merged.get(name)
    const own = typeof value === 'number' ? value : value.histogram
    if (!before) merged.set(name, { series, value: typeof own === 'number' ? own : { ...own, counts: own.counts.slice() } })
    else if (typeof own === 'number') before.value = series.form === 'sum' ? Number(before.value) + own : own
    else if (typeof before.value !== 'number') mergeInto(before.value, own)
  }
  return Array.from(merged.values(), ({ series, value }) => ({ series, value: typeof value === 'number' ? value : timesOf(value) }))
}
