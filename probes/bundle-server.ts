import type { TLSSocket } from 'node:tls'
import type { BundleMeasured } from '../wire/measured-identity.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { chainAsSent, judgeChain } from './chain.ts'
import type { Resolved } from './finding.ts'
import type { Identity } from './identity/identity.ts'
import { parseTlsError } from './net/handshake.ts'
import { judgePeer, type PeerJudgement } from './peer.ts'
import { alertNames } from './tls-errors.ts'

export type Server = { violations: Violation[]; warnings: Warning[]; unmeasured?: Outcome; signer?: PeerJudgement['signer'] }

/** Web PKI and a host name, or a SPIFFE ID: by profile. An endpoint of the other profile is named as such. */
export const judgeServer = (
  tls: TLSSocket,
  target: Resolved,
  options: Options['bundle'],
  measured: BundleMeasured,
  identity: Identity,
): Server => {
  const chain = chainAsSent(tls)
  const peer = judgePeer(chain, { identity, nowMs: Date.now(), expectId: options.endpointId })
  measured.endpointId = peer.id
  if (measured.profile === 'https_spiffe') {
    const violations = peer.violations.map(one => (one.code === 'id_mismatch' ? { ...one, code: 'endpoint_id_mismatch' as const } : one))
    if (peer.id !== null || !violations.some(one => one.code === 'no_spiffe_id'))
      return { violations, warnings: peer.warnings, unmeasured: peer.unmeasured, signer: peer.signer }
    return {
      violations: [{ code: 'profile_mismatch', detail: 'the endpoint has no SPIFFE ID: it serves https_web, https_spiffe is configured' }],
      warnings: [],
    }
  }
  const { violations } = judgeChain(chain, {
    name: options.sni ?? target.host,
    ca: options.ca,
    nowMs: Date.now(),
    verifyError: (tls.authorizationError as unknown as string | undefined) ?? undefined,
  })
  if (violations.length === 0 || peer.id === null) return { violations, warnings: [] }
  const detail = `the endpoint presents ${peer.id} and does not pass as a web server (${violations[0]!.detail}): it serves https_spiffe, https_web is configured`
  return { violations: [{ code: 'profile_mismatch', detail }], warnings: [] }
}

/** What the server says to a client that shows no certificate: TLS 1.3 servers look only after the handshake (RFC 8446 §4.4.2.4). */
export const judgeSilentRefusal = (error: Error, requested: boolean): Violation => {
  const { alert, message } = parseTlsError(error)
  const said = alert === undefined ? 'hung up' : `answered with alert ${alert} ${alertNames[alert] ?? ''}`.trim()
  const wants = alert === 116 || (requested && (alert !== undefined || (error as NodeJS.ErrnoException).code === 'ECONNRESET'))
  if (wants)
    return {
      code: 'client_cert_required',
      detail: `the endpoint asked for a client certificate, got none and ${said}: a bundle endpoint must not demand one (SPIFFE_Federation §5.2)`,
    }
  return { code: 'bundle_unreachable', detail: alert === undefined ? `the request failed: ${message}` : `the endpoint ${said}` }
}
