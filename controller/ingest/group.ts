import type { OtlpEncoding } from '../../wire/otlp-answer.ts'
import type { LogEvent } from '../../wire/otlp-logs.ts'
import type { BatchId } from './received.ts'

/** A batch of metrics as it came: kept until all of it is in blobs, so that a start after a crash can read it again. */
export type StoredBatch = {
  readonly id: BatchId
  readonly encoding: OtlpEncoding
  readonly isGzip: boolean
  readonly body: Uint8Array
}
/** What one transaction writes: all of it or nothing. `received` are all that it takes, also those that have nothing to be stored. */
export type CommitGroup = {
  readonly atMs: number
  readonly received: readonly BatchId[]
  readonly batches: readonly StoredBatch[]
  readonly events: readonly { readonly id: BatchId; readonly event: LogEvent }[]
}
/** Throws or rejects when nothing was written. Returns the batches that were there already, since another replica took them: they are not counted here. */
export type Commit = (group: CommitGroup) => readonly BatchId[] | Promise<readonly BatchId[]>

/** A batch that was committed before: `atMs` is when, `done` the minutes of it that are in blobs. */
export type Recoverable = StoredBatch & { readonly atMs: number; readonly done: readonly number[] }
