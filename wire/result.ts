import type { Diagnosis } from './causes.ts'
import type { Measured } from './measured.ts'
import type { FailReason, UnmeasuredReason, WarningCode } from './reasons.ts'

/** `fail` blames the target or the path; `unmeasured` blames this agent. Alert on the first only. */
export type Outcome =
  | { kind: 'ok' }
  | { kind: 'fail'; reason: FailReason; detail: string }
  | { kind: 'unmeasured'; reason: UnmeasuredReason; detail: string }

export const kinds = ['dns', 'icmp', 'trace', 'udp', 'mtu', 'tcp', 'tls', 'mtls', 'bundle', 'http', 'federation'] as const
export type Kind = (typeof kinds)[number]
export type Family = 4 | 6

/** Where a probe is sent: one address of one family, resolved once. `host` is the name as the user gave it. */
export type Target = { name?: string; host: string; port?: number; address?: string; family?: Family }

export type Warning = { code: WarningCode; detail: string }
/** `rule` names the rule of a specification that is broken, where a reason covers several. */
export type Violation = { code: FailReason; detail: string; rule?: string }

/** One execution of a check on a path. `measured` has what was seen, also when the outcome is a failure. */
export type Result<K extends Kind = Kind> = {
  kind: K
  check?: string
  target: Target
  /** ISO 8601, UTC. */
  startedAt: string
  outcome: Outcome
  /** Durations by the monotonic clock. */
  phasesMs: Record<string, number>
  measured: Measured[K]
  warnings: Warning[]
  violations: Violation[]
  /** Every round trip of the run, where it had several; NaN where the time could not be told. Not enumerable: printed results have the summary only. */
  samplesMs?: ArrayLike<number>
}
export type AnyResult = { [K in Kind]: Result<K> }[Kind]

/** `degraded`: only warnings. */
export type Verdict = 'ok' | 'degraded' | 'fail' | 'unmeasured'

/** What `probe run --output json` prints for one target. */
export type RunDocument = {
  schema: 'causeway.run/1'
  startedAt: string
  verdict: Verdict
  target: Target
  results: AnyResult[]
  diagnosis: Diagnosis[]
}
