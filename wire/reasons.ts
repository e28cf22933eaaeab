/**
 * Every reason a run can end with, by layer. This list is the type, the metric label, the alert matcher and the docs page.
 * References and libraries use other names for some of these; where the code meets one, it maps it to a name of this list.
 */
export const failReasonsByLayer = {
  dns: {
    dns_not_found: 'the name does not exist, or has no address of the wanted family',
    dns_timeout: 'no answer from the resolver in time',
    dns_server_failure: 'the resolver answered with an error (SERVFAIL, REFUSED, …)',
    dns_mismatch: 'the answer is not the expected one, or two resolvers disagree',
  },
  reach: {
    no_reply: 'no reply at all',
    packet_loss: 'more packets were lost than the check allows',
    host_unreachable: 'a router or this host says that the host cannot be reached',
    network_unreachable: 'there is no route to the network',
    admin_prohibited: 'a filter on the way says that this traffic is not allowed',
    ttl_exceeded: 'the packets died on the way: a routing loop, or a path longer than the TTL',
  },
  path: {
    mtu_black_hole: 'packets of a size that TCP would send vanish without a word',
    mtu_below_required: 'the path carries less than the check requires',
  },
  tcp: {
    tcp_refused: 'the port is closed: the SYN was answered with RST, or the datagram with ICMP port unreachable',
    tcp_timeout: 'the SYN was never answered',
    tcp_reset: 'the connection was reset',
  },
  tls: {
    tls_reset: 'the peer closed or reset the connection during the handshake, without an alert',
    tls_timeout: 'the peer accepted the connection and did not finish the handshake in time',
    tls_stalled: 'packets of the handshake were lost again and again: the flight does not fit the path',
    not_tls: 'the peer does not speak TLS on this port',
    tls_version_or_cipher: 'no common TLS version, cipher or parameter',
    sni_or_alpn_rejected: 'the peer refuses this server name or application protocol',
  },
  certificate: {
    certificate_expired: 'a certificate of the chain has expired',
    certificate_not_yet_valid: 'a certificate of the chain is not valid yet',
    certificate_name_mismatch: 'the certificate is not for this name',
    certificate_untrusted: 'no path from the certificate to a trusted authority',
    chain_incomplete: 'the server did not send an intermediate certificate that exists',
    certificate_revoked: 'the certificate has been revoked',
  },
  spiffe: {
    no_spiffe_id: 'the certificate has no SPIFFE ID',
    invalid_spiffe_id: 'the URI SAN is not a valid SPIFFE ID',
    multiple_uri_san: 'the certificate has more than one URI SAN',
    leaf_constraint: 'the leaf breaks a rule for X509-SVIDs (CA flag, key usage, root path, …)',
    unknown_trust_domain: 'no bundle is known for the trust domain',
    untrusted_chain: "no path to an authority of the trust domain's bundle",
    svid_expired: 'the SVID has expired',
    svid_not_yet_valid: 'the SVID is not valid yet',
    id_mismatch: 'a valid SVID, but of another identity than the expected one',
  },
  'client auth': {
    client_cert_required: 'the server demands a client certificate and none was sent',
    client_cert_rejected: 'the server refused our certificate with an alert',
    client_cert_rejected_silent: 'the server hung up after it saw our certificate',
    client_auth_unconfirmed: 'neither proof nor refusal of our certificate in time',
    authorization_denied: 'the service knows who we are and refuses by policy',
    mtls_not_enforced: 'a client without a certificate was let in',
  },
  bundle: {
    bundle_unreachable: 'the bundle endpoint cannot be reached',
    bundle_http_status: 'the bundle endpoint answered with an HTTP error',
    bundle_malformed: 'the document is not a SPIFFE bundle',
    bundle_empty: 'the bundle has no authority: everything is revoked',
    bundle_stale: 'the bundle has not changed for too long',
    bundle_behind: "a peer does not hold this bundle's current authorities",
    bundle_sequence_regressed: 'the sequence number went back',
    bundle_authority_expired: 'an authority of the bundle has expired',
    endpoint_id_mismatch: 'the bundle endpoint has another SPIFFE ID than configured',
    profile_mismatch: 'the endpoint serves another profile than configured',
  },
  federation: {
    token_missing: 'there is no token at the configured place',
    token_malformed: 'what is there is not a token',
    token_expired: 'the token has expired',
    token_expiring: 'the token is near its end and has not been renewed',
    issuer_unreachable: "the issuer's discovery or keys cannot be fetched",
    issuer_unknown: 'the cloud does not trust this issuer',
    discovery_invalid: 'the discovery document is wrong',
    key_not_in_jwks: "the key that signed the token is not in the issuer's key set",
    signature_invalid: 'the signature does not verify',
    audience_mismatch: 'the token is for another audience',
    subject_mismatch: 'the subject is not the one that is allowed',
    subject_mismatch_or_policy: 'the subject, or a condition of the policy, does not match',
    no_match: 'no federated credential matches the token',
    claim_rejected: 'a claim of the token is refused',
    target_missing: 'the role, application, pool or provider does not exist',
    impersonation_denied: 'the identity may not impersonate the service account',
    token_type_unsupported: 'the service does not take this type of token',
    endpoint_disabled: 'the token endpoint is switched off',
    policy_blocked: 'an organisation policy blocks it',
    throttled: 'the cloud asks to slow down',
    cloud_error: 'the cloud answered with a server error',
    call_denied: 'the exchange worked and the call with the new credential was refused',
  },
  http: {
    http_status: 'another HTTP status than expected',
    http_timeout: 'no complete HTTP answer in time',
    http_body: 'the body is not as expected',
  },
} as const

/** Reasons that blame this agent, never the target or the path. They never page as a network fault. */
export const unmeasuredReasonTexts = {
  local_permission: 'this process lacks a permission; the detail says which',
  local_resource: 'this machine is out of a resource (descriptors, ports, memory)',
  local_overload: 'this process was too late for its own measurement to count',
  local_mtu: "this machine's own interface is too small for the measurement",
  local_interception: 'something on this machine answers in place of the target',
  local_nat_ports: 'the NAT on the way out has no ports left',
  local_svid_unavailable: 'no SVID of our own',
  local_bundle_missing: 'no bundle of our own to verify with',
  config_invalid: 'the check cannot be run as it is configured',
  target_denied: 'local policy does not allow this target',
  unsupported: 'not possible on this system or against this target',
  aborted: 'stopped before it finished',
  internal: 'a fault of this program',
} as const

export type FailLayer = keyof typeof failReasonsByLayer
export type FailReason = { [L in FailLayer]: keyof (typeof failReasonsByLayer)[L] }[FailLayer]
export type UnmeasuredReason = keyof typeof unmeasuredReasonTexts

const layerOf = new Map<string, FailLayer>(
  Object.entries(failReasonsByLayer).flatMap(([layer, reasons]) =>
    Object.keys(reasons).map(reason => [reason, layer as FailLayer] as const),
  ),
)

/** The layer that a failure belongs to. */
export const layerOfReason = (reason: FailReason): FailLayer => layerOf.get(reason)!
export const failReasons = [...layerOf.keys()] as readonly FailReason[]
export const unmeasuredReasons = Object.keys(unmeasuredReasonTexts) as readonly UnmeasuredReason[]

/** What is worth a word although nothing failed, by code. */
export const warningTexts = {
  icmp_filtered: 'ICMP is not answered while TCP works: many balancers and NAT gateways never answer it',
  packet_loss: 'some packets were lost, fewer than the check allows',
  duplicates: 'replies arrived more than once',
  reordered: 'replies arrived out of order',
  rate_limited: 'the responder left datagrams unanswered, or slowed a transfer down, because of its rate caps',
  local_loss: 'packets were lost inside this machine (a full socket buffer), not on the path',
  syn_retransmitted: 'the SYN had to be sent again',
  retransmits: 'segments had to be sent again',
  resolvers_differ: 'two resolvers give different answers',
  large_client_hello_stalls: 'a very large ClientHello does not get through; the sizes in use today do',
  expiring: 'a certificate is near its end',
  root_sent_in_chain: 'the server sends the root certificate, which no one needs',
  intercepted: 'something other than the target answers',
  non_canonical_spiffe_id: 'the SPIFFE ID is not in its canonical form: peers differ on whether they take it',
  key_usage_not_critical: 'the key usage extension is not critical',
  eku_absent: 'the leaf has no extended key usage: some TLS stacks refuse it',
  eku_partial: 'the leaf may be used as a server or as a client, not as both',
  signing_id_other_trust_domain: 'a signing certificate has a SPIFFE ID of another trust domain',
  unused_certificate: 'a certificate was sent that does not belong to the path',
  rotation_late: 'a short-lived certificate should have been renewed by now',
  authority_expiring: 'an authority is near its end',
  clock_skew: 'a date lies in the future: a clock is wrong',
  bundle_empty: 'the bundle has no authority: everything is revoked',
  no_x509_authority: 'the bundle has no X.509 authority: no X509-SVID can be trusted',
  entry_ignored: 'an entry of the bundle is not used, as the specification says',
  kid_missing: 'a key has no key ID: go-spiffe rejects the whole document',
  kid_unexpected: 'an X.509 authority has a key ID, which it should not',
  x5c_several: 'an entry has more than one certificate: go-spiffe and Istio reject the whole document',
  sequence_absent: 'the bundle has no sequence number',
  refresh_hint_absent: 'the bundle has no refresh hint: peers poll every five minutes',
  authority_cannot_sign: 'an authority is not a CA certificate: nothing that it signs can be trusted',
  key_not_compared: 'the private key is encrypted, so it was not compared with the certificate',
  form_assumed: 'the document does not say what it is, and was read as what it looks like',
  bundle_unchanged_sequence: 'the bundle changed and its sequence number did not',
  profile_mismatch: 'the endpoint serves another profile than configured',
  bundle_behind: 'the copy of the bundle that is held here has a lower sequence number than the endpoint serves',
  authority_published_late:
    'an authority signs, or has to, that was published less than three refresh hints before: peers may not hold it yet',
  authority_not_held: 'an authority that is published is not held here: what it signs will not verify',
  held_connection_cut: 'a connection that was held open was cut by the other side',
  held_certificate_expired: 'a connection is still open although the certificate that it was made with has expired',
  redirect_downgrade: 'a redirect leads from HTTPS to plain HTTP',
  token_expiring: 'more than 80 % of the life of a token is over: it should have been renewed by now',
  audience_foreign: "a token for another cloud's audience is used: it works, and whoever holds the one may pose at the other",
  audience_several: 'the token is for several audiences: each of them may pose as us at the others',
  subject_wildcard: "the cloud's policy allows a pattern of subjects: other workloads may come to match it",
  issuer_slow: "the issuer's documents come slowly: a cloud gives up after some five seconds",
  issuer_private: 'the issuer has a private address here: a cloud may not reach it',
  local_check_differs: 'the cloud took a token that does not pass our own check',
  signal_lost: 'packets above the path MTU vanish without a packet-too-big, at sizes that TCP does not send here',
} as const
export type WarningCode = keyof typeof warningTexts
