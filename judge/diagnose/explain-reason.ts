import type { Cause, Diagnosis } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import type { AnyResult, Result } from '../../wire/result.ts'
import { buildDiagnosis, buildRun, fix, listFacts, placeOf } from './say.ts'
import { isStalledTransfer, onlyKindOf, reasonOf, type Seen, sayDetail, textOf } from './seen.ts'

/** The cause that a reason alone points to, where no explainer knows better. The compiler says which reason is missing. */
export const causeOfReason: Record<FailReason, Cause> = {
  dns_not_found: 'dns_broken',
  dns_timeout: 'dns_broken',
  dns_server_failure: 'dns_broken',
  dns_mismatch: 'dns_broken',
  no_reply: 'host_down',
  packet_loss: 'packet_loss',
  host_unreachable: 'host_down',
  network_unreachable: 'host_down',
  admin_prohibited: 'port_filtered',
  ttl_exceeded: 'host_down',
  mtu_black_hole: 'path_mtu_black_hole',
  mtu_below_required: 'route_changed',
  tcp_refused: 'port_closed',
  tcp_timeout: 'port_filtered',
  tcp_reset: 'connection_reset',
  tls_reset: 'connection_reset',
  tls_timeout: 'service_silent',
  tls_stalled: 'packet_loss',
  not_tls: 'not_tls',
  tls_version_or_cipher: 'tls_policy_mismatch',
  sni_or_alpn_rejected: 'tls_policy_mismatch',
  certificate_expired: 'certificate_expired',
  certificate_not_yet_valid: 'clock_skew',
  certificate_name_mismatch: 'certificate_name_mismatch',
  certificate_untrusted: 'certificate_untrusted',
  chain_incomplete: 'chain_incomplete',
  certificate_revoked: 'certificate_untrusted',
  no_spiffe_id: 'wrong_identity_served',
  invalid_spiffe_id: 'wrong_identity_served',
  multiple_uri_san: 'wrong_identity_served',
  leaf_constraint: 'wrong_identity_served',
  unknown_trust_domain: 'trust_bundle_misaligned',
  untrusted_chain: 'trust_bundle_misaligned',
  svid_expired: 'certificate_rotation_stuck',
  svid_not_yet_valid: 'clock_skew',
  id_mismatch: 'wrong_identity_served',
  client_cert_required: 'peer_rejects_our_identity',
  client_cert_rejected: 'peer_rejects_our_identity',
  client_cert_rejected_silent: 'peer_rejects_our_identity',
  client_auth_unconfirmed: 'peer_rejects_our_identity',
  authorization_denied: 'peer_rejects_our_identity',
  mtls_not_enforced: 'mtls_not_enforced',
  bundle_unreachable: 'trust_bundle_misaligned',
  bundle_http_status: 'trust_bundle_misaligned',
  bundle_malformed: 'trust_bundle_misaligned',
  bundle_empty: 'trust_bundle_misaligned',
  bundle_stale: 'trust_bundle_misaligned',
  bundle_behind: 'trust_bundle_misaligned',
  bundle_sequence_regressed: 'trust_bundle_misaligned',
  bundle_authority_expired: 'trust_bundle_misaligned',
  endpoint_id_mismatch: 'wrong_identity_served',
  profile_mismatch: 'trust_bundle_misaligned',
  token_missing: 'federation_token_stale',
  token_malformed: 'federation_token_stale',
  token_expired: 'federation_token_stale',
  token_expiring: 'federation_token_stale',
  issuer_unreachable: 'federation_issuer',
  issuer_unknown: 'federation_issuer',
  discovery_invalid: 'federation_issuer',
  key_not_in_jwks: 'federation_issuer',
  signature_invalid: 'federation_issuer',
  audience_mismatch: 'federation_audience',
  subject_mismatch: 'federation_subject',
  subject_mismatch_or_policy: 'federation_subject',
  no_match: 'federation_subject',
  claim_rejected: 'federation_subject',
  target_missing: 'federation_permission',
  impersonation_denied: 'federation_permission',
  token_type_unsupported: 'federation_permission',
  endpoint_disabled: 'federation_permission',
  policy_blocked: 'federation_permission',
  throttled: 'federation_permission',
  cloud_error: 'federation_permission',
  call_denied: 'federation_permission',
  http_status: 'http_wrong_answer',
  http_timeout: 'service_slow',
  http_body: 'http_wrong_answer',
}

/** What is sent again and again is lost; what has arrived and is not answered is not. */
const isSentAgain = ({ measured: { retransmits } }: Result<'tcp'>): boolean => (retransmits ?? 0) > 0
const causeOfStall = (result: Result<'tcp'>): Cause => (isSentAgain(result) ? 'packet_loss' : 'service_silent')
const sayStall = (result: Result<'tcp'>): string => `it connects, and its data is not ${isSentAgain(result) ? 'acknowledged' : 'answered'}`

/** What can be said from the reason alone: true, general, and never more than possible. */
export const explainReason = (result: AnyResult, seen: Seen): Diagnosis => {
  const reason = reasonOf(result)!
  const cause = isStalledTransfer(result) ? causeOfStall(result) : causeOfReason[reason]
  const { target } = result
  const healthyMtu = reason === 'tls_stalled' && seen.mtu?.outcome.kind === 'ok'
  return buildDiagnosis(cause, {
    confidence: 'possible',
    summary: `The step ${result.kind} to ${placeOf(target)} failed: ${isStalledTransfer(result) ? sayStall(result) : textOf(reason)}.`,
    evidence: listFacts(sayDetail(result)),
    against: listFacts(
      'this follows from one result alone: other causes are possible',
      healthyMtu && 'packets of the sizes that TCP sends do pass when tried one by one',
    ),
    fixes: [fix('keep what was seen, for a ticket', buildRun(target, onlyKindOf(seen), '--evidence evidence.json'))],
    next: buildRun(target, result.kind),
  })
}
