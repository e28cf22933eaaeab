/** X509-SVIDs: every broken rule of the leaf, its signing certificates, its path and its dates, the one that decides first. */
import { type Certificate, canSign, isNamedIssuer, isSelfIssued, isSelfSigned, isSignedBy } from './certificate.ts'
import { type Expiry, expiryWarnings, soonestExpiry } from './expiry.ts'
import { parseSpiffeId, printSpiffeId, type SpiffeId } from './id.ts'
import { judgeLeaf, type LeafRole, saySome } from './leaf.ts'
import type { Matcher } from './match.ts'
import { criticalViolations, dateViolations, findPath, followChain, iso, sayCertificate, signerViolations } from './path.ts'
import { findRevoked } from './revocation.ts'
import { byPrecedence, type RuleViolation, violation } from './rules.ts'
import type { SpiffeWarning } from './warnings.ts'

/** X.509 authorities by trust domain. They are never pooled (Federation §4.2, §7.3): a path may only end in the leaf's own. */
export type X509Bundles = ReadonlyMap<string, readonly Certificate[]>

export type SvidExpectation = {
  nowMs: number
  /** Absent: the path is not judged, and `verified` is null. */
  bundles?: X509Bundles
  /** What the identity has to be. */
  expect?: Matcher
  /** What the peer is in TLS: a server unless told. */
  role?: LeafRole
  /** Certificates known from elsewhere (the last good chain, another endpoint): if one closes the path, `chain_incomplete` can be said for certain. */
  known?: readonly Certificate[]
  /** DER revocation lists, as the Workload API may send them. */
  crls?: readonly Uint8Array[]
}

export type SvidJudgement = {
  id: SpiffeId | null
  violations: RuleViolation[]
  warnings: SpiffeWarning[]
  /** Whether a path leads to the bundle of the leaf's own trust domain; null when no bundle was given or the ID names none. */
  verified: boolean | null
  /** Leaf first, with the authority when verified; else as far as what was sent leads. */
  path: Certificate[]
  /** Of the certificate of the path that ends first. */
  expiry: Expiry
}

/** `chain` as it was sent, leaf first. Host names play no part in SPIFFE: the expected ID does. */
export const judgeX509Svid = (chain: readonly [Certificate, ...Certificate[]], expected: SvidExpectation): SvidJudgement => {
  const [leaf, ...others] = chain
  const { nowMs } = expected
  const seen = judgeLeaf(leaf, expected.role)
  const trust = judgeTrust(leaf, others, seen.id, expected)
  const violations = [...seen.violations, ...trust.violations, ...signerIdViolations(trust.path)]
  for (const revoked of findRevoked(trust.path, expected.crls ?? [])) violations.push(violation('certificate_revoked', revoked))
  const mismatch = seen.id ? expected.expect?.(seen.id) : undefined
  if (mismatch !== undefined) violations.push(violation('id_mismatch', mismatch))
  const ends = trust.verified === true
  return {
    id: seen.id,
    violations: byPrecedence(violations),
    warnings: [
      ...seen.warnings,
      ...signerIdWarnings(trust.path, seen.id),
      ...expiryWarnings(trust.path, nowMs, ends),
      ...sentWarnings(chain, trust.path),
    ],
    verified: trust.verified,
    path: trust.path,
    expiry: soonestExpiry(trust.path, nowMs, ends),
  }
}

type Trust = { verified: boolean | null; path: Certificate[]; violations: RuleViolation[] }

const judgeTrust = (leaf: Certificate, others: Certificate[], id: SpiffeId | null, expected: SvidExpectation): Trust => {
  const { nowMs, bundles } = expected
  const unproven = (verified: null | false, ...violations: RuleViolation[]): Trust => {
    const followed = followChain(leaf, others)
    const signers = followed.slice(1).flatMap((one, index) => signerViolations(one, followed.slice(0, index + 1)))
    const aside = others.filter(one => !followed.some(used => used.fingerprint256 === one.fingerprint256)).slice(0, mostNamed)
    signers.push(...aside.flatMap(one => signerViolations(one, [leaf])))
    const own = [...signers, ...criticalViolations(followed), ...dateViolations(followed, nowMs, false)]
    return { verified, path: followed, violations: [...violations, ...own] }
  }
  if (!bundles || !id) return unproven(null)
  const authorities = bundles.get(id.trustDomain)
  if (!authorities) return unproven(false, violation('unknown_trust_domain', sayUnknownDomain(id.trustDomain, bundles)))
  const path = findPath(leaf, others, authorities, nowMs)
  if (path) {
    const verified = !path.violations.some(one => one.code === 'untrusted_chain')
    return { verified, path: path.certificates, violations: path.violations }
  }
  const known = expected.known?.length ? findPath(leaf, [...others, ...expected.known], authorities, nowMs) : undefined
  if (known) {
    const missing = known.certificates.slice(1, -1).filter(one => !others.some(sent => sent.fingerprint256 === one.fingerprint256))
    const names = missing.map(sayCertificate).join(' and ')
    return unproven(
      false,
      violation('chain_incomplete', `${chainLength(others)} sent; the intermediate ${names} exists, closes the path and was not sent`),
    )
  }
  return unproven(false, sayUntrusted(followChain(leaf, others), id.trustDomain, authorities, bundles))
}

const chainLength = (others: readonly Certificate[]) => (others.length ? `${others.length + 1} certificates were` : 'only the leaf was')

const sayUnknownDomain = (trustDomain: string, bundles: X509Bundles): string => {
  const held = [...bundles.keys()]
  return `no bundle for the trust domain ${trustDomain}, ${held.length ? `bundles seen are for ${saySome(held)}` : 'none at all seen'}`
}

/** Why no path was found, as narrowly as the names and key identifiers allow. */
const sayUntrusted = (
  followed: Certificate[],
  trustDomain: string,
  authorities: readonly Certificate[],
  bundles: X509Bundles,
): RuleViolation => {
  const top = followed.at(-1)!
  const whose = `the bundle of ${trustDomain}`
  const elsewhere = [...bundles].find(
    ([name, held]) => name !== trustDomain && held.some(one => isNamedIssuer(top, one) && isSignedBy(top, one)),
  )
  const also = elsewhere ? `; the bundle of ${elsewhere[0]} holds it, which does not count here` : ''
  const fail = (detail: string) => violation('issuer_not_in_bundle', `${detail}${also}`)
  if (!authorities.length) return fail(`${whose} is empty: everything of this trust domain is revoked`)
  const named = authorities.filter(one => isNamedIssuer(top, one))
  const meant = named.find(one => one.subjectKeyId !== null && one.subjectKeyId === top.authorityKeyId)
  if (meant)
    return violation(
      'bad_signature',
      `the signature of ${sayCertificate(top)} is not by the key of the authority that it names, ${sayCertificate(meant)}`,
    )
  if (isSelfIssued(top)) {
    if (isSelfSigned(top))
      return fail(`the chain ends in the self-signed ${sayCertificate(top)} ${top.fingerprint256.slice(0, 11)}…, which is not in ${whose}`)
  }
  const key = top.authorityKeyId ? ` with the key ${colons(top.authorityKeyId)}` : ''
  const held = authorities.map(one => (one.subjectKeyId ? colons(one.subjectKeyId) : one.fingerprint256.slice(0, 11)))
  if (named.length)
    return fail(
      `the issuer of ${sayCertificate(top)}${key} is not in ${whose}: it holds that name with another key (${saySome(held)}), as after a rotation that has not arrived`,
    )
  return fail(`the issuer "${top.issuer}"${key} was not sent and is not in ${whose}: an unknown authority, or a missing intermediate`)
}

const colons = (hex: string) => `${hex.slice(0, 8).replaceAll(/..(?!$)/g, '$&:')}${hex.length > 8 ? '…' : ''}`

/** A signing certificate need not have a SPIFFE ID; if it has, it names a trust domain and not a workload (X509-SVID §3.2). */
const signerIdViolations = (path: readonly Certificate[]): RuleViolation[] =>
  path.slice(1).flatMap(signer => {
    const uri = signer.names.uris.find(one => /^spiffe:/i.test(one))
    const parsed = uri === undefined ? undefined : parseSpiffeId(uri)
    if (!parsed) return []
    const who = `the signing certificate ${sayCertificate(signer)}`
    if (!parsed.ok) return [violation('signing_id_invalid', `${who} has the URI SAN ${saySome([uri!])}, which ${parsed.problems[0]}`)]
    return parsed.id.path ? [violation('signing_id_has_path', `${who} has the ID ${printSpiffeId(parsed.id)}, want no path`)] : []
  })

const signerIdWarnings = (path: readonly Certificate[], id: SpiffeId | null): SpiffeWarning[] =>
  path.slice(1).flatMap(signer => {
    const uri = signer.names.uris.find(one => /^spiffe:/i.test(one))
    const parsed = uri === undefined ? undefined : parseSpiffeId(uri)
    if (!parsed?.ok || !id || parsed.id.trustDomain === id.trustDomain) return []
    const detail = `the signing certificate ${sayCertificate(signer)} belongs to ${parsed.id.trustDomain}, the leaf to ${id.trustDomain}`
    return [{ code: 'signing_id_other_trust_domain', detail }]
  })

const sentWarnings = (chain: readonly Certificate[], path: readonly Certificate[]): SpiffeWarning[] => {
  const roots = chain.slice(1, 1 + mostNamed).filter(isSelfSigned)
  const used = new Set([...path, ...roots].map(one => one.fingerprint256))
  const unused = chain.slice(1).filter(one => !used.has(one.fingerprint256))
  return [
    ...roots.map((one): SpiffeWarning => ({ code: 'root_sent_in_chain', detail: `${sayCertificate(one)} is sent and no peer needs it` })),
    ...unused.slice(0, mostNamed).map(
      (one): SpiffeWarning => ({
        code: 'unused_certificate',
        detail: `${sayCertificate(one)} is sent and is not on the leaf's path${canSign(one) ? '' : '; it is not a CA'}`,
      }),
    ),
  ]
}

const mostNamed = 8

/** When the leaf was last valid, for a sentence. */
export const sayValidity = ({ notBeforeMs, notAfterMs }: Certificate): string => `${iso(notBeforeMs)} to ${iso(notAfterMs)}`
