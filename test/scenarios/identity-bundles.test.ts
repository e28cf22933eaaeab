/** Trust bundles that fall out of step: scenarios I2, I3 and I4. */
import t from 'tap'
import { port } from '../lab/cloud-pair.ts'
import { startIdentityPair } from '../lab/identity-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { daysFromNow } from '../servers/authority.ts'
import type { BundleAnswer, BundleProfile } from '../servers/bundle-endpoint.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { stateOf } from '../servers/workload-api.ts'

const skip = await needsNamespaces()

t.test('I2: azure rotated its CA and aws has not fetched the bundle', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const checkout = await aws.issue({ path: '/checkout' })
  const api = await pair.startWorkloadApi(stateOf(aws, [checkout], [azure]))
  const before = await pair.serve(await azure.issue({ path: '/payments' }))
  t.equal((await pair.probe([before, '--workload-api', api.address])).document.verdict, 'ok')

  await azure.activate()
  const target = await pair.serve(await azure.issue({ path: '/payments' }))
  const run = await pair.probe([target, '--workload-api', api.address])
  t.equal(run.status, 1)
  t.strictSame(run.causes, ['trust_bundle_misaligned'])
  t.match(run.result('mtls'), {
    outcome: {
      reason: 'untrusted_chain',
      detail: /"CN=azure\.test authority 2" with the key [0-9a-f:]+… .*not in the bundle of azure\.test/,
    },
    measured: { peerId: 'spiffe://azure.test/payments', verified: false, clientAuth: 'accepted' },
  })
  const found = run.diagnosis('trust_bundle_misaligned')
  t.match(found.summary, /Our side does not hold the authority of azure\.test .*authority 2/, 'who lacks which authority')
  t.match(found.against?.join('\n'), /accepted our certificate: its side is in step/)
  t.match(found.fixes, [{ command: 'spire-server federation refresh -id spiffe://azure.test' }])

  api.rotate(stateOf(aws, [checkout], [azure]))
  t.equal((await pair.probe([target, '--workload-api', api.address])).document.verdict, 'ok', 'once it is fetched')
})

t.test('I2: a trust domain that was never federated', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const api = await pair.startWorkloadApi(stateOf(aws, [await aws.issue({ path: '/checkout' })]))
  const run = await pair.probe([await pair.serve(await azure.issue({ path: '/payments' })), '--workload-api', api.address])
  t.match(run.result('mtls').outcome, { reason: 'unknown_trust_domain' })
  t.match(run.diagnosis('trust_bundle_misaligned'), { confidence: 'certain', summary: /holds no bundle of azure\.test/ })
})

t.test('I3: an authority is prepared and a peer does not hold it: a warning before anything breaks', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const checkout = await aws.issue({ path: '/checkout' })
  const api = await pair.startWorkloadApi(stateOf(aws, [checkout], [azure]))
  await azure.prepare()
  const { webPem } = await pair.startSpiffe({
    servers: [{ kind: 'bundle', profile: 'https_web', domain: 'azure.test', host: pair.address, port }],
  })
  const words = [`bundle+https://${pair.address}:${port}/`, '--ca', pair.files.write('web.pem', webPem), '--trust-domain', 'azure.test']
  const run = await pair.probe([...words, '--workload-api', api.address])
  t.equal(run.status, 0)
  t.equal(run.document.verdict, 'degraded')
  t.match(run.result('bundle'), {
    outcome: { kind: 'ok' },
    warnings: [
      { code: 'authority_not_held', detail: /of the 2 X\.509 authorities that azure\.test publishes, 1 are not held here: .*authority 2/ },
    ],
  })
  t.strictSame(run.causes, ['trust_bundle_misaligned'], 'said before anything breaks')
  const found = run.diagnosis('trust_bundle_misaligned')
  t.match(found, {
    confidence: 'likely',
    summary: /^azure\.test publishes an authority that our side does not hold yet \("CN=azure\.test authority 2"\): as soon as it signs/,
    against: [/at its next poll/],
    next: `probe run bundle+https://${pair.address}:${port}`,
  })
  t.match(found.fixes?.[0], { where: /^our SPIRE server, at once/, command: 'spire-server federation refresh -id spiffe://azure.test' })
  const held = run.result('bundle').measured.authorities.filter(({ kind }) => kind === 'x509')
  t.match(held, [
    { subject: /authority 1/, heldHere: true },
    { subject: /authority 2/, heldHere: false },
  ])

  api.rotate(stateOf(aws, [checkout], [azure]))
  const after = await pair.probe([...words, '--workload-api', api.address])
  t.equal(after.document.verdict, 'ok', 'once it is fetched')

  const old = pair.files.bundle(await makeTrustDomain('azure.test'), 'other')
  const none = await pair.probe([...words, '--bundle', `azure.test=${old['azure.test']}`])
  t.match(none.result('bundle').outcome, { reason: 'bundle_behind' }, 'none of them held')
  t.strictSame(none.causes, ['trust_bundle_misaligned'])
  t.match(none.diagnosis('trust_bundle_misaligned').summary, /Our side holds none of the authorities that azure\.test publishes/)
})

t.test('I3: an authority has to sign before every peer can hold it', { skip }, async t => {
  await using pair = await startIdentityPair({ azure: { notBefore: daysFromNow(-30), notAfter: daysFromNow(10 / 1440) } })
  const { aws, azure } = pair
  await azure.prepare({ notBefore: daysFromNow(-1 / 1440), notAfter: daysFromNow(30) })
  const api = await pair.startWorkloadApi(stateOf(aws, [await aws.issue({ path: '/checkout' })], [azure]))
  const { webPem } = await pair.startSpiffe({
    servers: [{ kind: 'bundle', profile: 'https_web', domain: 'azure.test', host: pair.address, port }],
  })
  const web = pair.files.write('web.pem', webPem)
  const words = [`bundle+https://${pair.address}:${port}/`, '--ca', web, '--trust-domain', 'azure.test', '--workload-api', api.address]
  const run = await pair.probe(words)
  t.equal(run.status, 0)
  t.equal(run.document.verdict, 'degraded')
  t.match(run.result('bundle'), {
    outcome: { kind: 'ok' },
    warnings: [
      { code: 'authority_expiring' },
      { code: 'authority_published_late', detail: /authority 2.* has to sign from .*, want 900 s/ },
    ],
  })
  t.strictSame(run.causes, ['trust_bundle_misaligned'])
  t.match(run.diagnosis('trust_bundle_misaligned').summary, /published too late for every peer to hold it/)
})

/** By fault of the endpoint: how it is asked, and what is said. */
type Fault = { profile?: BundleProfile; answer?: BundleAnswer; as?: 'https_web' | 'https_spiffe'; reason: string; cause?: string }
const faults: Record<string, Fault> = {
  'hangs up': { answer: 'hangs up', reason: 'bundle_unreachable' },
  'answers with an error': { answer: 'status 500', reason: 'bundle_http_status' },
  'leads elsewhere, which no client may follow': { answer: 'redirect', reason: 'bundle_http_status' },
  'demands a client certificate, which no endpoint may': { profile: 'demands a client certificate', reason: 'client_cert_required' },
  'is a sign-in page': { answer: 'HTML', reason: 'bundle_malformed' },
  'is empty, which revokes everything': { answer: 'empty', reason: 'bundle_empty' },
  'has an authority that ran out': { answer: 'expired authority', reason: 'bundle_authority_expired' },
  'is https_spiffe, configured as https_web': { profile: 'https_spiffe', reason: 'profile_mismatch' },
  'is https_web, configured as https_spiffe': { as: 'https_spiffe', reason: 'profile_mismatch' },
  'has the wrong endpoint ID': {
    profile: 'https_spiffe with the wrong ID',
    as: 'https_spiffe',
    reason: 'endpoint_id_mismatch',
    cause: 'wrong_identity_served',
  },
  'is signed by an authority that was never published': {
    profile: 'https_spiffe, authority not published',
    as: 'https_spiffe',
    reason: 'untrusted_chain',
  },
}

t.test('I4: a bundle endpoint that fails, each by name', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { azure } = pair
  const rows = Object.entries(faults)
  const { webPem } = await pair.startSpiffe({
    servers: rows.map(([, { profile = 'https_web', answer = 'healthy' }], index) => ({
      kind: 'bundle',
      profile,
      answer,
      domain: 'azure.test',
      host: pair.address,
      port: port + index,
    })),
  })
  const asWeb = ['--profile', 'https_web', '--ca', pair.files.write('web.pem', webPem)]
  const bundle = pair.files.bundle(azure)['azure.test']
  const asSpiffe = ['--profile', 'https_spiffe', '--expect-id', 'spiffe://azure.test/bundle-endpoint', '--bundle', `azure.test=${bundle}`]
  for (const [index, [name, { as, reason, cause = 'trust_bundle_misaligned' }]] of rows.entries()) {
    const how = as === 'https_spiffe' ? asSpiffe : asWeb
    const run = await pair.probe([`bundle+https://${pair.address}:${port + index}/`, '--trust-domain', 'azure.test', ...how])
    t.equal(run.status, 1, name)
    t.match(run.result('bundle').outcome, { kind: 'fail', reason }, name)
    t.strictSame(run.causes, [cause], name)
    t.notMatch(JSON.stringify(run.document), /SSL routines|ssl3_|\.c:\d/, 'no word of OpenSSL')
  }
  const nobody = await pair.probe([`bundle+https://${pair.address}:9999/`, '--trust-domain', 'azure.test', ...asWeb])
  t.match(nobody.result('bundle').outcome, { reason: 'tcp_refused' }, 'nothing listens')
  t.strictSame(nobody.causes, ['port_closed'])
  const closed = nobody.diagnosis('port_closed')
  t.match(closed.summary, /Port 9999 .*, the bundle endpoint of azure\.test, is closed/)
  t.match(closed.evidence?.join('\n'), /their copies grow old/)
})

t.test('I4: a stale endpoint and one that goes back are told by the copy that is held here', { skip }, async t => {
  await using pair = await startIdentityPair()
  const { aws, azure } = pair
  const { webPem } = await pair.startSpiffe({
    servers: [{ kind: 'bundle', profile: 'https_web', domain: 'azure.test', host: pair.address, port }],
  })
  const web = pair.files.write('web.pem', webPem)
  const ask = (...words: string[]) =>
    pair.probe([`bundle+https://${pair.address}:${port}/`, '--ca', web, '--trust-domain', 'azure.test', ...words])

  await azure.prepare()
  const api = await pair.startWorkloadApi(stateOf(aws, [await aws.issue({ path: '/checkout' })], [azure]))
  const stale = await ask('--workload-api', api.address)
  t.equal(stale.status, 1)
  t.match(stale.result('bundle').outcome, { reason: 'bundle_stale', detail: /does not publish .*authority 2/ })
  t.strictSame(stale.causes, ['trust_bundle_misaligned'])
  t.match(stale.diagnosis('trust_bundle_misaligned').summary, /bundle endpoint of azure\.test at .* serves an old bundle/)

  const copy = (sequence: bigint) => ['--bundle', `azure.test=${pair.files.write(`copy-${sequence}.json`, azure.document({ sequence }))}`]
  const back = await ask(...copy(7n))
  t.equal(back.status, 1)
  t.match(back.result('bundle').outcome, { reason: 'bundle_sequence_regressed', detail: /serves sequence 1, the copy held here has 7/ })
  t.strictSame(back.causes, ['trust_bundle_misaligned'])
  t.match(back.diagnosis('trust_bundle_misaligned').summary, /lower sequence number/)

  const behind = await ask(...copy(0n))
  t.equal(behind.status, 0)
  t.equal(behind.document.verdict, 'degraded')
  t.match(behind.result('bundle').warnings, [{ code: 'bundle_behind', detail: /serves sequence 1, the copy held here has 0/ }])
  t.strictSame(behind.causes, ['trust_bundle_misaligned'])
})
