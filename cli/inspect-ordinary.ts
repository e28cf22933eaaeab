/** Certificates without a SPIFFE ID: judged by dates, signatures and, where authorities are given, whether they lead to one of them. */
import type { Certificate } from '../judge/spiffe/certificate.ts'
import { expiryWarnings } from '../judge/spiffe/expiry.ts'
import { dateViolations, findPath, followChain, sayCertificate, signerViolations } from '../judge/spiffe/path.ts'
import { byPrecedence, type RuleViolation, violation } from '../judge/spiffe/rules.ts'
import type { SpiffeWarning } from '../judge/spiffe/warnings.ts'
import type { FailReason } from '../wire/reasons.ts'

const serverAuth = '1.3.6.1.5.5.7.3.1'

/** Names of hosts, meant for TLS servers: a certificate without extended key usage is meant for all (RFC 5280 §4.2.1.12). */
export const isServerCertificate = ({ names, extendedKeyUsage }: Certificate): boolean =>
  !names.uris.length && names.dns.length + names.addresses.length > 0 && (extendedKeyUsage?.includes(serverAuth) ?? true)

/** A certificate of the ordinary kind, unless something of SPIFFE was asked. */
export const isOrdinary = (
  leaf: Certificate,
  { bundles, expect, ca }: { bundles?: unknown; expect?: unknown; ca?: readonly Certificate[] },
): boolean => !bundles && !expect && (isServerCertificate(leaf) || (ca !== undefined && !leaf.names.uris.length))

const ordinaryCodes: Partial<Record<RuleViolation['code'], FailReason>> = {
  svid_expired: 'certificate_expired',
  svid_not_yet_valid: 'certificate_not_yet_valid',
  untrusted_chain: 'certificate_untrusted',
}

export type OrdinaryJudgement = {
  path: Certificate[]
  violations: { code: RuleViolation['code'] | FailReason; rule?: string; detail: string }[]
  warnings: SpiffeWarning[]
  verified: boolean | null
}

/** `path` is as far as it leads. A leaf that is among the authorities itself is trusted as it is, whatever signed it. */
export const judgeOrdinary = (
  [leaf, ...others]: readonly [Certificate, ...Certificate[]],
  nowMs: number,
  authorities?: readonly Certificate[],
): OrdinaryJudgement => {
  const itself = authorities?.some(one => one.fingerprint256 === leaf.fingerprint256)
  const found = authorities && !itself ? findPath(leaf, others, authorities, nowMs) : undefined
  const path = found?.certificates ?? (itself ? [leaf] : followChain(leaf, others))
  const signers = path.slice(1).flatMap((one, index) => signerViolations(one, path.slice(0, index + 1)))
  const lost = authorities && !itself && !found ? [untrusted(path.at(-1)!)] : []
  const violations = byPrecedence(found?.violations ?? [...lost, ...signers, ...dateViolations(path, nowMs, false)])
  const note = { code: 'form_assumed' as const, detail: 'no SPIFFE ID: judged as an ordinary certificate, by its dates and signatures' }
  return {
    path,
    violations: violations.map(one => ({ ...one, code: ordinaryCodes[one.code] ?? one.code })),
    warnings: [note, ...expiryWarnings(path, nowMs, found !== undefined)],
    verified: authorities ? !violations.some(({ code }) => code === 'untrusted_chain') : null,
  }
}

const untrusted = (last: Certificate): RuleViolation =>
  violation('issuer_not_in_bundle', `${sayCertificate(last)} was issued by "${last.issuer}", which is none of the authorities given`)
