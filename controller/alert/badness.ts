/** Why a path is bad: what the series of a path, its rule and its reason say together. */
import type { Layer } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { Rule } from './rules.ts'
import type { Series } from './series.ts'

/** Why a path is bad, the lowest layer of all that is wrong with it. */
export type Badness = {
  readonly rule: Rule
  readonly severity: 'page' | 'ticket'
  readonly layer: Layer
  readonly reason?: FailReason
  readonly isFiring: boolean
  readonly sinceMs: number
}

/** A window stands for the time before it was read. */
export const windowMs = 10_000

/** Of a path that is pending or firing in a series. */
export const badnessIn = (series: Series, path: number, why: Pick<Badness, 'rule' | 'severity' | 'layer' | 'reason'>): Badness => ({
  ...why,
  isFiring: series.isFiring(path),
  sinceMs: series.sinceMs(path) - windowMs,
})
