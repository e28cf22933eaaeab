import t from 'tap'
import { diagnose } from '../../../judge/diagnose/diagnose.ts'
import type { MtlsMeasured } from '../../../wire/measured-identity.ts'
import type { FailReason } from '../../../wire/reasons.ts'
import type { AnyResult, Result } from '../../../wire/result.ts'
import * as seen from './seen.ts'
import { tell } from './story.ts'

const { bundle, certificate, fail, inMinutes, mtls } = seen

/** An mTLS run that failed for this reason. */
const failed = (reason: FailReason, measured: Partial<MtlsMeasured> = {}, detail?: string): Result<'mtls'> =>
  mtls({ outcome: fail(reason, detail), measured })
const stamp = (minutes: number) => ({
  fingerprint256: `AA:${minutes}`,
  serial: `serial${minutes}`,
  notBefore: inMinutes(minutes),
  notAfter: inMinutes(minutes + 60),
})
/** Served is that many minutes older than held. */
const rotation = (minutes: number) => ({ served: stamp(-minutes), held: stamp(0) })

tell([
  { name: 'both accept each other', results: [mtls()], says: [] },
  { name: 'a bundle endpoint in step', results: [bundle()], says: [] },

  // our bundle
  {
    name: 'a trust domain that was never federated',
    results: [failed('unknown_trust_domain', { verified: false })],
    says: [['trust_bundle_misaligned', 'certain']],
    summary: /Our side holds no bundle of azure\.example/,
  },
  {
    name: 'the other side rotated its CA and we have not fetched the bundle',
    results: [failed('untrusted_chain', { verified: false, chain: [certificate({ issuer: 'CN=azure.example authority 2' })] })],
    says: [['trust_bundle_misaligned', 'likely']],
    summary: /Our side does not hold the authority of azure\.example .*authority 2/,
  },
  {
    name: 'both sides are behind: they refuse us as well',
    results: [failed('untrusted_chain', { verified: false, clientAuth: 'rejected', alert: 48, chain: [certificate()] })],
    says: [['trust_bundle_misaligned', 'likely']],
  },

  // who answers
  {
    name: 'behind a ServiceEntry another service answers',
    results: [failed('id_mismatch', { peerId: 'spiffe://azure.example/ledger' })],
    says: [['wrong_identity_served', 'certain']],
    summary: /proves to be spiffe:\/\/azure\.example\/ledger, which is not the identity expected/,
  },
  {
    name: 'a bundle endpoint with another ID',
    results: [
      bundle({
        outcome: fail('endpoint_id_mismatch'),
        measured: { profile: 'https_spiffe', endpointId: 'spiffe://azure.example/somebody-else' },
      }),
    ],
    says: [['wrong_identity_served', 'certain']],
    summary: /proves to be spiffe:\/\/azure\.example\/somebody-else/,
  },
  ...(['no_spiffe_id', 'invalid_spiffe_id', 'multiple_uri_san', 'leaf_constraint'] as const).map(reason => ({
    name: `what is presented is no valid SVID: ${reason}`,
    results: [failed(reason, { peerId: null, verified: false })],
    says: [['wrong_identity_served', 'certain'] as ['wrong_identity_served', 'certain']],
    summary: /not a valid SVID, so nobody can tell who it is/,
  })),

  // our certificate
  {
    name: 'the server does not know our authority, by its alert',
    results: [failed('client_cert_rejected', { clientAuth: 'rejected', alert: 48 })],
    says: [['peer_rejects_our_identity', 'likely']],
    summary: /refuses spiffe:\/\/aws\.example\/checkout; it does not hold the authority that signed us/,
  },
  {
    name: 'the server takes our certificate for expired',
    results: [failed('client_cert_rejected', { clientAuth: 'rejected', alert: 45 })],
    says: [['peer_rejects_our_identity', 'likely']],
    summary: /compare the clocks/,
  },
  {
    name: 'the server takes our certificate for expired, which by our clock it is not',
    results: [
      failed('client_cert_rejected', { clientAuth: 'rejected', alert: 45, ourCertificate: { ...stamp(-57), notAfter: inMinutes(3) } }),
    ],
    says: [['clock_skew', 'likely']],
    summary: /valid for another 3 minutes: its clock is ahead, or ours behind, by at least that/,
  },
  {
    name: 'the server takes our certificate for expired, and it is',
    results: [
      failed('client_cert_rejected', { clientAuth: 'rejected', alert: 45, ourCertificate: { ...stamp(-90), notAfter: inMinutes(-1) } }),
    ],
    says: [['peer_rejects_our_identity', 'likely']],
  },
  {
    name: "the peer's certificate and ours both begin in five minutes: our clock is behind",
    results: [
      failed('svid_not_yet_valid', { verified: false, ourCertificate: stamp(5), chain: [certificate({ notBefore: inMinutes(5) })] }),
    ],
    says: [['clock_skew', 'certain']],
    summary: /becomes valid only in 5 minutes: probably this machine's clock is behind/,
  },
  {
    name: 'our certificate may not be used by a client',
    results: [failed('client_cert_rejected', { clientAuth: 'rejected', alert: 43 })],
    says: [['peer_rejects_our_identity', 'likely']],
    summary: /may not be used by a client/,
  },
  {
    name: 'the server takes our certificate for revoked',
    results: [failed('client_cert_rejected', { clientAuth: 'rejected', alert: 44 })],
    says: [['peer_rejects_our_identity', 'likely']],
    summary: /revoked/,
  },
  ...[42, 46].map(alert => ({
    name: `the server refuses with alert ${alert}, which stacks send for many reasons`,
    results: [failed('client_cert_rejected', { clientAuth: 'rejected' as const, alert })],
    says: [['peer_rejects_our_identity', 'likely'] as ['peer_rejects_our_identity', 'likely']],
    summary: /does not say why/,
  })),
  {
    name: 'the server hangs up without a word',
    results: [failed('client_cert_rejected_silent', { clientAuth: 'rejected' })],
    says: [['peer_rejects_our_identity', 'likely']],
    summary: /refuses spiffe:\/\/aws\.example\/checkout/,
  },
  {
    name: 'the server neither accepts nor refuses',
    results: [failed('client_auth_unconfirmed', { clientAuth: 'unconfirmed' })],
    says: [['peer_rejects_our_identity', 'possible']],
    summary: /neither accepts nor refuses/,
  },
  {
    name: 'the server demands a certificate and we have none',
    results: [failed('client_cert_required', { clientAuth: 'rejected', ourId: null, alert: 116 })],
    says: [['peer_rejects_our_identity', 'certain']],
  },
  {
    name: 'anybody is let in',
    results: [failed('mtls_not_enforced', { withoutCertificate: 'accepted' })],
    says: [['mtls_not_enforced', 'certain']],
    summary: /lets clients in without a certificate/,
  },

  // rotation
  {
    name: 'the proxy still serves the old certificate, which is valid for an hour',
    results: [mtls({ measured: { rotation: rotation(30), expiry: { secondsLeft: 3600, subject: 'CN=payments' } } })],
    says: [['certificate_rotation_stuck', 'certain']],
    summary: /still serves an old certificate, which has .* left, while the workload holds a newer one/,
  },
  {
    name: 'the proxy serves a newer certificate than ours: we are the ones who lag',
    results: [mtls({ measured: { rotation: rotation(-30) } })],
    says: [],
  },
  {
    name: 'the old certificate has run out by now',
    results: [failed('svid_expired', { rotation: rotation(90), expiry: { secondsLeft: -1800, subject: 'CN=payments' } })],
    says: [['certificate_rotation_stuck', 'certain']],
    summary: /still serves an old certificate, which ended .* ago/,
  },
  {
    name: 'an SVID ran out, and nothing is known of a newer one',
    results: [failed('svid_expired', { expiry: { secondsLeft: -86_400, subject: 'CN=payments' } })],
    says: [['certificate_rotation_stuck', 'likely']],
    summary: /ended .* ago: whatever should renew it does not/,
  },
  {
    name: 'an SVID that begins tomorrow is a matter of clocks',
    results: [failed('svid_not_yet_valid', { verified: false })],
    says: [['clock_skew', 'possible']],
  },

  // gateways
  {
    name: 'a gateway hangs up for this name as for one that nobody has',
    results: [failed('tls_reset', { sni: 'outbound_.8080_._.payments.prod', nonsenseSni: 'refused' })],
    says: [['tls_policy_mismatch', 'likely']],
    summary: /the gateway has no route for it/,
  },
  {
    name: 'a gateway answers for a name that nobody has and hangs up for this one',
    results: [failed('tls_reset', { sni: 'outbound_.8080_._.payments.prod', nonsenseSni: 'answered' })],
    says: [['tls_policy_mismatch', 'likely']],
    summary: /the workload behind it is at fault/,
  },
  {
    name: 'a handshake is broken off and no other name was tried',
    results: [failed('tls_reset')],
    says: [['connection_reset', 'certain']],
  },

  // bundle endpoints
  ...(
    [
      'bundle_unreachable',
      'bundle_http_status',
      'bundle_malformed',
      'bundle_empty',
      'bundle_stale',
      'bundle_behind',
      'bundle_sequence_regressed',
      'bundle_authority_expired',
      'profile_mismatch',
    ] as const
  ).map(reason => ({
    name: `a bundle endpoint that fails: ${reason}`,
    results: [bundle({ outcome: fail(reason) })],
    says: [['trust_bundle_misaligned', 'certain'] as ['trust_bundle_misaligned', 'certain']],
    summary: /azure\.example/,
  })),
])

t.test('what speaks against a verdict, and what is left open', t => {
  const of = (result: AnyResult) => diagnose([result], { startedAt: seen.startedAt })[0]!
  const behind = of(failed('untrusted_chain', { verified: false, chain: [certificate()] }))
  t.match(behind.against?.join('\n'), /lacks an intermediate/, 'a missing intermediate looks the same')
  t.match(behind.against?.join('\n'), /accepted our certificate: its side is in step/)
  const both = of(failed('untrusted_chain', { clientAuth: 'rejected', chain: [certificate()] }))
  t.match(both.evidence.join('\n'), /refuses our certificate as well/)
  t.match(of(failed('client_cert_rejected', { clientAuth: 'rejected', alert: 46 })).against?.join('\n'), /the alert is a hint/)
  t.match(of(failed('client_cert_rejected_silent', { clientAuth: 'rejected' })).against?.join('\n'), /closes every idle connection/)
  t.match(of(failed('client_auth_unconfirmed')).against?.join('\n'), /sends no session tickets/)
  t.match(of(failed('id_mismatch')).against?.join('\n'), /expectation may be what is out of date/)
  const stuck = of(mtls({ measured: { rotation: rotation(30) } })).evidence.join('\n')
  t.match(stuck, /served: serial serial-30/)
  t.match(stuck, /held: serial serial0/)
  t.end()
})

t.test('every rule that an SVID breaks is in the evidence', t => {
  const result: Result<'mtls'> = {
    ...failed('multiple_uri_san', {}, 'two URI names'),
    violations: [
      { code: 'multiple_uri_san', detail: 'two URI names' },
      { code: 'leaf_constraint', detail: 'no digitalSignature' },
      { code: 'svid_expired', detail: 'the leaf expired' },
    ],
  }
  const evidence = diagnose([result], { startedAt: seen.startedAt })[0]!.evidence.join('\n')
  for (const fact of [/two URI names/, /leaf_constraint: no digitalSignature/, /svid_expired: the leaf expired/]) t.match(evidence, fact)
  t.end()
})

t.test('each verdict has fixes to paste and a next command, and no trust domain becomes a command', t => {
  const hostile = 'evil.example; rm -rf /'
  for (const reason of ['unknown_trust_domain', 'untrusted_chain', 'client_cert_rejected', 'id_mismatch', 'svid_expired'] as const) {
    const [found] = diagnose([failed(reason, { trustDomain: hostile, peerId: `spiffe://${hostile}/y` })], {
      startedAt: seen.startedAt,
    })
    t.ok(found!.fixes.length > 0, reason)
    t.match(found!.next, /^probe run mtls:\/\//)
    for (const { command } of found!.fixes) t.notMatch(command, /rm -rf/, `${reason}: ${command}`)
  }
  t.end()
})

t.test('a policy that refuses is no matter of certificates, and says whom it does not let in', t => {
  const [found] = diagnose([failed('authorization_denied', { ourId: 'spiffe://ours.test/agent' })], { startedAt: seen.startedAt })
  t.match(found, { cause: 'peer_rejects_our_identity', confidence: 'likely' })
  t.match(found!.summary, /knows who we are \(spiffe:\/\/ours\.test\/agent\) and its policy does not let us in/)
  t.end()
})
