/** What happens during a run, and who writes it down. */
import type { RunDocument } from '../wire/result.ts'
import type { LadderEvent } from './ladder.ts'

export type RunEvent = { type: 'begin' } | LadderEvent | { type: 'end'; document: RunDocument }

/** One output format. Events carry the target's place on the command line. */
export type Reporter = {
  event(index: number, event: RunEvent): void
  /** Once, when all targets have ended; documents in the order of the command line. */
  close(documents: RunDocument[]): void
}
