import type { Files } from './files.ts'
import type { Tally } from './ledger.ts'
import type { Merge } from './merge.ts'
import type { Place } from './pending.ts'
import type { SpooledRecord, Takes } from './record.ts'

export type SpoolOptions = {
  directory: string
  /** Their names; each has its own cursor and ledger. */
  endpoints: readonly string[]
  /** Asked about each record when it comes: everything for everyone unless given. */
  takes?: Takes
  /** Of all files together. */
  limitBytes?: number
  /** Of payloads that wait for the disk. Written each second they are few; when the disk can't be written they wait here. */
  memoryBytes?: number
  /** After this long at most what was appended is on its way to the disk. 0: only when `flush` is called. */
  flushEveryMs?: number
  /** Without it a full spool drops at once. */
  merge?: Merge
  nowMs: () => number
  /** 16 hexadecimal digits; random unless given. */
  boot?: string
  /** Those of `directory` unless given. */
  files?: Files
}

/** In items, for one endpoint: `produced = delivered + spooled + dropped`, always. */
export type Ledger = Tally & { spooled: number }

/** A record on its way to an endpoint. Give it back by `settle` or `release`. */
export type Held = { readonly endpoint: string; readonly record: SpooledRecord; readonly source: { place?: Place } }

export type SpoolState = {
  bytes: number
  limitBytes: number
  segments: number
  inMemoryBytes: number
  /** Records that merging has saved since the start. */
  mergedAway: number
  /** The directory can't be written: data is kept in memory, and the disk tried again. */
  degraded?: { sinceMs: number; detail: string }
  /** What was damaged at the start, and what else a person should know. */
  problems: readonly string[]
}

export const defaultLimitBytes = 256 * 1024 * 1024
export const defaultMemoryBytes = 8 * 1024 * 1024
export const defaultFlushEveryMs = 1_000
/** Segments of this size, or an eighth of a smaller limit: what is dropped at once when the spool is full. */
export const segmentBytesOf = (limitBytes: number): number => Math.min(4 * 1024 * 1024, Math.ceil(limitBytes / 8))
