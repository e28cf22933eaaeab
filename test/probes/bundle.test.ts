import t from 'tap'
import type { Options } from '../../wire/options.ts'
import type { Result } from '../../wire/result.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { daysFromNow, makeAuthority } from '../servers/authority.ts'
import { type BundleAnswer, type BundleProfile, bundleAnswers, bundleEndpoints, endpointPath } from '../servers/bundle-endpoint.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { startWorkloadApi, stateOf } from '../servers/workload-api.ts'
import { run, started, targetOf, word } from './targets.ts'

const domain = await makeTrustDomain('theirs.test')
const other = await makeTrustDomain('other.test')
const web = await makeAuthority({ name: 'test web root' })
const folder = makeSvidFolder()
t.teardown(() => folder.remove())
const bundles = folder.bundle(domain)

const trustDomain = 'theirs.test'
const endpointId = `spiffe://theirs.test${endpointPath}`
const asWeb: Partial<Options['bundle']> = { profile: 'https_web', ca: web.certPem, trustDomain }
const asSpiffe: Partial<Options['bundle']> = { profile: 'https_spiffe', endpointId, bundles, trustDomain }

let asked = 0
/** What an endpoint published is remembered by URL, and ports come again: so a path for each story. */
const elsewhere = () => ({ path: `/${(asked += 1)}` })

/** By how the endpoint shows who it is: the reason with each profile configured. */
const profiles: Record<BundleProfile, [https_web: string, https_spiffe: string]> = {
  https_web: ['ok', 'profile_mismatch'],
  https_spiffe: ['profile_mismatch', 'ok'],
  'https_spiffe with the wrong ID': ['profile_mismatch', 'endpoint_id_mismatch'],
  'https_spiffe, expired': ['profile_mismatch', 'svid_expired'],
  'https_spiffe, authority not published': ['profile_mismatch', 'untrusted_chain'],
  'https_web with another name': ['certificate_name_mismatch', 'profile_mismatch'],
  'demands a client certificate': ['client_cert_required', 'profile_mismatch'],
}

for (const [profile, reasons] of Object.entries(profiles) as [BundleProfile, [string, string]][])
  t.test(`an endpoint that is ${profile}`, async t => {
    const endpoint = await started(t, bundleEndpoints[profile](domain, web))
    for (const [index, options] of [asWeb, asSpiffe].entries()) {
      const result = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...options, ...elsewhere() })
      t.equal(word(result.outcome), reasons[index], `as ${options.profile}`)
      t.equal(result.measured.profile, options.profile)
      if (reasons[index] === 'ok')
        t.match(result.measured, { httpStatus: 200, contentType: 'application/json', sequence: '1', refreshHintSeconds: 300 })
    }
  })

t.test('the profile is https_spiffe where an endpoint ID is given, else https_web', async t => {
  const endpoint = await started(t, bundleEndpoints.https_spiffe(domain, web))
  const result = await run('bundle', targetOf(endpoint, 'bundle.test'), { endpointId, bundles, ...elsewhere() })
  t.equal(word(result.outcome), 'ok')
  t.match(result.measured, { profile: 'https_spiffe', endpointId })
  t.equal((await run('bundle', targetOf(endpoint, 'bundle.test'), elsewhere())).measured.profile, 'https_web')
})

t.test('an https_spiffe endpoint cannot be judged without a bundle', async t => {
  const endpoint = await started(t, bundleEndpoints.https_spiffe(domain, web))
  const none = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asSpiffe, ...elsewhere(), bundles: undefined })
  t.match(none.outcome, { kind: 'unmeasured', reason: 'local_bundle_missing' })
  const wrong = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asSpiffe, ...elsewhere(), bundles: folder.bundle(other) })
  t.equal(word(wrong.outcome), 'unknown_trust_domain')
})

/** By answer, on the first fetch: the reason, and the warnings. */
const answers: Record<Exclude<BundleAnswer, 'PEM'>, [reason: string, warnings?: string[]]> = {
  healthy: ['ok'],
  stale: ['ok'],
  'sequence goes back': ['ok'],
  'content changes, sequence stays': ['ok'],
  'sequence above 2^53': ['ok'],
  'no sequence, no refresh hint': ['ok', ['sequence_absent', 'refresh_hint_absent']],
  empty: ['bundle_empty'],
  'no keys': ['bundle_malformed', ['refresh_hint_absent']],
  'keys is an object': ['bundle_malformed'],
  'no X.509 authority': ['ok', ['no_x509_authority']],
  'no JWT authority': ['ok'],
  'unknown use': ['ok', ['entry_ignored', 'entry_ignored', 'entry_ignored']],
  'two certificates in x5c': ['ok', ['x5c_several']],
  'JWT key without kid': ['ok', ['kid_missing']],
  'x5c is no certificate': ['bundle_malformed', ['no_x509_authority']],
  'private key in it': ['bundle_malformed'],
  'expired authority': ['bundle_authority_expired'],
  'expiring authority': ['ok', ['authority_expiring']],
  malformed: ['bundle_malformed'],
  'nothing at all': ['bundle_malformed'],
  HTML: ['bundle_malformed'],
  'not UTF-8': ['bundle_malformed'],
  'nested 1,000 deep': ['bundle_malformed'],
  'nested 1,000,000 deep': ['bundle_malformed'],
  'plain text type': ['ok'],
  'status 404': ['bundle_http_status'],
  'status 500': ['bundle_http_status'],
  'status 500 with the document': ['bundle_http_status'],
  redirect: ['bundle_http_status'],
  'permanent redirect': ['bundle_http_status'],
  'redirect to http': ['bundle_http_status'],
  'redirect with a user name': ['bundle_http_status'],
  'redirect without a location': ['bundle_http_status'],
  'redirect in a circle': ['bundle_http_status'],
  huge: ['bundle_malformed'],
  slow: ['bundle_unreachable'],
  silent: ['bundle_unreachable'],
  'hangs up': ['bundle_unreachable'],
  'stops half-way': ['bundle_unreachable'],
}

const codes = ({ warnings }: Result<'bundle'>): string[] => warnings.map(({ code }) => code)

for (const [answer, [reason, warnings = []]] of Object.entries(answers) as [BundleAnswer, [string, string[]?]][])
  t.test(`an endpoint whose answer is: ${answer}`, async t => {
    const endpoint = await started(t, bundleEndpoints.https_web(domain, web, { answer }))
    const timeoutMs = answer === 'slow' || answer === 'silent' ? 500 : 2000
    const result = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asWeb, ...elsewhere(), timeoutMs })
    t.equal(word(result.outcome), reason)
    t.strictSame(codes(result), warnings)
    t.equal(endpoint.requests(), 1, 'asked once, and no redirect is followed')
    t.ok(result.measured.bytes <= 5 * 1024 * 1024, 'no more is read than a bundle can need')
    t.notMatch(JSON.stringify(result), /secret-canary|c2VjcmV0LWNhbmFyeQ/)
  })

t.test('every answer there is', t => {
  t.strictSame(new Set([...Object.keys(answers), 'PEM']), new Set(Object.keys(bundleAnswers)))
  t.end()
})

t.test('an endpoint that is asked again', async t => {
  const again: [BundleAnswer, string, string[]?, RegExp?][] = [
    ['healthy', 'ok'],
    ['stale', 'ok'],
    ['sequence goes back', 'bundle_sequence_regressed', [], /is 998 and was 999/],
    ['content changes, sequence stays', 'ok', ['bundle_unchanged_sequence']],
    ['sequence above 2^53', 'ok'],
  ]
  for (const [answer, reason, warnings = [], says] of again) {
    const endpoint = await started(t, bundleEndpoints.https_web(domain, web, { answer }))
    const options = { ...asWeb, ...elsewhere() }
    await run('bundle', targetOf(endpoint, 'bundle.test'), options)
    const second = await run('bundle', targetOf(endpoint, 'bundle.test'), options)
    t.equal(word(second.outcome), reason, answer)
    t.strictSame(codes(second), warnings, `${answer}: warnings`)
    if (says) t.match(second.outcome, { detail: says })
    if (answer === 'sequence above 2^53') t.equal(second.measured.sequence, '9007199254740997', 'to the last digit')
  }
})

t.test('what is published is held against what we hold', async t => {
  const rotating = await makeTrustDomain('rotating.test')
  const endpoint = await started(t, bundleEndpoints.https_web(rotating, web))
  const held = folder.bundle(rotating)
  const path = elsewhere()
  const ask = (options: Partial<Options['bundle']> = {}) =>
    run('bundle', targetOf(endpoint, 'bundle.test'), { ...asWeb, ...path, trustDomain: 'rotating.test', bundles: held, ...options })
  const x509 = (result: Result<'bundle'>) =>
    result.measured.authorities.filter(({ kind }) => kind === 'x509').map(({ heldHere }) => heldHere)

  const before = await ask()
  t.equal(word(before.outcome), 'ok')
  t.strictSame(x509(before), [true])
  t.strictSame(x509(await ask({ bundles: undefined })), [null], 'nothing to compare with')

  const prepared = await rotating.prepare()
  const during = await ask()
  t.equal(word(during.outcome), 'ok', 'the one that signs is still held')
  t.strictSame(x509(during), [true, false])
  t.match(during.warnings, [{ code: 'authority_not_held', detail: /of the 2 .* 1 are not held here: .*authority 2/ }])

  const api = await started(t, startWorkloadApi(stateOf(other, [await other.issue()], [rotating])))
  t.strictSame(x509(await ask({ bundles: undefined, workloadApi: api.address })), [true, true], 'held by the Workload API')

  await rotating.activate()
  rotating.retire()
  t.equal(rotating.active(), prepared)
  const after = await ask()
  t.match(after.outcome, { kind: 'fail', reason: 'bundle_behind', detail: /rotating\.test.*1 are not held here/ })
  t.strictSame(x509(after), [false])
})

t.test('a copy with a sequence tells whose is older', async t => {
  const counting = await makeTrustDomain('counting.test')
  const endpoint = await started(t, bundleEndpoints.https_web(counting, web))
  const ask = (sequence: bigint) =>
    run('bundle', targetOf(endpoint, 'bundle.test'), {
      ...asWeb,
      ...elsewhere(),
      trustDomain: 'counting.test',
      bundles: { 'counting.test': folder.write(`counting-${sequence}.json`, counting.document({ sequence })) },
    })
  await counting.prepare()
  const same = await ask(2n)
  t.equal(word(same.outcome), 'ok')
  t.match(same.measured, { sequence: '2', heldSequence: '2' })
  t.strictSame(codes(same), [])
  const ours = await ask(1n)
  t.equal(word(ours.outcome), 'ok')
  t.match(ours.warnings, [{ code: 'bundle_behind', detail: /serves sequence 2, the copy held here has 1/ }])
  const theirs = await ask(9_007_199_254_740_993n)
  t.match(theirs.outcome, { reason: 'bundle_sequence_regressed', detail: /serves sequence 2, the copy held here has 9007199254740993/ })
})

t.test('an endpoint that lacks an authority younger than all it has serves an old bundle', async t => {
  const rotating = await makeTrustDomain('stale.test')
  const endpoint = await started(t, bundleEndpoints.https_web(rotating, web, { answer: 'stale' }))
  const options = { ...asWeb, trustDomain: 'stale.test', ...elsewhere() }
  await run('bundle', targetOf(endpoint, 'bundle.test'), options)
  const api = await started(t, startWorkloadApi(stateOf(other, [await other.issue()], [rotating])))
  const held = { ...options, workloadApi: api.address }
  t.equal(word((await run('bundle', targetOf(endpoint, 'bundle.test'), held)).outcome), 'ok', 'in step')
  await rotating.prepare()
  api.rotate(stateOf(other, [await other.issue()], [rotating]))
  const stale = await run('bundle', targetOf(endpoint, 'bundle.test'), held)
  t.match(stale.outcome, { reason: 'bundle_stale', detail: /does not publish .*authority 2.*younger than all/ })

  endpoint.setAnswer('healthy')
  await rotating.activate()
  rotating.retire()
  t.equal(word((await run('bundle', targetOf(endpoint, 'bundle.test'), held)).outcome), 'ok', 'an older one may go')
})

t.test('an endpoint whose own authority is not in its document serves an old bundle', async t => {
  const rotating = await makeTrustDomain('hasty.test')
  const frozen = await started(t, bundleEndpoints.https_spiffe(rotating, web, { answer: 'stale' }))
  const options = { ...asSpiffe, trustDomain: 'hasty.test', endpointId: `spiffe://hasty.test${endpointPath}`, ...elsewhere() }
  const before = await run('bundle', targetOf(frozen, 'bundle.test'), { ...options, bundles: folder.bundle(rotating) })
  t.equal(word(before.outcome), 'ok')
  await rotating.activate()
  const next = await rotating.issue({ path: endpointPath })
  frozen.setCertificate(next.chainPem, next.keyPem)
  const file = folder.write('hasty.pem', rotating.bundlePem())
  const after = await run('bundle', targetOf(frozen, 'bundle.test'), { ...options, bundles: { 'hasty.test': file } })
  t.equal(word(after.outcome), 'bundle_stale')
  t.match(after.violations.map(({ detail }) => detail).join('\n'), /own SVID is signed by .*authority 2.*which the document does not have/)
})

t.test('an authority that signs as soon as it is published is worth a word', async t => {
  const rotating = await makeTrustDomain('soon.test', { notBefore: daysFromNow(-30) })
  await rotating.prepare({ notBefore: daysFromNow(-1 / 1440) })
  const options = {
    ...asSpiffe,
    trustDomain: 'soon.test',
    endpointId: `spiffe://soon.test${endpointPath}`,
    bundles: folder.bundle(rotating),
  }
  const prepared = await started(t, bundleEndpoints.https_spiffe(rotating, web))
  t.strictSame(codes(await run('bundle', targetOf(prepared, 'bundle.test'), { ...options, ...elsewhere() })), [], 'it does not sign yet')
  await rotating.activate()
  const hasty = await rotating.issue({ path: endpointPath, notBefore: daysFromNow(-0.5 / 1440) })
  prepared.setCertificate(hasty.chainPem, hasty.keyPem)
  const result = await run('bundle', targetOf(prepared, 'bundle.test'), { ...options, ...elsewhere() })
  t.equal(word(result.outcome), 'ok')
  t.match(result.warnings, [
    {
      code: 'authority_published_late',
      detail: /authority 2.* signs since .*published at most [23]\d s before, want 900 s, three refresh hints/,
    },
  ])
})

t.test('an authority that has to sign soon, and was only just published', async t => {
  const rotating = await makeTrustDomain('late.test', { notBefore: daysFromNow(-30), notAfter: daysFromNow(10 / 1440) })
  await rotating.prepare({ notBefore: daysFromNow(-1 / 1440), notAfter: daysFromNow(30) })
  const endpoint = await started(t, bundleEndpoints.https_web(rotating, web))
  const result = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asWeb, ...elsewhere(), trustDomain: 'late.test' })
  t.match(result.warnings, [
    { code: 'authority_expiring' },
    { code: 'authority_published_late', detail: /authority 2.* has to sign from .*when the last of the others ends/ },
  ])
})

t.test('a redirect is named with where it points to, and not followed', async t => {
  const endpoint = await started(t, bundleEndpoints.https_web(domain, web, { answer: 'redirect with a user name' }))
  const ask = async () => (await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asWeb, ...elsewhere() })).outcome
  t.match(await ask(), { reason: 'bundle_http_status', detail: /HTTP 302 .*points to https:\/\/127\.0\.0\.1:\d+\/moved.*not followed/ })
  endpoint.setAnswer('redirect without a location')
  t.match(await ask(), { detail: /points to nowhere/ })
  t.equal(endpoint.requests(), 2)
})

t.test('an endpoint that demands a client certificate is told in words', async t => {
  const endpoint = await started(t, bundleEndpoints['demands a client certificate'](domain, web))
  const { outcome } = await run('bundle', targetOf(endpoint, 'bundle.test'), { ...asWeb, ...elsewhere() })
  t.match(outcome, { reason: 'client_cert_required', detail: /asked for a client certificate, got none and .*must not demand one/ })
  t.notMatch(JSON.stringify(outcome), /error:0A|SSL routines|ssl3_read/)
})
