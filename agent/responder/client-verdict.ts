import type { X509Certificate } from 'node:crypto'
import { type Certificate, readCertificate } from '../../judge/spiffe/certificate.ts'
import { printSpiffeId } from '../../judge/spiffe/id.ts'
import { judgeX509Svid } from '../../judge/spiffe/x509-svid.ts'
import type { Identity } from '../../probes/identity/identity.ts'
import { withAuthorities } from '../../probes/peer.ts'
import type { SvidVerdict } from '../../wire/responder.ts'

/** Violations that are told, and how much of each: a caller chooses what stands in its certificate. */
const mostViolations = 8
const mostDetail = 200
/** An ID has up to 2,048 bytes (SPIFFE-ID §2.3); an answer has not. */
const mostId = 1024

/**
 * What is wrong with the chain that a client showed, by every rule of SPIFFE and the bundle of the leaf's own trust domain. `verified` when nothing
 * is: then it is who it says.
 */
export const judgeClient = (chain: readonly X509Certificate[], identity: Identity, nowMs: number): SvidVerdict => {
  const certificates: Certificate[] = []
  for (const [index, one] of chain.entries()) {
    const read = readCertificate(one.raw)
    if (!read.ok) return refuse('untrusted_chain', `certificate ${index + 1} of ${chain.length}: ${read.problems[0]}`)
    certificates.push(read.certificate)
  }
  const [leaf, ...others] = certificates
  if (!leaf) return refuse('client_cert_required', 'no certificate was shown')
  const bundles = withAuthorities(identity, leaf)
  const judged = judgeX509Svid([leaf, ...others], { nowMs, bundles: bundles ?? new Map(), role: 'client', crls: identity.crls })
  const id = judged.id && printSpiffeId(judged.id)
  return {
    id: id && (id.length > mostId ? null : id),
    verified: judged.verified === true && judged.violations.length === 0,
    violations: judged.violations.slice(0, mostViolations).map(({ code, detail }) => ({ code, detail: detail.slice(0, mostDetail) })),
  }
}

const refuse = (code: string, detail: string): SvidVerdict => ({
  id: null,
  verified: false,
  violations: [{ code, detail: detail.slice(0, mostDetail) }],
})
