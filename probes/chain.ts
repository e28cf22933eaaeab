import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CertificateFacts } from '../wire/measured.ts'
import type { FailReason } from '../wire/reasons.ts'
import type { Violation, Warning } from '../wire/result.ts'

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

export const describeCertificate = (c: X509Certificate): CertificateFacts => ({
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

const selfSigned = (c: X509Certificate): boolean => c.subject === c.issuer && c.checkIssued(c)

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
  const trust = judgeTrust(chain, expected)
  if (trust) violations.push(trust)
  const matches = isIP(expected.name) ? leaf.checkIP(expected.name) : leaf.checkHost(expected.name)
  if (!matches)
    found(
      'certificate_name_mismatch',
      `certificate is for ${describeCertificate(leaf).sans.slice(0, 5).join(', ') || oneLine(leaf.subject ?? '')}, want ${expected.name}`,
    )
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

const warningsOf = (chain: X509Certificate[]): Warning[] =>
  chain.length > 1 && selfSigned(chain.at(-1)!)
    ? [{ code: 'root_sent_in_chain', detail: `"${oneLine(chain.at(-1)!.subject ?? '')}" is sent and no client needs it` }]
    : []

const dateErrors = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/**
 * An intermediate is called missing only when it is known from elsewhere and closes the path: here, when it stands beside its root among the
 * trusted authorities. Otherwise an issuer that is neither sent nor trusted may just as well be an unknown authority.
 */
const judgeTrust = (chain: X509Certificate[], expected: ChainExpectation): Violation | undefined => {
  const top = chain.at(-1)!
  const issuer = oneLine(top.issuer ?? '')
  const trusted = expected.ca ? parsePems(expected.ca) : []
  const missing = selfSigned(top)
    ? undefined
    : trusted.find(c => !selfSigned(c) && top.checkIssued(c) && trusted.some(r => selfSigned(r) && c.checkIssued(r)))
  if (missing)
    return { code: 'chain_incomplete', detail: `the server does not send the intermediate "${issuer}", ${chain.length} certificates seen` }
  if (!expected.verifyError || dateErrors.has(expected.verifyError)) return undefined
  const sent = chain.length === 1 ? 'only its own certificate' : `${chain.length} certificates`
  const why = selfSigned(top)
    ? `it ends in the self-signed "${oneLine(top.subject ?? '')}", which is not trusted here`
    : `the issuer "${issuer}" was not sent and is not trusted here: an unknown authority, or a missing intermediate`
  return { code: 'certificate_untrusted', detail: `the server sent ${sent}; ${why} (${expected.verifyError})` }
}

export const parsePems = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(text => new X509Certificate(text))
