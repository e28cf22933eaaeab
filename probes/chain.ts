import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CertificateFacts } from '../wire/measured.ts'
import type { FailReason } from '../wire/reasons.ts'
import type { Violation, Warning } from '../wire/result.ts'
import { keep } from './net/kept.ts'

/** Certificates of a chain that are looked at; OpenSSL itself refuses messages of more than 100 kB. */
const most = 256

/** The chain exactly as the peer sent it, leaf first (`getPeerCertificate(true)` would mix in our own authorities). */
export const chainAsSent = (socket: TLSSocket): X509Certificate[] => {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  for (let c = socket.getPeerX509Certificate(); c && chain.length < most && !seen.has(c.fingerprint256); c = c.issuerCertificate) {
    seen.add(c.fingerprint256)
    chain.push(c)
  }
  return chain
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ')

/** The facts depend on the bytes alone, and a server shows the same certificate for hours: `fingerprint256` is their SHA-256. */
const facts = keep<Readonly<CertificateFacts>>(256)

export const describeCertificate = (c: X509Certificate): CertificateFacts => facts(c.fingerprint256, () => Object.freeze(readFacts(c)))

const readFacts = (c: X509Certificate): CertificateFacts => ({
  subject: oneLine(c.subject ?? ''),
  issuer: oneLine(c.issuer ?? ''),
  notBefore: c.validFromDate.toISOString(),
  notAfter: c.validToDate.toISOString(),
  sans: splitNames(c.subjectAltName ?? ''),
  serial: c.serialNumber,
  fingerprint256: c.fingerprint256,
})

/** Node's text of the subject alternative names: comma-separated, with JSON strings where a name has odd characters. */
const splitNames = (text: string): string[] => text.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g)?.map(name => name.trim()) ?? []

/** `checkIssued` also wants the right to sign certificates, which a server's own certificate that signs itself need not have. */
const selfSigned = (c: X509Certificate): boolean => c.subject === c.issuer && (c.checkIssued(c) || signs(c))

const signs = (c: X509Certificate): boolean => {
  try {
    return c.verify(c.publicKey)
  } catch {
    return false
  }
}

export type ChainExpectation = {
  /** The name or address that the certificate must be for. */
  name: string
  /** PEM of the trusted authorities, when not the public ones. */
  ca?: string
  nowMs: number
  /** OpenSSL's verdict: an X.509 error code, or undefined when the chain verified. */
  verifyError?: string
}

/**
 * All that is wrong with a chain as it was sent, the one that decides first: expired, not yet valid, intermediate missing, untrusted, wrong name
 * (RFC 5280 §6, RFC 9525). OpenSSL stops at its first problem, so dates and names are looked at here whatever it said.
 */
export const judgeChain = (chain: X509Certificate[], expected: ChainExpectation): { violations: Violation[]; warnings: Warning[] } => {
  const violations: Violation[] = []
  const found = (code: FailReason, detail: string): void => void violations.push({ code, detail })
  for (const c of chain) {
    const who = c === chain[0] ? 'the certificate' : `the chain's "${oneLine(c.subject ?? '')}"`
    if (expected.nowMs > c.validToDate.getTime()) found('certificate_expired', `${who} expired at ${c.validToDate.toISOString()}`)
    if (expected.nowMs < c.validFromDate.getTime())
      found('certificate_not_yet_valid', `${who} is valid from ${c.validFromDate.toISOString()}`)
  }
  const leaf = chain[0]
  if (!leaf) return { violations, warnings: [] }
  const trust = judgeTrust(chain, expected, violations.length > 0)
  if (trust) violations.push(trust)
  if (!isFor(leaf, expected.name)) {
    const names = describeCertificate(leaf).sans.slice(0, 5).join(', ')
    found(
      'certificate_name_mismatch',
      `certificate is for ${names || `no name (its subject, "${oneLine(leaf.subject ?? '')}", does not count)`}, want ${expected.name}`,
    )
  }
  const order: FailReason[] = [
    'certificate_expired',
    'certificate_not_yet_valid',
    'chain_incomplete',
    'certificate_untrusted',
    'certificate_name_mismatch',
  ]
  violations.sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code))
  return { violations, warnings: warningsOf(chain) }
}

/** By the subject alternative names alone (RFC 9525 §2). OpenSSL's own errors, such as for a NUL in the name, mean no. */
const isFor = (leaf: X509Certificate, name: string): boolean => {
  try {
    return Boolean(isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name, { subject: 'never' }))
  } catch {
    return false
  }
}

const warningsOf = (chain: X509Certificate[]): Warning[] =>
  chain.length > 1 && selfSigned(chain.at(-1)!)
    ? [{ code: 'root_sent_in_chain', detail: `"${oneLine(chain.at(-1)!.subject ?? '')}" is sent and no client needs it` }]
    : []

const dateErrors = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/**
 * An intermediate is called missing only when it is known from elsewhere and closes the path: here, when it stands beside its root among the
 * trusted authorities. Otherwise an issuer that is neither sent nor trusted may just as well be an unknown authority.
 */
const judgeTrust = (chain: X509Certificate[], expected: ChainExpectation, outOfDate: boolean): Violation | undefined => {
  const top = chain.at(-1)!
  const issuer = oneLine(top.issuer ?? '')
  const trusted = expected.ca ? authorities(expected.ca, () => parsePems(expected.ca!)) : []
  const missing = selfSigned(top)
    ? undefined
    : trusted.find(c => top.checkIssued(c) && !selfSigned(c) && trusted.some(r => c.checkIssued(r) && selfSigned(r)))
  if (missing)
    return { code: 'chain_incomplete', detail: `the server does not send the intermediate "${issuer}", ${chain.length} certificates seen` }
  if (!expected.verifyError) return undefined
  const anchors = trusted.filter(r => chain.some(c => c.fingerprint256 === r.fingerprint256 || c.checkIssued(r)))
  if (dateErrors.has(expected.verifyError)) {
    if (!outOfDate) return judgeAnchorDates(expected, anchors)
    // OpenSSL tells its last problem only: the dates may hide that nobody here vouches for the chain.
    if (anchors.length > 0 || trusted.length === 0) return undefined
  }
  const sent = chain.length === 1 ? 'only its own certificate' : `${chain.length} certificates`
  const why = selfSigned(top)
    ? `it ends in the self-signed "${oneLine(top.subject ?? '')}", which is not trusted here`
    : anchors[0]
      ? `its authority "${oneLine(anchors[0].subject ?? '')}" is trusted here, yet the chain does not verify`
      : `the issuer "${issuer}" was not sent and is not trusted here: an unknown authority, or a missing intermediate`
  return { code: 'certificate_untrusted', detail: `the server sent ${sent}; ${why} (${expected.verifyError})` }
}

/** Everything sent is in date, and the chain is not: so it is the trusted authority. */
const judgeAnchorDates = ({ verifyError, nowMs }: ChainExpectation, anchors: X509Certificate[]): Violation => {
  const early = verifyError === 'CERT_NOT_YET_VALID'
  const anchor = anchors.find(c => (early ? nowMs < c.validFromDate.getTime() : nowMs > c.validToDate.getTime()))
  const when = early ? `is valid from ${anchor?.validFromDate.toISOString()}` : `expired at ${anchor?.validToDate.toISOString()}`
  const who = anchor ? `the authority trusted here, "${oneLine(anchor.subject ?? '')}", ${when}` : 'the authority trusted here is not'
  return { code: early ? 'certificate_not_yet_valid' : 'certificate_expired', detail: `all that the server sent is in date; ${who}` }
}

/** Trusted authorities stay the same from probe to probe, and parsing them costs as much as a signature. */
const authorities = keep<X509Certificate[]>(32)

export const parsePems = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(text => new X509Certificate(text))
