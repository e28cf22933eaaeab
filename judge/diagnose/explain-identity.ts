import type { Confidence, Diagnosis } from '../../wire/causes.ts'
import type { MtlsMeasured } from '../../wire/measured-identity.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { AnyResult } from '../../wire/result.ts'
import { sayDuration } from '../../wire/say-duration.ts'
import { fixFederation, shellDomain } from './fix-federation.ts'
import { fixRotation } from './fix-renewal.ts'
import { buildDiagnosis, buildRun, clean, fix, listFacts, placeOf } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

export const mtlsOf = (seen: Seen): MtlsMeasured | undefined => seen.mtls?.measured
export const nameOf = (text: string | null | undefined, otherwise: string): string => (text ? clean(text) : otherwise)

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

/** Clocks of hosts without NTP drift by minutes. */
const youngMs = 10 * 60_000

/** A certificate that has only begun is not valid yet for a peer whose clock is behind. */
const sayYoung = (seen: Seen): string | false => {
  const from = mtlsOf(seen)?.ourCertificate?.notBefore
  const ageMs = from === undefined ? Number.POSITIVE_INFINITY : Date.parse(seen.startedAt) - Date.parse(from)
  return ageMs < youngMs && `our certificate is valid only since ${sayDuration(ageMs)}: a peer whose clock is behind by more refuses it`
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
      sayYoung(seen),
    ),
    fixes: [
      fix('the peer: does it hold our bundle? (SPIRE)', `spire-server bundle list -format spiffe -id spiffe://${shellDomain(domain)}`),
      ...fixFederation(domain, "the peer's SPIRE server").slice(0, 1),
      fix('the peer: is our identity allowed? (Istio)', 'kubectl get authorizationpolicies,peerauthentications --all-namespaces'),
    ],
    next: buildRun(result.target, 'mtls', '--output json'),
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
    fixes: fixRotation(),
    next: buildRun(subject.target, 'mtls', '--output json'),
  })
}

/** A gateway that passes TLS through picks the workload by server name and protocol: without a match it hangs up (Istio AUTO_PASSTHROUGH). */
export const explainGateway = (seen: Seen): Diagnosis | undefined => {
  const mtls = mtlsOf(seen)
  const result = findOpen(seen, ['tls_reset', 'sni_or_alpn_rejected'])
  if (result === undefined || mtls?.nonsenseSni === undefined || result.kind !== 'mtls') return undefined
  const alike = mtls.nonsenseSni === 'refused'
  // An alert about the protocol comes from somebody who has a route.
  if (alike && reasonOf(result) !== 'tls_reset') return undefined
  return buildDiagnosis('tls_policy_mismatch', {
    confidence: 'likely',
    summary: alike
      ? `${placeOf(result.target)} is up and hangs up for this server name just as for one that nobody has: the gateway has no route for it.`
      : `${placeOf(result.target)} answers for a server name that nobody has and hangs up for this one: the gateway knows it, and the workload behind it is at fault.`,
    evidence: listFacts(sayDetail(result), mtls.sni && `asked for ${clean(mtls.sni)}`, `a nonsense name was ${mtls.nonsenseSni}`),
    against: listFacts(alike && 'a gateway whose workload has no endpoint closes the connection in the same way'),
    fixes: [
      fix(
        'Istio: does the gateway pass these hosts through?',
        'kubectl get gateways --all-namespaces --output yaml | grep -n -B8 AUTO_PASSTHROUGH',
      ),
      fix(
        'Istio: has the service an endpoint there?',
        'istioctl proxy-config endpoints deployment/istio-eastwestgateway --namespace istio-system | grep HOST',
      ),
    ],
    next: buildRun(result.target, 'mtls', '--sni-pair'),
  })
}
