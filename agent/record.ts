/**
 * Records: what the spool keeps and OTLP is made of. Complete in themselves, with the attributes of their paths and the time by the wall
 * clock, so that one survives a restart with another configuration. Times in them are whole nanoseconds, counts are integers.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { ByteReader, ByteWriter, Malformed } from '../wire/bytes.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import type { Series } from './columns.ts'
import type { Labels } from './metrics.ts'
import type { Place } from './path.ts'
import { readEvents, writeEvents } from './record-events.ts'
import { readLabels, readPlace, writeLabels, writePlace } from './record-labels.ts'
import { readPoint, readSeries, writePoint, writeSeries } from './record-points.ts'
import { readSpans, writeSpans } from './record-spans.ts'
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

/** One request that a probe made, as its part of the trace that the service saw. Times are Unix ms with fractions. */
export type RunSpan = {
  /** Hexadecimal, as they were sent. */
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  /** What went wrong, in words; undefined when nothing did. */
  readonly error?: string
  readonly labels: Labels
  readonly attributes: Readonly<Record<string, EventAttribute>>
}
export type SpansRecord = { readonly type: 'spans'; readonly source?: Place; readonly spans: readonly RunSpan[] }
export type AgentRecord = WindowRecord | EventsRecord | SpansRecord

/** Of what this program writes. Another version is refused, not guessed at. */
export const recordVersion = 1
const types = { window: 1, events: 2, spans: 3 } as const
/** Six records of 200 paths, of which none is in two. */
export const maxPaths = 1200
const maxSeries = 100_000

/** What is inflated at most: some fifty times a large record. Only a broken or forged one is larger. */
const maxInflatedBytes = 16 * 2 ** 20

export const packRecord = (record: AgentRecord): Uint8Array => {
  const [head, body] = [new ByteWriter(), new ByteWriter()]
  head.byte(recordVersion)
  head.byte(types[record.type])
  if (record.type === 'window') {
    for (const value of [record.startMs, record.endMs - record.startMs, record.group]) head.uint(value)
    writeWindow(body, record)
  } else {
    writePlace(body, record.source)
    if (record.type === 'events') writeEvents(body, record.events)
    else writeSpans(body, record.spans)
  }
  // Half the size for a third of a millisecond; level 6 gains two per cent more.
  head.raw(deflateRawSync(body.finish(), { level: 1 }))
  return Buffer.from(head.bytes)
}

type Head = { readonly type: 'events' | 'spans' } | ({ readonly type: 'window' } & Pick<WindowRecord, 'startMs' | 'endMs' | 'group'>)

/** What a record says at its very beginning: enough to choose which ones to merge. */
export const peekRecord = (payload: Uint8Array): Parsed<Head> => read(payload, readHead)

/** Garbage is a problem, in words; nothing is thrown. */
export const unpackRecord = (payload: Uint8Array): Parsed<AgentRecord> =>
  read(payload, bytes => {
    const head = readHead(bytes)
    const body = new ByteReader(inflate(bytes.raw()))
    body.texts()
    const record = readBody(body, head)
    const left = bytes.left + body.left
    if (left > 0) throw new Malformed(`${left} bytes too many`)
    return record
  })

const readBody = (body: ByteReader, head: Head): AgentRecord => {
  if (head.type === 'window') return readWindow(body, head)
  const source = readPlace(body)
  return head.type === 'events'
    ? { type: head.type, source, events: readEvents(body) }
    : { type: head.type, source, spans: readSpans(body) }
}

/** A payload that is no record where only a record can be, since a checksum has passed: a fault of the program, or of another version of it. */
export class BadRecord extends Error {}

export const needRecord = (payload: Uint8Array): AgentRecord => {
  const record = unpackRecord(payload)
  if (!record.ok) throw new BadRecord(record.problems.join('; '))
  return record.value
}

const read = <T>(payload: Uint8Array, how: (bytes: ByteReader) => T): Parsed<T> => {
  try {
    return good(how(new ByteReader(payload)))
  } catch (error) {
    if (error instanceof Malformed) return bad(`not a record: ${error.message}`)
    throw error
  }
}

const readHead = (bytes: ByteReader): Head => {
  const version = bytes.byte()
  if (version !== recordVersion) throw new Malformed(`version ${version}, this program reads ${recordVersion}`)
  const type = bytes.byte()
  if (type === types.events) return { type: 'events' }
  if (type === types.spans) return { type: 'spans' }
  if (type !== types.window) throw new Malformed(`type ${type}`)
  const startMs = bytes.uint()
  return { type: 'window', startMs, endMs: startMs + bytes.uint(), group: bytes.uint() }
}

const inflate = (bytes: Buffer): Buffer => {
  try {
    return inflateRawSync(bytes, { maxOutputLength: maxInflatedBytes })
  } catch (error) {
    throw new Malformed(`its body cannot be inflated (${error instanceof Error ? error.message : String(error)})`)
  }
}

const writeWindow = (out: ByteWriter, { source, self, paths }: WindowRecord): void => {
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

const readWindow = (bytes: ByteReader, head: Head & { type: 'window' }): WindowRecord => {
  const source = readPlace(bytes)
  const series = Array.from({ length: bytes.count('series', maxSeries) }, () => readSeries(bytes))
  const readPoints = (): Point[] => Array.from({ length: bytes.count('points', maxSeries) }, () => readPoint(bytes, series))
  const self = readPoints()
  const paths = Array.from({ length: bytes.count('paths', maxPaths) }, () => ({ labels: readLabels(bytes), points: readPoints() }))
  return { ...head, source, self, paths }
}
