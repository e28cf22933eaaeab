import t from 'tap'
import type { Options } from '../../wire/options.ts'
import type { Result } from '../../wire/result.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { makeAuthority } from '../servers/authority.ts'
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
  'demands a client certificate': ['bundle_unreachable', 'profile_mismatch'],
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
  empty: ['bundle_empty', ['bundle_empty']],
  'no keys': ['bundle_malformed', ['refresh_hint_absent', 'bundle_empty']],
  'keys is an object': ['bundle_malformed', ['bundle_empty']],
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
