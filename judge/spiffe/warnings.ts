import type { WarningCode } from '../../wire/reasons.ts'
import type { Warning } from '../../wire/result.ts'

/** What is worth a word about an identity although no rule is broken; the texts are in the one list of warnings. */
export type SpiffeWarningCode = WarningCode
export type SpiffeWarning = Warning
