/** What can explain failing outcomes: the closed list of diagnoses, each with its layer and one sentence for the docs. */
export const layers = ['local', 'dns', 'reach', 'path', 'tcp', 'tls', 'certificate', 'identity', 'federation', 'http'] as const
export type Layer = (typeof layers)[number]

export const causeTexts = {
  prober_at_fault: ['local', 'this machine is the problem: permissions, interface MTU, overload'],
  dns_broken: ['dns', 'a name is not resolved, or not to the same answer everywhere'],
  host_down: ['reach', 'nothing of the host answers'],
  routing_loop: ['reach', 'routers send packets to one another in a circle'],
  icmp_filtered: ['reach', 'ICMP is dropped on the way while TCP works'],
  packet_loss: ['reach', 'packets are lost at random, whatever their size'],
  congestion: ['reach', 'a queue is full somewhere: delay grows with loss'],
  asymmetric_route: ['path', 'the way back is another way'],
  route_changed: ['path', 'the route is not what it was'],
  path_mtu_black_hole: ['path', 'packets above a size vanish without a word, and TCP sends such packets'],
  mss_not_clamped: ['path', 'one gateway clamps the MSS and the other does not'],
  port_closed: ['tcp', 'the host answers that nothing listens on the port'],
  port_filtered: ['tcp', 'the host answers, the port does not: a filter on the way'],
  connection_reset: ['tcp', 'connections are accepted and reset'],
  sidecar_answers_every_port: ['tcp', 'a proxy accepts every connection, so that an open port proves nothing'],
  handshake_too_big: ['tls', 'a ClientHello of more than one packet does not get through, a smaller one does'],
  service_silent: ['tls', 'the port accepts and the service behind it says nothing'],
  not_tls: ['tls', 'the service on this port does not speak TLS'],
  tls_policy_mismatch: ['tls', 'no TLS version, cipher, server name or protocol in common'],
  tls_intercepted: ['certificate', 'another party terminates TLS on the way'],
  certificate_expired: ['certificate', 'a certificate of the chain is past its end'],
  certificate_rotation_stuck: ['certificate', 'a new certificate exists and the old one is still served'],
  certificate_name_mismatch: ['certificate', 'the certificate is for other names'],
  certificate_untrusted: ['certificate', 'the certificate comes from an authority that is not trusted here'],
  chain_incomplete: ['certificate', 'an intermediate certificate is missing from what the server sends'],
  clock_skew: ['certificate', 'a clock is wrong, so that valid certificates look invalid'],
  trust_bundle_misaligned: ['identity', 'one side does not hold an authority of the other'],
  wrong_identity_served: ['identity', 'a valid identity answers, but not the expected one'],
  peer_rejects_our_identity: ['identity', 'the peer refuses our certificate'],
  mtls_not_enforced: ['identity', 'the port lets clients in without a certificate'],
  service_slow: ['http', 'the network is quick and the service takes too long'],
  http_wrong_answer: ['http', 'the service answers, and not as it should'],
  federation_token_stale: ['federation', 'the token is too old'],
  federation_issuer: ['federation', "the token's issuer is unknown or unreachable"],
  federation_audience: ['federation', 'the token is for another audience'],
  federation_subject: ['federation', 'the subject is not allowed'],
  federation_permission: ['federation', 'the identity may not do what it asks for'],
} as const satisfies Record<string, readonly [Layer, string]>

export type Cause = keyof typeof causeTexts
export const causes = Object.keys(causeTexts) as readonly Cause[]
export const layerOfCause = (cause: Cause): Layer => causeTexts[cause][0]

export type PathDirection = 'forward' | 'reverse' | 'both'
export type Confidence = 'certain' | 'likely' | 'possible'

/** A ready command or configuration, and the place where people type it. */
export type Fix = { where: string; command: string }

/** One cause with what speaks for it and against it. `direction` is absent where the cause has none. */
export type Diagnosis = {
  cause: Cause
  layer: Layer
  direction?: PathDirection
  confidence: Confidence
  /** One sentence that a tired person understands. */
  summary: string
  /** Facts with their numbers. */
  evidence: string[]
  against: string[]
  fixes: Fix[]
  /** The next command to run. */
  next: string
}
