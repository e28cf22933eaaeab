import { failReasons, unmeasuredReasons } from '../wire/reasons.ts'
import type { Outcome } from '../wire/result.ts'

/** `ok` is 1, so that 0 can be "not known yet". */
const codes = new Map<string, number>([...failReasons, ...unmeasuredReasons].map((reason, place) => [reason, place + 2]))

/** An outcome as a small number: the same for the same reason, whatever the detail. */
export const outcomeCode = (outcome: Outcome): number => (outcome.kind === 'ok' ? 1 : codes.get(outcome.reason)!)
