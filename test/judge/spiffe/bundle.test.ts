import fc from 'fast-check'
import t from 'tap'
import { judgeBundle, readBundle, readBundleDer, readBundleJson, readBundlePem } from '../../../judge/spiffe/bundle.ts'
import { compareBundles } from '../../../judge/spiffe/bundle-compare.ts'
import { daysFromNow, makeAuthority } from '../../servers/authority.ts'
import { codesOf, readChain, rulesOf } from './minted.ts'

const one = await makeAuthority({ name: 'one' })
const two = await makeAuthority({ name: 'two' })
const old = await makeAuthority({ name: 'old', notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) })
const [cert] = readChain(one.certPem)
const [second] = readChain(two.certPem)
const x5cOf = (pem: string) => pem.replaceAll(/-----.*-----|\s/g, '')
const publicOf = (c: typeof cert) => c.x509.publicKey.export({ format: 'jwk' })
const entry = (pem: string, more: object = {}) => ({ ...publicOf(readChain(pem)[0]), use: 'x509-svid', x5c: [x5cOf(pem)], ...more })
const jwt = { ...publicOf(second), use: 'jwt-svid', kid: 'k1' }
const numbers = { spiffe_sequence: 7, spiffe_refresh_hint: 300 }
const document = (keys: unknown, more: object = numbers) => JSON.stringify({ keys, ...more })
const read = (text: string) => readBundleJson(text, 'endpoint')

t.test('a right document has its authorities, sequence and refresh hint', async t => {
  const found = read(document([entry(one.certPem), jwt]))
  t.match(found, { ok: true, violations: [], warnings: [], bundle: { form: 'endpoint', sequence: 7n, refreshHintSeconds: 300 } })
  if (found.ok) t.match([found.bundle.x509.map(c => c.subject), found.bundle.jwt.map(k => k.keyId)], [['CN=one'], ['k1']])
})

t.test('the sequence has 64 bits', async t => {
  for (const text of ['9007199254740993', '18446744073709551615']) {
    const found = read(document([jwt]).replace('"spiffe_sequence":7', `"spiffe_sequence":${text}`))
    t.match(found, { ok: true, violations: [], bundle: { sequence: BigInt(text) } })
  }
})

const odd: [name: string, text: string, rules: string[], warnings: string[], x509: number, jwt: number][] = [
  ['no keys', document(undefined), ['keys_missing'], [], 0, 0],
  ['keys that are no array', document({}), ['keys_missing'], [], 0, 0],
  ['an empty array', document([]), [], [], 0, 0],
  ['an unknown use', document([{ ...jwt, use: 'wit-svid' }, jwt]), [], ['entry_ignored'], 0, 1],
  ['no use', document([{ ...jwt, use: undefined }]), [], ['entry_ignored'], 0, 0],
  ['a use in upper case', document([{ ...jwt, use: 'JWT-SVID' }]), [], ['entry_ignored'], 0, 0],
  ['an unknown kty', document([{ ...jwt, kty: 'OKP' }]), [], ['entry_ignored'], 0, 0],
  ['no kty', document([{ ...jwt, kty: undefined }]), [], ['entry_ignored'], 0, 0],
  ['an X.509 authority without x5c', document([entry(one.certPem, { x5c: undefined })]), [], ['entry_ignored'], 0, 0],
  ['an empty x5c', document([entry(one.certPem, { x5c: [] })]), [], ['entry_ignored'], 0, 0],
  ['two certificates in x5c', document([entry(one.certPem, { x5c: [x5cOf(one.certPem), x5cOf(two.certPem)] })]), [], ['x5c_several'], 1, 0],
  ['an X.509 authority with kid', document([entry(one.certPem, { kid: 'x' })]), [], ['kid_unexpected'], 1, 0],
  ['a JWT authority without kid', document([{ ...jwt, kid: undefined }]), [], ['kid_missing'], 0, 0],
  ['x5c that is no certificate', document([entry(one.certPem, { x5c: ['AAAA'] })]), ['x5c_invalid'], [], 0, 0],
  ['x5c that is no base64', document([entry(one.certPem, { x5c: ['*'] })]), ['x5c_invalid'], [], 0, 0],
  ['x5c that is a text', document([entry(one.certPem, { x5c: x5cOf(one.certPem) })]), ['x5c_invalid'], [], 0, 0],
  ['the key of another certificate', document([entry(one.certPem, publicOf(second))]), ['key_differs_from_x5c'], [], 1, 0],
  ['only x5c and no key', document([{ kty: 'EC', use: 'x509-svid', x5c: [x5cOf(one.certPem)] }]), [], [], 1, 0],
  ['a point that is not on the curve', document([{ ...jwt, x: 'AAAA' }]), ['key_invalid'], [], 0, 0],
  ['an entry that is no object', document([jwt, 3]), ['key_invalid'], [], 0, 1],
  ['a private key', document([{ ...jwt, d: 'c2VjcmV0' }]), ['private_key_in_bundle'], [], 0, 1],
  ['no sequence and no hint', document([jwt], {}), [], ['refresh_hint_absent', 'sequence_absent'], 0, 1],
  ['a sequence that is text', document([jwt], { ...numbers, spiffe_sequence: '7' }), ['sequence_invalid'], [], 0, 1],
  ['a negative sequence', document([jwt], { ...numbers, spiffe_sequence: -1 }), ['sequence_invalid'], [], 0, 1],
  ['a fraction of a second', document([jwt], { ...numbers, spiffe_refresh_hint: 0.5 }), ['refresh_hint_invalid'], [], 0, 1],
]
for (const [name, text, rules, warnings, x509, keys] of odd)
  t.test(`${name}: ${[...rules, ...warnings].join(', ') || 'nothing to remark'}`, async t => {
    const found = read(text)
    t.ok(found.ok)
    if (!found.ok) return
    t.strictSame([rulesOf(found.violations), codesOf(found.warnings)], [rules, warnings])
    t.strictSame([found.bundle.x509.length, found.bundle.jwt.length], [x509, keys])
  })

const secret = 'c2VjcmV0LXNlY3JldA'
const unreadable: [name: string, text: string, rule: string, detail: RegExp][] = [
  ['an empty file', '', 'bundle_not_json', /empty|whole/],
  ['a truncated document', document([entry(one.certPem)]).slice(0, 200), 'bundle_not_json', /ends in the middle/],
  ['PEM instead of JSON', one.certPem, 'bundle_not_json', /PEM, want a JWK set/],
  ['an array', '[]', 'bundle_not_an_object', /not a JSON object/],
  ['a private key before a fault in the syntax', `{"keys":[{"d":"${secret}" x`, 'bundle_not_json', /line 1, column \d+/],
  ['nesting 1,000 deep', `{"keys":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'bundle_too_deep', /more than 32 deep/],
  ['objects 100,000 deep', '{"a":'.repeat(100_000), 'bundle_too_deep', /more than 32 deep/],
  ['50 MB', ' '.repeat(50_000_000), 'bundle_too_large', /50000000 bytes, want at most/],
]
for (const [name, text, rule, detail] of unreadable)
  t.test(`${name} is refused at once, with its reason and no secret`, async t => {
    const start = performance.now()
    const found = readBundleJson(text)
    t.match(found, { ok: false, violations: [{ code: 'bundle_malformed', rule, detail }] })
    t.notMatch(JSON.stringify(found), secret)
    t.ok(performance.now() - start < 500)
  })

t.test('a private key is never repeated', async t => {
  const keyPem = readBundlePem(one.certPem + one.keyPem)
  t.match(keyPem, { ok: true, violations: [{ rule: 'private_key_in_bundle' }] })
  const jwk = read(document([{ ...jwt, d: secret }]))
  t.notMatch(
    JSON.stringify(jwk, (_, v) => (typeof v === 'bigint' ? String(v) : v)),
    secret,
  )
})

t.test('a bare JWK set is one of the Workload API: all JWT authorities', async t => {
  const found = readBundleJson(document([{ ...jwt, use: undefined }], {}))
  t.match(found, { ok: true, bundle: { form: 'workload-api', jwt: [{ keyId: 'k1' }] }, warnings: [{ code: 'form_assumed' }] })
})

t.test('PEM and DER bundles hold each authority once', async t => {
  const der = Buffer.concat([cert.x509.raw, second.x509.raw, cert.x509.raw])
  for (const found of [readBundlePem(one.certPem + two.certPem + one.certPem), readBundleDer(der), readBundle(der)]) {
    t.ok(found.ok)
    if (found.ok)
      t.strictSame(
        found.bundle.x509.map(c => c.subject),
        ['CN=one', 'CN=two'],
      )
  }
  t.match(readBundleDer(der.subarray(0, -1)), { ok: false })
  t.match(readBundlePem(one.certPem.slice(0, 200)), { ok: false, violations: [{ rule: 'bundle_not_pem', detail: /truncated/ }] })
})

t.test('what a bundle means at a time: revoked, expired, near its end', async t => {
  const judge = (text: string, nowMs = Date.now()) => {
    const found = read(text)
    return found.ok ? judgeBundle(found.bundle, nowMs) : undefined
  }
  t.match(judge(document([])), { violations: [], warnings: [{ code: 'bundle_empty' }] })
  t.match(judge(document([jwt])), { violations: [], warnings: [{ code: 'no_x509_authority' }] })
  t.match(judge(document([entry(one.certPem), entry(old.certPem)])), {
    violations: [{ code: 'bundle_authority_expired', detail: /"CN=old"/ }],
  })
  t.match(judge(document([entry(one.certPem)]), daysFromNow(28).getTime()), { violations: [], warnings: [{ code: 'authority_expiring' }] })
})

t.test('two copies of a bundle: who lacks which', async t => {
  const both = read(document([entry(one.certPem), entry(two.certPem), jwt]))
  const less = read(document([entry(one.certPem)]))
  if (!both.ok || !less.ok) return t.fail('unreadable')
  const difference = compareBundles(both.bundle, less.bundle)
  t.strictSame(
    [difference.same, difference.onlyOurs, difference.onlyTheirs].map(list => list.map(authority => authority.name)),
    [['CN=one'], ['CN=two', 'k1'], []],
  )
  t.equal(compareBundles(less.bundle, both.bundle).onlyTheirs.length, 2)
})

t.test('no text makes a reader throw', async () => {
  const right = document([entry(one.certPem), jwt])
  const damaged = fc
    .tuple(fc.nat(right.length), fc.string({ maxLength: 4 }))
    .map(([at, text]) => right.slice(0, at) + text + right.slice(at + text.length))
  const any = fc.json({ maxDepth: 4 })
  const keys = fc.array(
    fc.record({
      kty: fc.constantFrom('EC', 'RSA', 1),
      use: fc.constantFrom('x509-svid', 'jwt-svid'),
      kid: fc.anything(),
      x5c: fc.anything(),
      n: fc.anything(),
    }),
  )
  const shaped = keys.map(list => JSON.stringify({ keys: list }, (_, v) => (typeof v === 'bigint' ? 1 : v)))
  fc.assert(
    fc.property(fc.oneof(damaged, any, shaped, fc.string()), text => {
      const found = readBundle(Buffer.from(text))
      readBundlePem(text)
      if (found.ok) judgeBundle(found.bundle, 0)
      return found.ok || found.violations.length > 0
    }),
    { numRuns: 1000 },
  )
})
