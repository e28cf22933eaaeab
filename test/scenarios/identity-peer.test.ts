/** Who the other side is: scenarios I1, I5, I6, I10, I12 and I13. */
import t from 'tap'
import { startIdentityPair } from '../lab/identity-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { daysFromNow } from '../servers/authority.ts'
import { stateOf } from '../servers/workload-api.ts'

const skip = await needsNamespaces()
const minutesFromNow = (minutes: number): Date => daysFromNow(minutes / 1440)

t.test('I1: two federated trust domains: mTLS is ok both ways, with both IDs and proof', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const checkout = await aws.issue({ path: '/checkout', below: 1 })
  const payments = await azure.issue({ path: '/payments', below: 1 })
  const [toAzure, toAws] = await Promise.all([
    pair.serve(payments, { variant: 'accepts and says nothing' }),
    pair.serve(checkout, { variant: 'says who you are', site: 'aws', accepts: [azure] }),
  ])
  const [ofAws, ofAzure] = await Promise.all([
    pair.startWorkloadApi(stateOf(aws, [checkout], [azure])),
    pair.startWorkloadApi(stateOf(azure, [payments], [aws])),
  ])
  for (const { from, target, api, ourId, peerId, trustDomain } of [
    { from: 'aws', target: toAzure, api: ofAws, ourId: checkout.id, peerId: payments.id, trustDomain: 'azure.test' },
    { from: 'azure', target: toAws, api: ofAzure, ourId: payments.id, peerId: checkout.id, trustDomain: 'aws.test' },
  ] as const) {
    const run = await pair.probe([target, '--workload-api', api.address, '--expect-id', peerId, '--negative'], from)
    t.equal(run.status, 0, from)
    t.equal(run.document.verdict, 'ok')
    t.strictSame(run.causes, [])
    const { outcome, measured, violations } = run.result('mtls')
    t.equal(outcome.kind, 'ok')
    t.strictSame(violations, [])
    t.match(measured, { ourId, peerId, trustDomain, verified: true, clientAuth: 'accepted', withoutCertificate: 'refused' })
    t.match(measured, { version: 'TLSv1.3', identitySource: `Workload API at ${api.address}`, chain: { length: 2 } })
    t.ok(measured.expiry!.secondsLeft > 0, 'seconds left')
  }
})

t.test('I5: a valid SVID of another service answers', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const target = await pair.serve(await azure.issue({ path: '/ledger' }))
  const identity = pair.identify(await aws.issue({ path: '/checkout' }), azure)
  for (const [words, wanted] of [
    [['--expect-id', 'spiffe://azure.test/payments'], 'spiffe://azure.test/payments'],
    [['--trust-domain', 'gcp.test'], 'gcp.test'],
  ] as const) {
    const run = await pair.probe([target, ...identity, ...words])
    t.equal(run.status, 1)
    t.strictSame(run.causes, ['wrong_identity_served'])
    t.match(run.result('mtls'), { outcome: { reason: 'id_mismatch' }, measured: { peerId: 'spiffe://azure.test/ledger', verified: false } })
    const found = run.diagnosis('wrong_identity_served')
    t.equal(found.confidence, 'certain')
    t.match(found.summary, 'spiffe://azure.test/ledger')
    t.ok(
      found.evidence?.some(fact => fact.includes(wanted)),
      'the ID that was expected',
    )
  }
})

t.test('I6: every rule that an SVID breaks is listed', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const identity = pair.identify(await aws.issue({ path: '/checkout' }), azure)
  const everything = await azure.issue({
    uris: ['spiffe://azure.test/payments', 'spiffe://azure.test/second'],
    commonName: 'payments',
    basicConstraints: { ca: true },
    keyUsage: ['keyAgreement', 'keyCertSign', 'cRLSign'],
    extendedKeyUsage: ['clientAuth'],
    notBefore: daysFromNow(-2),
    notAfter: daysFromNow(-1),
  })
  const rules = [
    'multiple_uri_san',
    'leaf_is_ca',
    'leaf_key_cert_sign',
    'leaf_crl_sign',
    'leaf_no_digital_signature',
    'leaf_eku_without_server_auth',
    'leaf_expired',
    'id_mismatch',
  ]
  const target = await pair.serve(everything)
  const all = await pair.probe([target, ...identity, '--expect-id', 'spiffe://azure.test/other'])
  const { outcome, violations } = all.result('mtls')
  t.match(outcome, { reason: 'multiple_uri_san' }, 'the first by precedence')
  t.strictSame(new Set(violations.map(({ rule }) => rule)), new Set(rules))
  t.ok(
    violations.every(({ detail }) => detail !== ''),
    'each with what was seen',
  )
  t.match(all.causes, ['wrong_identity_served'])

  for (const [fault, reason] of [
    ['no URI', 'no_spiffe_id'],
    ['dot segment', 'invalid_spiffe_id'],
    ['root path', 'leaf_constraint'],
  ] as const) {
    const run = await pair.probe([await pair.serve(await azure.issue({ path: '/payments', fault })), ...identity])
    t.equal(run.status, 1)
    t.match(run.result('mtls').outcome, { reason }, fault)
    t.strictSame(run.causes, ['wrong_identity_served'], fault)
  }
})

t.test('I10: the certificate of the chain that ends first is named', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const identity = pair.identify(await aws.issue({ path: '/checkout' }), azure)
  const leaf = { uris: ['spiffe://azure.test/payments'], commonName: 'payments' }
  const year = { name: 'azure issuing', notBefore: daysFromNow(-355) }
  const issuing = await azure.active().intermediate({ ...year, notAfter: daysFromNow(10) })
  const young = await azure.active().intermediate({ ...year, notAfter: daysFromNow(300) })
  const rows = [
    [
      'an intermediate of a year has 10 days left, its leaf 80',
      await issuing.issue({ ...leaf, notBefore: daysFromNow(-10), notAfter: daysFromNow(80) }),
      'CN=azure issuing',
      { code: 'expiring', detail: /^the intermediate "CN=azure issuing" ends at .*, 9 days/ },
    ],
    [
      'a leaf of 90 days has 20 left, its intermediate 300',
      await young.issue({ ...leaf, notBefore: daysFromNow(-70), notAfter: daysFromNow(20) }),
      'CN=payments',
      { code: 'expiring', detail: /^the leaf ends at .*, 19 days/ },
    ],
    [
      'a leaf of an hour has five minutes left',
      await young.issue({ ...leaf, notBefore: minutesFromNow(-55), notAfter: minutesFromNow(5) }),
      'CN=payments',
      { code: 'rotation_late', detail: /^the leaf ends at .*rotation is due at half of life/ },
    ],
  ] as const
  for (const [name, svid, subject, warning] of rows) {
    const run = await pair.probe([await pair.serve(svid), ...identity])
    t.equal(run.status, 0, name)
    t.equal(run.document.verdict, 'degraded')
    t.match(run.result('mtls'), { outcome: { kind: 'ok' }, measured: { expiry: { subject } }, warnings: [warning] }, name)
  }
})

t.test('I12: a chain that begins in five minutes is a matter of clocks', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const identity = pair.identify(await aws.issue({ path: '/checkout' }), azure)
  const early = await azure.active().intermediate({ name: 'azure issuing', notBefore: minutesFromNow(5) })
  for (const [name, svid, rules] of [
    ['the leaf', await azure.issue({ path: '/payments', notBefore: minutesFromNow(5) }), ['leaf_not_yet_valid']],
    [
      'the leaf and its intermediate',
      await early.issue({ uris: ['spiffe://azure.test/payments'], notBefore: minutesFromNow(5) }),
      ['leaf_not_yet_valid', 'intermediate_not_yet_valid'],
    ],
  ] as const) {
    const run = await pair.probe([await pair.serve(svid), ...identity])
    t.equal(run.status, 1, name)
    t.strictSame(run.causes, ['clock_skew'], name)
    t.match(run.result('mtls').outcome, { reason: 'svid_not_yet_valid' })
    t.strictSame(new Set(run.result('mtls').violations.map(({ rule }) => rule)), new Set(rules))
    const found = run.diagnosis('clock_skew')
    t.match(found.summary, /becomes valid only in (5 minutes|2\d\d seconds)/, 'by how much')
    t.match(found.evidence?.join('\n'), /the two clocks differ by at least (5 minutes|2\d\d seconds)/)
    t.match(found.next, /^probe run mtls:/)
  }
})

t.test('I12: a leaf that ended five minutes ago may be a matter of clocks, one of yesterday is not', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const identity = pair.identify(await aws.issue({ path: '/checkout' }), azure)
  for (const [minutes, cause] of [
    [5, 'clock_skew'],
    [1440, 'certificate_rotation_stuck'],
  ] as const) {
    const dates = { notBefore: minutesFromNow(-minutes - 60), notAfter: minutesFromNow(-minutes) }
    const run = await pair.probe([await pair.serve(await azure.issue({ path: '/payments', ...dates })), ...identity])
    t.equal(run.status, 1)
    t.match(run.result('mtls').outcome, { reason: 'svid_expired' })
    t.strictSame(run.causes, [cause])
  }
})

t.test('I12: our own clock is behind: our SVID begins later than now', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const early = { notBefore: minutesFromNow(5) }
  const identity = pair.identify(await aws.issue({ path: '/checkout', ...early }), azure)
  const run = await pair.probe([
    await pair.serve(await azure.issue({ path: '/payments', ...early }), { variant: 'like nginx' }),
    ...identity,
  ])
  t.strictSame(run.causes, ['clock_skew'])
  t.match(run.diagnosis('clock_skew'), { confidence: 'certain', summary: /this machine's clock is behind/ })
  t.match(run.result('mtls').warnings, [{ code: 'clock_skew', detail: /our own SVID is valid from .*, 2\d\d s|300 s ahead/ }])
})

t.test("I12: the server's clock is five minutes ahead: it takes our certificate for expired", { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const ours = await aws.issue({ path: '/checkout', notBefore: minutesFromNow(-56), notAfter: minutesFromNow(4) })
  const target = await pair.serve(await azure.issue({ path: '/payments' }), { variant: 'one alert', alert: 45 })
  const run = await pair.probe([target, ...pair.identify(ours, azure)])
  t.equal(run.status, 1)
  t.strictSame(run.causes, ['clock_skew'])
  t.match(
    run.diagnosis('clock_skew').summary,
    /valid for another (4 minutes|2\d\d seconds): its clock is ahead, or ours behind, by at least that/,
  )
})

t.test('I13: an intermediate is missing from the chain as sent', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const issuing = await azure.active().intermediate({ name: 'shared issuing' })
  const { certPem, keyPem } = await issuing.issue({ uris: ['spiffe://azure.test/payments'], commonName: 'payments' })
  const ours = await issuing.issue({ uris: ['spiffe://azure.test/checkout'], commonName: 'checkout' })
  const target = await pair.serve({ chainPem: certPem, keyPem }, { accepts: [aws, azure] })

  const known = await pair.probe([target, ...pair.identify(ours, azure)])
  t.equal(known.status, 1)
  t.strictSame(known.causes, ['chain_incomplete'])
  t.match(known.result('mtls').outcome, {
    reason: 'chain_incomplete',
    detail: /"CN=shared issuing" exists, closes the path and was not sent/,
  })

  t.match(known.diagnosis('chain_incomplete').next, /^probe run mtls:/, 'what was asked, and not plain TLS')

  const unknown = await pair.probe([target, ...pair.identify(await aws.issue({ path: '/checkout' }), azure)])
  t.strictSame(unknown.causes, ['trust_bundle_misaligned'])
  t.match(unknown.result('mtls').outcome, { reason: 'untrusted_chain', detail: /an unknown authority, or a missing intermediate/ })
  const found = unknown.diagnosis('trust_bundle_misaligned')
  t.equal(found.confidence, 'likely', 'never certain')
  t.match(found.against?.join('\n'), /lacks an intermediate, looks the same/)
})
