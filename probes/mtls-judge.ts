/** What an mTLS run means: every decision of the probe but those about the peer's certificate. */
import type { MtlsMeasured } from '../wire/measured-identity.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { type ClientAnswer, judgeClientAuth } from './client-auth.ts'
import { aborted, fail, ok, timedOut, unmeasured } from './finding.ts'
import { type Identity, judgeNoSvid, type Svid } from './identity/identity.ts'
import type { Handshake } from './net/handshake.ts'
import type { PeerJudgement } from './peer.ts'
import { judgeUnfinished } from './tls.ts'
import { describeStall } from './tls-errors.ts'

/** An identity that was asked for and cannot be had is our own trouble, before anything is sent. */
export const judgeOurs = (identity: Identity, svid: Svid | undefined, options: Options['mtls']): Outcome | undefined => {
  const asked = options.certFile !== undefined || options.workloadApi !== undefined
  if (asked && !svid) return judgeNoSvid(identity, options.hint)
  const files = identity.problems.find(one => one.reason === 'config_invalid')
  if (files) return unmeasured('config_invalid', files.detail)
  if (svid && svid.notAfterMs < Date.now())
    return unmeasured(
      'local_svid_unavailable',
      `${identity.source}: our own SVID expired at ${new Date(svid.notAfterMs).toISOString()}, and this machine's clock says ${new Date().toISOString()}`,
    )
  return undefined
}

/** The handshake did not finish: in TLS 1.2 a refused certificate ends it here (RFC 5246 §7.4.6). */
export const judgeStopped = (handshake: Handshake, measured: MtlsMeasured, svid: Svid | undefined, signal: AbortSignal): Outcome => {
  const { end, requested } = handshake
  if (end.kind === 'error' && end.error.alert !== undefined) measured.alert = end.error.alert
  const refusal: ClientAnswer | undefined =
    end.kind === 'closed' ? { kind: 'closed' } : measured.alert === undefined ? undefined : { kind: 'alert', alert: measured.alert }
  if (requested && refusal) {
    const judged = judgeClientAuth(refusal, requested, svid !== undefined, 'TLSv1.2')
    if (judged.violation) {
      measured.clientAuth = judged.clientAuth
      return fail(judged.violation.code, judged.violation.detail)
    }
  }
  if (measured.stall) return fail('tls_stalled', describeStall(measured.stall))
  return judgeUnfinished(end, measured, { cert: svid?.chainPem, timeoutMs: 0 }, signal)
}

/** An SVID of ours that begins later than now: issued a moment ago by a host whose clock is right, or by one whose clock is ahead. */
const earlyWarnings = (svid: Svid | undefined): Warning[] => {
  const aheadMs = (svid?.notBeforeMs ?? 0) - Date.now()
  if (aheadMs <= 0) return []
  const detail = `our own SVID is valid from ${new Date(svid!.notBeforeMs).toISOString()}, ${Math.ceil(aheadMs / 1000)} s ahead of this machine's clock`
  return [{ code: 'clock_skew', detail }]
}

/** What is wrong with the peer comes before what became of our certificate; all of it is reported. */
export const conclude = (
  answer: ClientAnswer,
  requested: boolean,
  peer: PeerJudgement,
  measured: MtlsMeasured,
  svid: Svid | undefined,
  signal: AbortSignal,
): { outcome: Outcome; violations: Violation[]; warnings: Warning[] } => {
  const judged = judgeClientAuth(answer, requested, svid !== undefined, measured.version)
  measured.clientAuth = judged.clientAuth
  if (answer.kind === 'alert') measured.alert = answer.alert
  const violations = [...peer.violations, ...(judged.violation ? [judged.violation] : [])]
  const first = violations[0]
  const stopped = signal.aborted && !timedOut(signal)
  const outcome = stopped ? aborted : first ? fail(first.code, first.detail) : (peer.unmeasured ?? ok)
  return { outcome, violations, warnings: [...peer.warnings, ...earlyWarnings(svid)] }
}
