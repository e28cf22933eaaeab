/** One verdict of two: our own check of the token, and the cloud's. Both are kept. Pure. */
import type { FailReason } from '../../wire/reasons.ts'
import type { Outcome, Violation, Warning } from '../../wire/result.ts'
import type { Finding } from './token.ts'

/** Answers that do not say which of several things is wrong: what we know ourselves says more. */
const general: ReadonlySet<FailReason> = new Set([
  'no_match',
  'subject_mismatch_or_policy',
  'issuer_unreachable',
  'claim_rejected',
  'cloud_error',
  'signature_invalid',
])
/** That we can't reach an issuer says nothing about the cloud, which asks from elsewhere. */
const onlyHere: readonly FailReason[] = ['issuer_unreachable']

export type Decision = { outcome: Outcome; violations: Violation[]; warnings: Warning[] }

/** `cloud` undefined: it granted what was asked; null: it was not asked. */
export const decide = (local: readonly Finding[], cloud: Finding | undefined | null): Decision => {
  const telling = local.find(({ reason }) => !onlyHere.includes(reason)) ?? (cloud === null ? local[0] : undefined)
  const violationsOf = (first: Finding): Violation[] =>
    [first, ...local.filter(one => one !== first), ...(cloud && cloud !== first ? [cloud] : [])].map(({ reason, detail }) => ({
      code: reason,
      detail,
    }))
  const fail = (first: Finding, detail: string): Decision => ({
    outcome: { kind: 'fail', reason: first.reason, detail },
    violations: violationsOf(first),
    warnings: [],
  })
  if (cloud === undefined) {
    const warnings = local.map(({ reason, detail }): Warning => ({ code: 'local_check_differs', detail: `${reason}: ${detail}` }))
    return { outcome: { kind: 'ok' }, violations: [], warnings }
  }
  if (cloud === null) return telling ? fail(telling, telling.detail) : { outcome: { kind: 'ok' }, violations: [], warnings: [] }
  if (telling && (general.has(cloud.reason) || telling.reason === cloud.reason)) return fail(telling, `${telling.detail}; ${cloud.detail}`)
  return fail(cloud, telling ? `${cloud.detail}; our own check: ${telling.detail}` : cloud.detail)
}
