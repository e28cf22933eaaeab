/** From a leaf to an authority: RFC 5280 §6 path validation, with every problem of the best path instead of the first one of any. */
import { type Certificate, isNamedIssuer, isSelfIssued, isSignedBy } from './certificate.ts'
import { nameProblems } from './name-constraints.ts'
import { type RuleViolation, violation } from './rules.ts'

/** Leaf first, authority last. */
export type Path = { certificates: Certificate[]; violations: RuleViolation[] }

/** Chains in the field have two to five; the limits keep a chain that was built to loop or to branch from costing time. */
const maxCertificates = 12
const maxSignatures = 256
const maxPaths = 16

/**
 * The best path from `leaf` over certificates of `others` to one of `authorities`, or undefined. A path with fewer broken rules is better, then
 * the shorter one. An authority need not be self-signed (X509-SVID §4: it SHOULD be, so it may not be), and the path ends at the first one.
 */
export const findPath = (
  leaf: Certificate,
  others: readonly Certificate[],
  authorities: readonly Certificate[],
  nowMs: number,
): Path | undefined => {
  const paths: Path[] = []
  let signatures = 0
  const verifies = (child: Certificate, issuer: Certificate) =>
    isNamedIssuer(child, issuer) && ++signatures <= maxSignatures && isSignedBy(child, issuer)
  const climb = (below: Certificate[]): void => {
    const child = below.at(-1)!
    for (const authority of authorities) {
      if (paths.length >= maxPaths) return
      if (verifies(child, authority)) paths.push(judgePath([...below, authority], nowMs))
    }
    if (below.length >= maxCertificates) return
    for (const other of others) {
      if (paths.length >= maxPaths || signatures > maxSignatures) return
      if (!below.some(one => one.fingerprint256 === other.fingerprint256) && verifies(child, other)) climb([...below, other])
    }
  }
  climb([leaf])
  return paths.toSorted((a, b) => a.violations.length - b.violations.length || a.certificates.length - b.certificates.length)[0]
}

/** The certificates of `others` that lead upwards from `leaf`, as far as they go, for a chain without a bundle. Leaf first. */
export const followChain = (leaf: Certificate, others: readonly Certificate[]): Certificate[] => {
  const chain = [leaf]
  while (chain.length < maxCertificates) {
    const child = chain.at(-1)!
    const free = others.slice(0, maxSignatures).filter(one => !chain.some(used => used.fingerprint256 === one.fingerprint256))
    const next = free.find(one => isNamedIssuer(child, one) && isSignedBy(child, one))
    if (!next) break
    chain.push(next)
  }
  return chain
}

const judgePath = (certificates: Certificate[], nowMs: number): Path => ({
  certificates,
  violations: [
    ...certificates.slice(1).flatMap((signer, index) => signerViolations(signer, certificates.slice(0, index + 1))),
    ...criticalViolations(certificates),
    ...dateViolations(certificates, nowMs, true),
  ],
})

export const sayCertificate = (certificate: Certificate): string => `"${certificate.subject || `serial ${certificate.serial}`}"`

/** What keeps `signer` from signing those below it, leaf first. */
export const signerViolations = (signer: Certificate, below: readonly Certificate[]): RuleViolation[] => {
  const who = `the signing certificate ${sayCertificate(signer)}`
  const found: RuleViolation[] = []
  if (!signer.basicConstraints?.ca) found.push(violation('signing_not_ca', `${who} is not a CA certificate (cA is not set)`))
  if (signer.keyUsage && !signer.keyUsage.bits.has('keyCertSign'))
    found.push(violation('signing_no_key_cert_sign', `${who} may not sign certificates (keyCertSign is not set)`))
  // §6.1.4 l: self-issued certificates do not count, nor does the leaf.
  const between = below.slice(1).filter(one => !isSelfIssued(one)).length
  const allowed = signer.basicConstraints?.pathLength
  if (allowed !== undefined && between > allowed)
    found.push(violation('path_too_long', `${who} allows ${allowed} intermediates below it (pathLenConstraint), ${between} seen`))
  for (const one of below.filter((one, index) => index === 0 || !isSelfIssued(one)))
    for (const problem of nameProblems(one, signer)) found.push(violation('name_not_permitted', `${who} constrains names: ${problem}`))
  return found
}

/** RFC 5280 §4.2: what is critical and not understood must be rejected. */
export const criticalViolations = (certificates: readonly Certificate[]): RuleViolation[] =>
  certificates
    .filter(one => one.unknownCritical.length)
    .map(one =>
      violation(
        'unknown_critical_extension',
        `${sayCertificate(one)} has the critical extension ${one.unknownCritical.slice(0, 3).join(', ')}`,
      ),
    )

/** Leaf, intermediates and authority that are outside their dates, each by name. RFC 5280 §4.1.2.5: both ends belong to the validity. */
export const dateViolations = (certificates: readonly Certificate[], nowMs: number, endsInAuthority: boolean): RuleViolation[] =>
  certificates.flatMap((one, index) => {
    const role = roleOf(index, certificates.length, endsInAuthority)
    const who = role === 'leaf' ? 'the leaf' : `the ${role} ${sayCertificate(one)}`
    if (nowMs > one.notAfterMs) return [violation(`${role}_expired`, `${who} expired at ${iso(one.notAfterMs)}, now is ${iso(nowMs)}`)]
    if (nowMs < one.notBeforeMs)
      return [violation(`${role}_not_yet_valid`, `${who} is valid from ${iso(one.notBeforeMs)}, now is ${iso(nowMs)}`)]
    return []
  })

export type Role = 'leaf' | 'intermediate' | 'authority'
export const roleOf = (index: number, length: number, endsInAuthority: boolean): Role =>
  index === 0 ? 'leaf' : endsInAuthority && index === length - 1 ? 'authority' : 'intermediate'

/** Years beyond 9999 and clocks beyond what a Date holds stay text. */
export const iso = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms))
