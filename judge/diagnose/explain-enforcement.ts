import type { Diagnosis, Fix } from '../../wire/causes.ts'
import { mtlsOf, nameOf } from './explain-identity.ts'
import { buildDiagnosis, buildRun, clean, fix, listFacts, placeOf } from './say.ts'
import { findOpen, type Seen, sayDetail } from './seen.ts'

const fixEnforcement: Fix[] = [
  fix(
    'Istio: demand mTLS in the namespace',
    "kubectl apply -f - <<'END'\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: NAMESPACE }\nspec: { mtls: { mode: STRICT } }\nEND",
  ),
  fix('Envoy: in the DownstreamTlsContext', 'require_client_certificate: true'),
  fix('nginx', 'ssl_verify_client on;'),
]

/** Anybody is let in. */
export const explainNotEnforced = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['mtls_not_enforced'])
  if (result === undefined) return undefined
  return buildDiagnosis('mtls_not_enforced', {
    confidence: 'certain',
    summary: `${placeOf(result.target)} lets clients in without a certificate: whoever reaches the port may talk to the service.`,
    evidence: listFacts(sayDetail(result)),
    against: ['the service itself may check identities above TLS, by a token for instance'],
    fixes: fixEnforcement,
    next: buildRun(result.target, 'mtls', '--negative'),
  })
}

/** An ordinary TLS server: no SPIFFE ID in its certificate, and none asked of us. There is no wrong identity where identities are not used at all. */
export const explainPlainTls = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['no_spiffe_id'])
  const mtls = mtlsOf(seen)
  if (result?.kind !== 'mtls' || mtls?.clientAuth !== 'not_requested' || !result.violations.some(one => one.code === 'mtls_not_enforced'))
    return undefined
  return buildDiagnosis('mtls_not_enforced', {
    confidence: 'certain',
    summary: `${placeOf(result.target)} is an ordinary TLS server: its certificate has no SPIFFE ID, and it asks for none of ours. Nothing there is mutual TLS.`,
    evidence: listFacts(
      ...result.violations.slice(0, 6).map(one => clean(`${one.code}: ${one.detail}`)),
      mtls.sni && `server name asked for: ${clean(mtls.sni)}`,
      mtls.ourCertificate === undefined && 'no identity of ours was given, and none would have been asked for',
    ),
    against: ['a gateway chooses by server name and protocol: for another --sni or --alpn it may lead to a service with mutual TLS'],
    fixes: [fix('this command: judge it as the TLS server that it is', buildRun(result.target, 'tls')), ...fixEnforcement],
    next: buildRun(result.target, 'tls'),
  })
}

/** We are who we say, and the service's policy does not let us in: no fault of certificates or bundles. */
export const explainDenied = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['authorization_denied'])
  if (result === undefined) return undefined
  const us = nameOf(mtlsOf(seen)?.ourId, 'our identity')
  return buildDiagnosis('peer_rejects_our_identity', {
    confidence: 'likely',
    summary: `${placeOf(result.target)} knows who we are (${us}) and its policy does not let us in: certificates and trust bundles are in order.`,
    evidence: listFacts(sayDetail(result), mtlsOf(seen)?.peerId && `the peer is ${clean(mtlsOf(seen)!.peerId!)}, which we accept`),
    against: listFacts(
      result.kind === 'mtls' && 'a server that hangs up on everybody after the handshake looks the same',
      'it may be as it should be: not everybody is meant to talk to this service',
    ),
    fixes: [
      fix(
        'Istio: which policies are there?',
        'kubectl get authorizationpolicies --all-namespaces --output yaml | grep -n -B4 -A12 principals',
      ),
      fix('this fleet: measure as a service account that may', 'probe get checks'),
    ],
    next: buildRun(result.target, result.kind, '--output json'),
  })
}
