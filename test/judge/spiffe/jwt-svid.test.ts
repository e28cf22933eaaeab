import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { CompactSign } from 'jose'
import t from 'tap'
import { readBundleJson } from '../../../judge/spiffe/bundle.ts'
import { type JwtExpectation, judgeJwtSvid } from '../../../judge/spiffe/jwt-svid.ts'
import { matchId } from '../../../judge/spiffe/match.ts'
import { readToken } from '../../../judge/spiffe/token.ts'
import { codesOf, rulesOf } from './minted.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwkOf = (key: KeyObject, kid: string) => ({ ...createPublicKey(key).export({ format: 'jwk' }), use: 'jwt-svid', kid })
const bundle = readBundleJson(
  JSON.stringify({ keys: [jwkOf(ec.privateKey, 'ec'), jwkOf(rsa.privateKey, 'rsa'), jwkOf(p384.privateKey, 'p384')] }),
  'endpoint',
)
if (!bundle.ok) throw new Error('bundle')
const bundles = new Map([['a.test', bundle.bundle.jwt]])

const nowMs = Date.parse('2026-11-21T20:00:00Z')
const seconds = nowMs / 1000
const right = { sub: 'spiffe://a.test/api', aud: ['pay'], exp: seconds + 300, iat: seconds - 1 }
const sign = (claims: object, header: Record<string, unknown> = { alg: 'ES256', kid: 'ec' }, key: KeyObject = ec.privateKey) =>
  new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header as { alg: string }).sign(key)
const judge = (text: string, more: Partial<JwtExpectation> = {}) => {
  const read = readToken(text)
  if (!read.ok) throw new Error(read.problem)
  return judgeJwtSvid(read.token, { nowMs, bundles, audience: 'pay', ...more })
}

const algorithms: [alg: string, kid: string, key: KeyObject][] = [
  ['ES256', 'ec', ec.privateKey],
  ['ES384', 'p384', p384.privateKey],
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, string, KeyObject] => [alg, 'rsa', rsa.privateKey]),
]
for (const [alg, kid, key] of algorithms)
  t.test(`a right ${alg} token is verified without a word`, async t => {
    const judged = await judge(await sign(right, { alg, kid, typ: 'JWT' }, key), {
      expect: matchId({ trustDomain: 'a.test', path: '/api' }),
    })
    t.match(judged, { verified: true, id: { trustDomain: 'a.test', path: '/api' } })
    t.strictSame([rulesOf(judged.violations), codesOf(judged.warnings)], [[], []])
  })

const without = (name: keyof typeof right) => ({ ...right, [name]: undefined })
const wrong: [name: string, token: Promise<string>, rules: string[], code: string][] = [
  ['expired', sign({ ...right, exp: seconds }), ['token_expired'], 'token_expired'],
  ['no exp', sign(without('exp')), ['expiry_missing'], 'token_malformed'],
  ['exp that is text', sign({ ...right, exp: String(seconds + 9) }), ['claim_invalid'], 'token_malformed'],
  ['not yet valid', sign({ ...right, nbf: seconds + 60 }), ['token_not_yet_valid'], 'svid_not_yet_valid'],
  ['no aud', sign(without('aud')), ['audience_missing'], 'token_malformed'],
  ['an empty aud', sign({ ...right, aud: [] }), ['audience_missing'], 'token_malformed'],
  ['another audience', sign({ ...right, aud: 'other' }), ['audience_mismatch'], 'audience_mismatch'],
  ['no sub', sign(without('sub')), ['no_spiffe_id'], 'no_spiffe_id'],
  ['sub of another kind', sign({ ...right, sub: 'system:serviceaccount:a:b' }), ['no_spiffe_id'], 'no_spiffe_id'],
  ['a bad ID', sign({ ...right, sub: 'spiffe://a.test/' }), ['invalid_spiffe_id'], 'invalid_spiffe_id'],
  ['an unknown trust domain', sign({ ...right, sub: 'spiffe://b.test/api' }), ['unknown_trust_domain'], 'unknown_trust_domain'],
  ['an unknown key', sign(right, { alg: 'ES256', kid: 'new' }), ['key_not_in_jwks'], 'key_not_in_jwks'],
  ["another's signature", sign(right, { alg: 'ES256', kid: 'ec' }, stranger.privateKey), ['signature_invalid'], 'signature_invalid'],
  ['an algorithm of another key', sign(right, { alg: 'ES256', kid: 'rsa' }), ['algorithm_not_of_key'], 'signature_invalid'],
  ['another typ', sign(right, { alg: 'ES256', kid: 'ec', typ: 'at+jwt' }), ['type_not_allowed'], 'token_malformed'],
  ['another header', sign(right, { alg: 'ES256', kid: 'ec', jku: 'https://x' }), ['header_not_allowed'], 'token_malformed'],
]
for (const [name, token, rules, code] of wrong)
  t.test(`${name} is ${code}`, async t => {
    const judged = await judge(await token)
    t.strictSame(rulesOf(judged.violations), rules)
    t.equal(judged.violations[0]?.code, code)
  })

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

t.test('none and HMAC are refused, whatever they are signed with', async t => {
  const none = `${part({ alg: 'none' })}.${part(right)}.`
  t.match(await judge(none), { verified: false, violations: [{ rule: 'algorithm_not_allowed' }] })
  const body = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(right)}`
  const mac = createHmac('sha256', rsa.publicKey.export({ type: 'spki', format: 'pem' }))
    .update(body)
    .digest('base64url')
  t.match(await judge(`${body}.${mac}`), { verified: false, violations: [{ rule: 'algorithm_not_allowed' }] })
  t.match(await judge(`${part({ alg: 'constructor' })}.${part(right)}.AA`), { violations: [{ rule: 'algorithm_not_allowed' }] })
})

t.test('all that is wrong is told, in the order of precedence', async t => {
  const judged = await judge(await sign({ sub: 'spiffe://a.test/x', exp: 1, aud: 'z' }, { alg: 'ES256', kid: 'gone', x5u: 'u' }), {
    expect: matchId({ trustDomain: 'a.test', path: '/api' }),
  })
  t.strictSame(
    judged.violations.map(one => one.rule),
    ['header_not_allowed', 'key_not_in_jwks', 'token_expired', 'audience_mismatch', 'id_mismatch'],
  )
})

t.test('without a kid every key is tried, with a warning', async t => {
  t.match(await judge(await sign(right, { alg: 'ES256' })), { verified: true, violations: [], warnings: [{ code: 'kid_missing' }] })
})

t.test('without bundles the signature is not judged', async t => {
  t.match(await judge(await sign(right, { alg: 'ES256', kid: 'x' }), { bundles: undefined }), { verified: null, violations: [] })
})

t.test('a date of issue that is ahead is a clock that is wrong', async t => {
  t.match(await judge(await sign({ ...right, iat: seconds + 90 })), { violations: [], warnings: [{ code: 'clock_skew' }] })
})

const malformed: [text: string, problem: RegExp][] = [
  ['', /empty/],
  ['a.b', /2 parts/],
  ['a.b.c.d.e', /encrypted/],
  ['{"payload":"x"}', /JSON serialization/],
  [`${part({})}.${part({})}.**`, /signature that is not base64url/],
  [`${Buffer.from('[]').toString('base64url')}.${part({})}.AA`, /header that is no JSON object/],
  [`${part({})}.${Buffer.from('{"a":').toString('base64url')}.AA`, /payload that is no JSON object/],
  [`${part({})}.${Buffer.from(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`).toString('base64url')}.AA`, /payload that is no JSON object/],
  ['a'.repeat(300_000), /300000 bytes/],
]
for (const [text, problem] of malformed)
  t.test(`${JSON.stringify(text.slice(0, 30))} is no token: ${problem.source}`, async t => {
    const read = readToken(text)
    t.notOk(read.ok)
    if (!read.ok) t.match(read.problem, problem)
  })

t.test('no token makes the judge throw', async () => {
  const json = fc.json({ maxDepth: 3 }).map(text => Buffer.from(text).toString('base64url'))
  const header = fc.oneof(
    json,
    fc
      .dictionary(fc.constantFrom('alg', 'kid', 'typ', 'x'), fc.anything())
      .map(one => part(JSON.parse(JSON.stringify(one, (_, v) => (typeof v === 'bigint' ? 1 : v))))),
  )
  const claims = fc.record({
    sub: fc.oneof(fc.anything(), fc.constant('spiffe://a.test/x')),
    aud: fc.anything(),
    exp: fc.anything(),
    nbf: fc.anything(),
    iat: fc.double(),
  })
  const payload = fc.oneof(
    json,
    claims.map(one => part(JSON.parse(JSON.stringify(one, (_, v) => (typeof v === 'bigint' ? 1 : v))))),
  )
  await fc.assert(
    fc.asyncProperty(header, payload, fc.stringMatching(/^[A-Za-z0-9_-]{0,90}$/), async (...parts) => {
      const read = readToken(parts.join('.'))
      return read.ok ? (await judgeJwtSvid(read.token, { nowMs, bundles, audience: 'a' })).violations.length > 0 : read.problem.length > 0
    }),
    { numRuns: 500 },
  )
})
