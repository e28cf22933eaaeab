import type { Confidence, Diagnosis } from '../../wire/causes.ts'
import type { CertificateFacts } from '../../wire/measured.ts'
import { sayDuration } from '../../wire/say-duration.ts'
import { chainOf, sayPlace } from './explain-certificate.ts'
import { buildDiagnosis, buildRun, clean, fix, hostOf, listFacts, placeOf, tlsKindOf } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

/** A certificate past its end by less may as well be a clock that is wrong: hosts without NTP drift by minutes. */
const clockDoubtMs = 10 * 60_000
/** Authorities are issued long before the leaves they sign: a chain of which every one begins in the future comes from a clock behind. */
const certainlyBehindMs = 86_400_000

type Doubt = { certificate: CertificateFacts; index: number; offMs: number }

const findEarly = (chain: readonly CertificateFacts[], now: number): Doubt[] =>
  chain
    .map((certificate, index) => ({ certificate, index, offMs: Date.parse(certificate.notBefore) - now }))
    .filter(({ offMs }) => offMs > 0)

const findJustLate = (chain: readonly CertificateFacts[], now: number): Doubt[] => {
  const late = chain
    .map((certificate, index) => ({ certificate, index, offMs: now - Date.parse(certificate.notAfter) }))
    .filter(({ offMs }) => offMs > 0)
  return late.every(({ offMs }) => offMs <= clockDoubtMs) ? late : []
}

/** By how much our own SVID begins later than now: its issuer's clock is ahead of ours. */
const ownAheadMs = (seen: Seen, now: number): number => {
  const own = seen.mtls?.measured.ourCertificate
  return own === undefined ? 0 : Math.max(0, Date.parse(own.notBefore) - now)
}

const judgeClock = (chain: readonly CertificateFacts[], early: Doubt[]): Confidence => {
  const begins = new Set(chain.map(({ notBefore }) => notBefore))
  return begins.size > 1 && early.length === chain.length && early.every(({ offMs }) => offMs > certainlyBehindMs) ? 'certain' : 'possible'
}

/** Not valid yet, or expired only minutes ago: a clock is wrong, here or where the certificate was made. */
export const explainClockSkew = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['certificate_not_yet_valid', 'certificate_expired', 'svid_not_yet_valid', 'svid_expired'])
  if (result === undefined) return undefined
  const chain = chainOf(seen)
  const now = Date.parse(seen.startedAt)
  const ahead = reasonOf(result) === 'certificate_not_yet_valid' || reasonOf(result) === 'svid_not_yet_valid'
  if (seen.mtls?.measured.rotation) return undefined
  const doubts = ahead ? findEarly(chain, now) : findJustLate(chain, now)
  const first = doubts[0]
  if (first === undefined && !ahead) return undefined
  const { target } = result
  const ownMs = ownAheadMs(seen, now)
  const confidence = ahead ? (ownMs > 0 ? 'certain' : judgeClock(chain, doubts)) : 'possible'
  const what = first === undefined ? 'a certificate' : `${sayPlace(chain, first.index)} (${clean(first.certificate.subject)})`
  const off = first === undefined ? '' : ` ${sayDuration(first.offMs)}`
  const behind = confidence === 'certain' ? "this machine's clock is behind" : 'a clock is wrong, here or where it was issued'
  return buildDiagnosis('clock_skew', {
    confidence,
    summary: ahead
      ? `By this machine's clock ${what} of ${placeOf(target)} becomes valid only in${off || ' the future'}: probably ${behind}.`
      : `By this machine's clock ${what} of ${placeOf(target)} ended${off} ago: so little that a wrong clock may be the reason.`,
    evidence: listFacts(
      sayDetail(result),
      ...doubts.map(
        ({ certificate, index }) =>
          `${sayPlace(chain, index)}: valid from ${clean(certificate.notBefore)} to ${clean(certificate.notAfter)}`,
      ),
      `this machine's clock: ${clean(seen.startedAt)}`,
      ownMs > 0 && `our own SVID too begins ${sayDuration(ownMs)} later than now`,
      first !== undefined && `so the two clocks differ by at least ${sayDuration(first.offMs)}`,
    ),
    against: listFacts(
      ahead && confidence !== 'certain' && 'a certificate can be issued for a later date on purpose',
      !ahead && `it may simply have expired${off} ago: then it must be renewed`,
    ),
    fixes: [
      fix('this machine: how far is the clock off?', 'chronyc tracking || timedatectl timesync-status'),
      fix('this machine: set the clock now', 'chronyc makestep || systemctl restart systemd-timesyncd'),
      fix(
        `${hostOf(target)}, and the host that issues its certificates: the same check`,
        'chronyc tracking || timedatectl timesync-status',
      ),
      fix('issuer: begin validity a little earlier (SPIRE does so by itself)', 'vault write pki/roles/ROLE not_before_duration=5m'),
    ],
    next: buildRun(target, tlsKindOf(result)),
  })
}

/**
 * The peer takes our certificate for expired (alert 45: RFC 5246 §7.2.2) and by this clock it is valid: one of the two clocks is wrong by at least
 * what is left of it.
 */
export const explainPeerClock = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['client_cert_rejected'])
  const { alert, ourCertificate: own } = seen.mtls?.measured ?? {}
  if (result === undefined || alert !== 45 || own === undefined) return undefined
  const now = Date.parse(seen.startedAt)
  const leftMs = Date.parse(own.notAfter) - now
  if (leftMs <= 0) return undefined
  const { target } = result
  return buildDiagnosis('clock_skew', {
    confidence: 'likely',
    summary: `${placeOf(target)} takes our certificate for expired, and by this machine's clock it is valid for another ${sayDuration(leftMs)}: its clock is ahead, or ours behind, by at least that.`,
    evidence: listFacts(
      sayDetail(result),
      `our certificate: serial ${own.serial}, valid from ${own.notBefore} to ${own.notAfter}`,
      `this machine's clock: ${clean(seen.startedAt)}`,
    ),
    against: ['an intermediate that we send, or the authority that it holds of ours, may have expired instead'],
    fixes: [
      fix(`${hostOf(target)}: how far is its clock off?`, 'chronyc tracking || timedatectl timesync-status'),
      fix('this machine: the same check', 'chronyc tracking || timedatectl timesync-status'),
    ],
    next: buildRun(target, 'mtls', '--output json'),
  })
}
