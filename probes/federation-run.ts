/** What the links of a run share: what was seen so far, and what is still to be walked. */
import { redact } from '../judge/federation/redact.ts'
import type { Finding } from '../judge/federation/token.ts'
import type { FederationMeasured, FederationStepName } from '../wire/measured-federation.ts'
import type { Cloud } from '../wire/options-federation.ts'
import type { Outcome, Warning } from '../wire/result.ts'
import type { Ask } from './identity/ask.ts'

export type Run = {
  measured: FederationMeasured
  phasesMs: Record<string, number>
  warnings: Warning[]
  /** Of this run, to be found in what others say. */
  secrets: string[]
  ask: Ask
  signal: AbortSignal
  nowMs: number
}

export const newMeasured = (cloud: Cloud | null): FederationMeasured => ({
  cloud,
  from: null,
  token: null,
  wanted: { audiences: [] },
  local: null,
  answer: null,
  identity: null,
  secondsLeft: null,
  call: null,
  steps: [],
})

const round = (ms: number): number => Math.round(1e3 * ms) / 1e3

/** Writes a link down; `finding` is what is wrong there. */
export const note = (
  { measured, phasesMs, secrets }: Run,
  step: FederationStepName,
  ms: number,
  detail: string,
  finding?: Finding | null,
): void => {
  const clean = redact(finding?.detail ?? detail, secrets)
  measured.steps.push({ step, verdict: finding ? 'fail' : 'ok', ...(finding && { reason: finding.reason }), detail: clean, ms: round(ms) })
  phasesMs[step] = round(ms)
}

export const skip = ({ measured }: Run, step: FederationStepName, detail: string): void =>
  void measured.steps.push({ step, verdict: 'skipped', detail, ms: 0 })

/** An outcome that is a failure, as a finding. */
export const findingOf = (outcome: Outcome): Finding | undefined =>
  outcome.kind === 'fail' ? { reason: outcome.reason, detail: outcome.detail } : undefined
