import type { Files } from './files.ts'
import type { Merge } from './merge.ts'
import type { Takes } from './record.ts'
import type { UnderWay } from './under-way.ts'

export type StoreOptions = {
  files: Files
  limitBytes: number
  segmentBytes: number
  merge?: Merge
  /** Asked about what was written when the ledger was not. */
  takes: Takes
  /** The records of a segment that are on their way to an endpoint now. */
  underWay: (segment: number) => readonly UnderWay[]
}
