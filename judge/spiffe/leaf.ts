/** The rules for the leaf of an X509-SVID (X509-SVID.md §2, §3.1, §4, §5.2). OpenSSL's "authorized" says nothing about any of them. */
import type { Certificate } from './certificate.ts'
import { type ParsedId, parseSpiffeId, printSpiffeId, type SpiffeId } from './id.ts'
import { type RuleViolation, violation } from './rules.ts'
import type { SpiffeWarning } from './warnings.ts'

export type LeafFinding = { id: SpiffeId | null; violations: RuleViolation[]; warnings: SpiffeWarning[] }

/** What the holder of the leaf does in TLS: what it needs an extended key usage for. */
export type LeafRole = 'server' | 'client'

const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

export const judgeLeaf = (leaf: Certificate, role: LeafRole = 'server'): LeafFinding => {
  const identity = judgeIdentity(leaf)
  const usage = judgeKeyUsage(leaf)
  const extended = judgeExtendedKeyUsage(leaf, role)
  const violations = [...identity.violations]
  if (leaf.basicConstraints?.ca) violations.push(violation('leaf_is_ca', 'the leaf is a CA certificate (cA is set)'))
  violations.push(...usage.violations, ...extended.violations)
  if (leaf.subjectEmpty && hasNames(leaf) && !leaf.sanCritical)
    violations.push(violation('leaf_san_not_critical', 'the subject is empty, so the subject alternative names must be critical'))
  return { id: identity.id, violations, warnings: [...identity.warnings, ...usage.warnings, ...extended.warnings] }
}

const hasNames = ({ names }: Certificate) =>
  names.uris.length + names.dns.length + names.addresses.length + names.emails.length + names.others > 0

/** Shown of what the peer chose. */
const shorten = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
export const saySome = (texts: readonly string[], most = 3): string =>
  `${texts
    .slice(0, most)
    .map(text => `"${shorten(text)}"`)
    .join(', ')}${texts.length > most ? ` and ${texts.length - most} more` : ''}`

const isSpiffe = (uri: string) => /^spiffe:/i.test(uri)

/** The ID is reported also when a second URI makes it worthless, so that people see whose certificate it is. */
const judgeIdentity = (leaf: Certificate): LeafFinding => {
  const { uris } = leaf.names
  const violations: RuleViolation[] = []
  if (uris.length > 1) violations.push(violation('multiple_uri_san', `${uris.length} URI SANs: ${saySome(uris)}, want exactly one`))
  const uri = uris.find(isSpiffe)
  if (uri === undefined) {
    const seen = uris.length ? `the URI SAN is ${saySome(uris)}` : 'there is no URI SAN'
    violations.push(violation('no_spiffe_id', `${seen}, want one that begins with spiffe://`))
    return { id: null, violations, warnings: [] }
  }
  const parsed: ParsedId = parseSpiffeId(uri)
  if (!parsed.ok) {
    violations.push(...parsed.problems.map(problem => violation('invalid_spiffe_id', `URI SAN "${shorten(uri)}" ${problem}`)))
    return { id: null, violations, warnings: [] }
  }
  if (parsed.id.path === '')
    violations.push(violation('leaf_root_path', `${printSpiffeId(parsed.id)} has no path: it names the trust domain, not a workload`))
  return { id: parsed.id, violations, warnings: parsed.warnings }
}

type Partial = Omit<LeafFinding, 'id'>

const judgeKeyUsage = ({ keyUsage }: Certificate): Partial => {
  if (!keyUsage) return { violations: [violation('leaf_no_key_usage', 'the leaf has no key usage extension')], warnings: [] }
  const violations: RuleViolation[] = []
  const { bits, critical } = keyUsage
  if (bits.has('keyCertSign')) violations.push(violation('leaf_key_cert_sign', 'the leaf may sign certificates (keyCertSign is set)'))
  if (bits.has('cRLSign')) violations.push(violation('leaf_crl_sign', 'the leaf may sign revocation lists (cRLSign is set)'))
  if (!bits.has('digitalSignature'))
    violations.push(violation('leaf_no_digital_signature', `key usage is ${[...bits].join(', ') || 'empty'}, want digitalSignature in it`))
  return { violations, warnings: critical ? [] : [{ code: 'key_usage_not_critical', detail: "the leaf's key usage is not critical" }] }
}

/** §4.4 wants both; the one that the role needs decides, the other is a warning. */
const judgeExtendedKeyUsage = ({ extendedKeyUsage }: Certificate, role: LeafRole): Partial => {
  if (!extendedKeyUsage) return { violations: [], warnings: [{ code: 'eku_absent', detail: 'the leaf has no extended key usage' }] }
  const server = extendedKeyUsage.includes(serverAuth)
  const client = extendedKeyUsage.includes(clientAuth)
  const missing = [...(server ? [] : ['serverAuth']), ...(client ? [] : ['clientAuth'])]
  if (!missing.length) return { violations: [], warnings: [] }
  const detail = `extended key usage lacks ${missing.join(' and ')}, want serverAuth and clientAuth`
  if (role === 'server' && !server) return { violations: [violation('leaf_eku_without_server_auth', detail)], warnings: [] }
  if (role === 'client' && !client) return { violations: [violation('leaf_eku_without_client_auth', detail)], warnings: [] }
  return { violations: [], warnings: [{ code: 'eku_partial', detail }] }
}
