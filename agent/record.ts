/**
 * Records: what the spool keeps and OTLP is made of. Complete in themselves, with the attributes of their paths and the time by the wall
 * clock, so that one survives a restart with another configuration. Times in them are whole nanoseconds, counts are integers.
 */
import { bad, good, type Parsed } from '../wire/values.ts'
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import type { Series } from './columns.ts'
import type { Labels } from './metrics.ts'
import type { Place } from './path.ts'
import { readEvents, writeEvents } from './record-events.ts'
import { readLabels, readPlace, writeLabels, writePlace } from './record-labels.ts'
import { readPoint, readSeries, writePoint, writeSeries } from './record-points.ts'
import type { Point } from './table.ts'

export type PathPoints = { readonly labels: Labels; readonly points: readonly Point[] }

/** Up to 200 paths' part of a window; six of them may be merged. `self` is what the agent says of itself, in one record of each window. */
export type WindowRecord = {
  readonly type: 'window'
  readonly startMs: number
  readonly endMs: number
  /** Which part of the window: a path is in the same group of every window. */
  readonly group: number
  readonly source?: Place
  readonly self: readonly Point[]
  readonly paths: PathPoints[]
}

export type EventAttribute = string | number | boolean | readonly string[]
/** Something worth a log line: a run that failed, a path whose state changed. */
export type AgentEvent = {
  readonly atMs: number
  readonly name: string
  readonly severity: 'info' | 'warn' | 'error'
  /** One sentence. */
  readonly body: string
  readonly labels?: Labels
  /** With their full names: the evidence. */
  readonly attributes: Readonly<Record<string, EventAttribute>>
}
export type EventsRecord = { readonly type: 'events'; readonly source?: Place; readonly events: readonly AgentEvent[] }
export type AgentRecord = WindowRecord | EventsRecord

/** Of what this program writes. Another version is refused, not guessed at. */
export const recordVersion = 1
const types = { window: 1, events: 2 } as const
/** Six records of 200 paths, of which none is in two. */
const maxPaths = 1200
const maxSeries = 100_000

export const packRecord = (record: AgentRecord): Uint8Array => {
  const out = new ByteWriter()
  if (record.type === 'window') writeWindow(out, record)
  else {
    writePlace(out, record.source)
    writeEvents(out, record.events)
  }
  return out.finish(recordVersion, types[record.type])
}

/** Garbage is a problem, in words; nothing is thrown. */
export const unpackRecord = (payload: Uint8Array): Parsed<AgentRecord> => {
  const bytes = new ByteReader(payload)
  try {
    const version = bytes.byte()
    if (version !== recordVersion) return bad(`not a record: version ${version}, this program reads ${recordVersion}`)
    const type = bytes.byte()
    if (type !== types.window && type !== types.events) return bad(`not a record: type ${type}`)
    bytes.texts()
    const record: AgentRecord =
      type === types.window ? readWindow(bytes) : { type: 'events', source: readPlace(bytes), events: readEvents(bytes) }
    return bytes.left === 0 ? good(record) : bad(`not a record: ${bytes.left} bytes too many`)
  } catch (error) {
    if (error instanceof Malformed) return bad(`not a record: ${error.message}`)
    throw error
  }
}

const writeWindow = (out: ByteWriter, { startMs, endMs, group, source, self, paths }: WindowRecord): void => {
  out.uint(startMs)
  out.uint(endMs - startMs)
  out.uint(group)
  writePlace(out, source)
  const series = new Map<Series, number>()
  const points = [...self, ...paths.flatMap(path => path.points)]
  for (const point of points) if (!series.has(point.series)) series.set(point.series, series.size)
  out.uint(series.size)
  for (const one of series.keys()) writeSeries(out, one)
  const writePoints = (some: readonly Point[]): void => {
    out.uint(some.length)
    for (const point of some) writePoint(out, series.get(point.series)!, point)
  }
  writePoints(self)
  out.uint(paths.length)
  for (const path of paths) {
    writeLabels(out, path.labels)
    writePoints(path.points)
  }
}

const readWindow = (bytes: ByteReader): WindowRecord => {
  const startMs = bytes.uint()
  const endMs = startMs + bytes.uint()
  const group = bytes.uint()
  const source = readPlace(bytes)
  const series = Array.from({ length: bytes.count('series', maxSeries) }, () => readSeries(bytes))
  const readPoints = (): Point[] => Array.from({ length: bytes.count('points', maxSeries) }, () => readPoint(bytes, series))
  const self = readPoints()
  const paths = Array.from({ length: bytes.count('paths', maxPaths) }, () => ({ labels: readLabels(bytes), points: readPoints() }))
  return { type: 'window', startMs, endMs, group, source, self, paths }
}
