import type { Log } from './log.ts'
import { selfTest } from './self-test.ts'

/** One line for each thing that was tried, with the remedy for what is missing. */
export const saySelfTest = (log: Log): void => {
  for (const { what, state, detail, remedy } of selfTest()) {
    const facts = remedy === undefined ? { what, state } : { what, state, remedy }
    if (state === 'ok') log.info(facts, detail)
    else log.warn(facts, detail)
  }
}
