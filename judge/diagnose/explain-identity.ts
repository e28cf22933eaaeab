import type { Confidence, Diagnosis, Fix } from '../../wire/causes.ts'
import type { MtlsMeasured } from '../../wire/measured.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { AnyResult } from '../../wire/result.ts'
import { fixFederation } from './fix-federation.ts'
import { buildDiagnosis, buildRun, clean, fix, listFacts, placeOf, sayDuration } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

const mtlsOf = (seen: Seen): MtlsMeasured | undefined => seen.mtls?.measured
const nameOf = (text: string | null | undefined, otherwise: string): string => (text ? clean(text) : otherwise)

const untrusted: readonly FailReason[] = ['unknown_trust_domain', 'untrusted_chain']

/**
 * Our side does not hold the authority that signed the peer. After a rotation the issuer has the name of one that is held and another key, or a
 * new name; a domain without any bundle was never federated (SPIFFE_Federation §5).
 */
export const explainBundleHere = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, untrusted)
  if (result === undefined) return undefined
  const mtls = mtlsOf(seen)
  const domain = nameOf(mtls?.trustDomain, "the peer's trust domain")
  const never = reasonOf(result) === 'unknown_trust_domain'
  const leaf = mtls?.chain[0]
  const issuer = nameOf(mtls?.chain.at(-1)?.issuer, 'its issuer')
  const both = mtls?.clientAuth === 'rejected'
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: never ? 'certain' : 'likely',
    summary: never
      ? `Our side holds no bundle of ${domain}, so nothing that it signs can be verified here.`
      : `Our side does not hold the authority of ${domain} that signed the certificate of ${placeOf(result.target)} ("${issuer}").`,
    evidence: listFacts(
      sayDetail(result),
      mtls?.peerId && `the peer is ${clean(mtls.peerId)}`,
      leaf !== undefined && !never && `its certificate was issued at ${leaf.notBefore}: our bundle is older than that authority`,
      mtls !== undefined && `bundles come from: ${clean(mtls.identitySource)}`,
      both && 'the peer refuses our certificate as well: its bundle may be behind too',
    ),
    against: listFacts(
      !never && 'a certificate of an unknown authority, or one that lacks an intermediate, looks the same from here',
      mtls?.clientAuth === 'accepted' && 'the peer accepted our certificate: its side is in step',
    ),
    fixes: fixFederation(mtls?.trustDomain ?? undefined),
    next: buildRun(result.target, 'mtls', '--output json'),
  })
}

/** A valid SVID that is not the expected one, or one that breaks the rules for SVIDs (X509-SVID §2–5). */
export const explainWrongIdentity = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, [
    'id_mismatch',
    'endpoint_id_mismatch',
    'no_spiffe_id',
    'invalid_spiffe_id',
    'multiple_uri_san',
    'leaf_constraint',
  ])
  if (result === undefined) return undefined
  const mtls = mtlsOf(seen)
  const valid = reasonOf(result) === 'id_mismatch' || reasonOf(result) === 'endpoint_id_mismatch'
  const peer = nameOf(mtls?.peerId ?? seen.bundle?.measured.endpointId, 'another identity')
  return buildDiagnosis('wrong_identity_served', {
    confidence: 'certain',
    summary: valid
      ? `${placeOf(result.target)} proves to be ${peer}, which is not the identity expected there: the address leads to another service.`
      : `What ${placeOf(result.target)} presents is not a valid SVID, so nobody can tell who it is.`,
    evidence: listFacts(sayDetail(result), ...result.violations.slice(1, 6).map(one => clean(`${one.code}: ${one.detail}`))),
    against: listFacts(valid && 'the expectation may be what is out of date: the service account or namespace may have been renamed'),
    fixes: [
      fix(
        'Istio: where does the host lead to now?',
        'kubectl get serviceentries,destinationrules --all-namespaces --output yaml | grep -n -A3 -e endpoints -e subjectAltNames',
      ),
      fix('SPIRE: which entries have this identity?', 'spire-server entry show'),
      fix('this check: expect the new identity', buildRun(result.target, 'mtls', '--expect-id SPIFFE_ID')),
    ],
    next: buildRun(result.target, 'mtls', '--output json'),
  })
}

const refused: readonly FailReason[] = ['client_cert_rejected', 'client_cert_rejected_silent', 'client_auth_unconfirmed']

/** An alert is a hint at most: stacks differ in what they send (OpenSSL 48 for an unknown authority, Java and Envoy 46 for nearly all). */
const explainAlert = (alert: number | undefined): { confidence: Confidence; cause: string } => {
  if (alert === 48) return { confidence: 'likely', cause: 'it does not hold the authority that signed us' }
  if (alert === 45) return { confidence: 'likely', cause: 'it takes our certificate for expired: compare the clocks' }
  if (alert === 43) return { confidence: 'likely', cause: 'our certificate may not be used by a client' }
  if (alert === 44) return { confidence: 'likely', cause: 'it takes our certificate for revoked' }
  return { confidence: 'likely', cause: 'it does not say why: its bundle of our trust domain, or its list of allowed identities' }
}

/** The peer is who it should be and refuses us. */
export const explainRefusal = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, refused)
  if (result === undefined) return undefined
  const mtls = mtlsOf(seen)
  const { confidence, cause } = explainAlert(mtls?.alert)
  const unconfirmed = reasonOf(result) === 'client_auth_unconfirmed'
  const us = nameOf(mtls?.ourId, 'our certificate')
  const domain = /^spiffe:\/\/([^/]+)/.exec(mtls?.ourId ?? '')?.[1]
  return buildDiagnosis('peer_rejects_our_identity', {
    confidence: unconfirmed ? 'possible' : confidence,
    summary: unconfirmed
      ? `${placeOf(result.target)} neither accepts nor refuses ${us}: without a word from it nobody knows whether requests will pass.`
      : `${placeOf(result.target)} refuses ${us}; ${cause}.`,
    evidence: listFacts(
      sayDetail(result),
      mtls?.peerId && `the peer is ${clean(mtls.peerId)}, which we accept`,
      mtls?.alert !== undefined && `TLS alert ${mtls.alert}`,
    ),
    against: listFacts(
      unconfirmed && 'a server that sends no session tickets and waits for the first request looks the same',
      reasonOf(result) === 'client_cert_rejected_silent' && 'a server that closes every idle connection looks the same',
      mtls?.alert !== undefined && mtls.alert !== 48 && 'the alert is a hint: stacks use the same one for different reasons',
    ),
    fixes: [
      fix(
        'the peer: does it hold our bundle? (SPIRE)',
        `spire-server bundle list -format spiffe${domain ? ` -id spiffe://${domain}` : ''}`,
      ),
      ...fixFederation(domain).slice(0, 1),
      fix('the peer: is our identity allowed? (Istio)', 'kubectl get authorizationpolicies,peerauthentications --all-namespaces'),
    ],
    next: buildRun(result.target, 'mtls', '--output json'),
  })
}

/** Anybody is let in. */
export const explainNotEnforced = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['mtls_not_enforced'])
  if (result === undefined) return undefined
  return buildDiagnosis('mtls_not_enforced', {
    confidence: 'certain',
    summary: `${placeOf(result.target)} lets clients in without a certificate: whoever reaches the port may talk to the service.`,
    evidence: listFacts(sayDetail(result)),
    against: ['the service itself may check identities above TLS, by a token for instance'],
    fixes: [
      fix(
        'Istio: demand mTLS in the namespace',
        "kubectl apply -f - <<'END'\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default, namespace: NAMESPACE }\nspec: { mtls: { mode: STRICT } }\nEND",
      ),
      fix('Envoy: in the DownstreamTlsContext', 'require_client_certificate: true'),
      fix('nginx', 'ssl_verify_client on;'),
    ],
    next: buildRun(result.target, 'mtls', '--negative'),
  })
}

/** The workload holds a newer SVID than what is served under the same identity: the proxy has not reloaded, or nobody rotates any more. */
export const explainStuckRotation = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['svid_expired'])
  const rotation = mtlsOf(seen)?.rotation
  const behind = rotation !== undefined && rotation.served.notBefore < rotation.held.notBefore
  const subject: AnyResult | undefined = result ?? (behind ? seen.mtls : undefined)
  if (subject === undefined) return undefined
  const mtls = mtlsOf(seen)
  const left = mtls?.expiry?.secondsLeft ?? 0
  const when = left > 0 ? `has ${sayDuration(left * 1000)} left` : `ended ${sayDuration(-left * 1000)} ago`
  return buildDiagnosis('certificate_rotation_stuck', {
    confidence: behind ? 'certain' : 'likely',
    summary: behind
      ? `${placeOf(subject.target)} still serves an old certificate, which ${when}, while the workload holds a newer one: the proxy has not reloaded.`
      : `The SVID of ${placeOf(subject.target)} ${when}: whatever should renew it does not.`,
    evidence: listFacts(
      result && sayDetail(result),
      rotation && `served: serial ${rotation.served.serial}, ${rotation.served.notBefore} to ${rotation.served.notAfter}`,
      rotation && `held: serial ${rotation.held.serial}, ${rotation.held.notBefore} to ${rotation.held.notAfter}`,
    ),
    against: listFacts(!behind && 'a clock that is ahead makes valid certificates look expired'),
    fixes: [
      fix(
        'SPIRE agent on that node: does it renew?',
        'kubectl logs --namespace spire daemonset/spire-agent | grep -i -e renew -e rotat -e error',
      ),
      fix('Istio: what does the proxy hold?', 'istioctl proxy-config secret POD --namespace NAMESPACE'),
      fix('the proxy: start it anew', 'kubectl rollout restart --namespace NAMESPACE deployment/NAME'),
    ],
    next: buildRun(subject.target, 'mtls', '--output json'),
  })
}

const documents: readonly FailReason[] = [
  'bundle_unreachable',
  'bundle_http_status',
  'bundle_malformed',
  'bundle_empty',
  'bundle_stale',
  'bundle_behind',
  'bundle_sequence_regressed',
  'bundle_authority_expired',
  'profile_mismatch',
]

/** The endpoint from which others take a trust domain's bundle: while it fails, their copies grow old. */
export const explainBundleEndpoint = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, documents)
  if (result === undefined) return undefined
  const bundle = seen.bundle?.measured
  const domain = nameOf(bundle?.trustDomain, 'this trust domain')
  const fixes: Fix[] = [
    fix('SPIRE server: is the endpoint on, and with which profile?', 'grep -A12 federation /etc/spire/server/server.conf'),
    ...fixFederation(bundle?.trustDomain ?? undefined),
  ]
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: 'certain',
    summary: `The bundle endpoint of ${domain} at ${placeOf(result.target)} does not serve a usable bundle: peers that poll it fall behind at the next rotation.`,
    evidence: listFacts(
      sayDetail(result),
      bundle !== undefined && `asked for ${clean(bundle.url)} as ${bundle.profile}`,
      bundle?.sequence && `sequence ${clean(bundle.sequence)}`,
    ),
    against: ['peers that already hold the current authorities work until the next one signs'],
    fixes,
    next: buildRun(result.target),
  })
}
