import type { Measured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { FailReason, UnmeasuredReason } from '../wire/reasons.ts'
import type { Family, Kind, Outcome, Result, Target } from '../wire/result.ts'
import type { Allow } from './allow.ts'
import type { OpenIdentity } from './identity/source.ts'

/** A target whose address is decided: one address of one family. */
export type Resolved = Target & { address: string; family: Family }

/** What a probe brings back; the table of probes makes a `Result` of it. */
export type Finding<K extends Kind> = Pick<Result<K>, 'outcome' | 'measured' | 'phasesMs' | 'warnings'> &
  Partial<Pick<Result<K>, 'violations' | 'samplesMs'>>

/** What a caller of many runs holds open across them. */
export type Sources = { identity: OpenIdentity }

/**
 * One attempt, one address, one family. `signal` aborts on the caller's stop and on the timeout of the run, and tells them apart by its reason.
 * Expected trouble is returned; only bugs throw. `allow` has been asked about the target; a probe that dials anything else asks it again.
 */
export type Probe<K extends Kind> = (
  target: Resolved,
  options: Options[K],
  signal: AbortSignal,
  allow: Allow,
  sources?: Sources,
) => Promise<Finding<K>>
export type Measure<K extends Kind> = Measured[K]

export const ok: Outcome = { kind: 'ok' }
export const fail = (reason: FailReason, detail: string): Outcome => ({ kind: 'fail', reason, detail })
export const unmeasured = (reason: UnmeasuredReason, detail: string): Outcome => ({ kind: 'unmeasured', reason, detail })

/** True when the signal ended by its timeout, false when somebody stopped the run. */
export const timedOut = (signal: AbortSignal): boolean =>
  signal.aborted && signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'

/** The outcome of a run that was stopped from outside. */
export const aborted: Outcome = { kind: 'unmeasured', reason: 'aborted', detail: 'stopped before it finished' }

/** Waits, or until the signal aborts; never rejects. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
