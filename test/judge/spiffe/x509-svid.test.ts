import { deepEqual } from 'node:assert/strict'
import 'reflect-metadata'
import { Extension } from '@peculiar/x509'
import fc from 'fast-check'
import t from 'tap'
import { readCertificate } from '../../../judge/spiffe/certificate.ts'
import { matchId } from '../../../judge/spiffe/match.ts'
import { judgeX509Svid, type SvidExpectation } from '../../../judge/spiffe/x509-svid.ts'
import { daysFromNow, makeAuthority } from '../../servers/authority.ts'
import { type Change, mintSvid } from '../../servers/svid-faults.ts'
import { codesOf, readChain, rulesOf } from './minted.ts'

const nowMs = Date.now()
const root = await makeAuthority({ name: 'a.test root', notAfter: daysFromNow(365) })
const mid = await root.intermediate({ name: 'a.test intermediate', notAfter: daysFromNow(200) })
const other = await makeAuthority({ name: 'b.test root' })
const authorities = readChain(root.certPem)
const bundles = new Map([
  ['a.test', authorities],
  ['b.test', readChain(other.certPem)],
])
const right = { uris: ['spiffe://a.test/ns/pay/sa/api'], commonName: 'api', notAfter: daysFromNow(20) }
const expect = matchId({ trustDomain: 'a.test', path: '/ns/pay/sa/api' })
const judge = (pem: string, more: Partial<SvidExpectation> = {}) => judgeX509Svid(readChain(pem), { nowMs, bundles, ...more })

t.test('a right SVID is verified, with its path and without a word', async t => {
  const judged = judge((await mid.issue(right)).chainPem, { expect })
  t.match(judged, { verified: true, violations: [], warnings: [], id: { trustDomain: 'a.test', path: '/ns/pay/sa/api' } })
  t.strictSame(
    judged.path.map(one => one.subject),
    ['CN=api', 'CN=a.test intermediate', 'CN=a.test root'],
  )
  t.equal(judged.expiry.role, 'leaf')
})

const id = 'spiffe://a.test/x'
const mutations: { name: string; change: Change; rules: string[]; code: string }[] = [
  { name: 'no URI SAN', change: { leaf: { uris: [] } }, rules: ['no_spiffe_id'], code: 'no_spiffe_id' },
  { name: 'another scheme', change: { leaf: { uris: ['https://a.test/x'] } }, rules: ['no_spiffe_id'], code: 'no_spiffe_id' },
  { name: 'a second URI', change: { leaf: { uris: [id, 'https://a.test'] } }, rules: ['multiple_uri_san'], code: 'multiple_uri_san' },
  { name: 'a bad path', change: { leaf: { uris: [`${id}/../y`] } }, rules: ['invalid_spiffe_id'], code: 'invalid_spiffe_id' },
  { name: 'a port', change: { leaf: { uris: ['spiffe://a.test:1/x'] } }, rules: ['invalid_spiffe_id'], code: 'invalid_spiffe_id' },
  { name: 'no path', change: { leaf: { uris: ['spiffe://a.test'] } }, rules: ['leaf_root_path'], code: 'leaf_constraint' },
  { name: 'cA', change: { leaf: { basicConstraints: { ca: true } } }, rules: ['leaf_is_ca'], code: 'leaf_constraint' },
  {
    name: 'keyCertSign',
    change: { leaf: { keyUsage: ['digitalSignature', 'keyCertSign'] } },
    rules: ['leaf_key_cert_sign'],
    code: 'leaf_constraint',
  },
  { name: 'cRLSign', change: { leaf: { keyUsage: ['digitalSignature', 'cRLSign'] } }, rules: ['leaf_crl_sign'], code: 'leaf_constraint' },
  {
    name: 'no digitalSignature',
    change: { leaf: { keyUsage: ['keyAgreement'] } },
    rules: ['leaf_no_digital_signature'],
    code: 'leaf_constraint',
  },
  { name: 'no key usage', change: { leaf: { keyUsage: null } }, rules: ['leaf_no_key_usage'], code: 'leaf_constraint' },
  {
    name: 'EKU without serverAuth',
    change: { leaf: { extendedKeyUsage: ['clientAuth'] } },
    rules: ['leaf_eku_without_server_auth'],
    code: 'leaf_constraint',
  },
  {
    name: 'empty subject, SAN not critical',
    change: { leaf: { commonName: '' } },
    rules: ['leaf_san_not_critical'],
    code: 'leaf_constraint',
  },
  {
    name: 'a trust domain without a bundle',
    change: { leaf: { uris: ['spiffe://c.test/x'] } },
    rules: ['unknown_trust_domain'],
    code: 'unknown_trust_domain',
  },
  {
    name: "another trust domain's ID",
    change: { leaf: { uris: ['spiffe://b.test/x'] } },
    rules: ['issuer_not_in_bundle'],
    code: 'untrusted_chain',
  },
  {
    name: 'expired',
    change: { leaf: { notBefore: daysFromNow(-3), notAfter: daysFromNow(-1) } },
    rules: ['leaf_expired'],
    code: 'svid_expired',
  },
  {
    name: 'not yet valid',
    change: { leaf: { notBefore: daysFromNow(1), notAfter: daysFromNow(3) } },
    rules: ['leaf_not_yet_valid'],
    code: 'svid_not_yet_valid',
  },
]

t.test('any single mutation of a valid SVID that breaks a rule is reported as that rule and no other', async () => {
  const valid = fc.record({
    commonName: fc.stringMatching(/^[a-z]{1,12}$/),
    uris: fc.stringMatching(/^(\/[A-Za-z0-9_-]{1,9}){1,4}$/).map(path => [`spiffe://a.test${path}`]),
    names: fc.constantFrom<string[]>([], ['svc.test'], ['a.test', '*.b.test']),
    addresses: fc.constantFrom<string[]>([], ['10.0.0.1'], ['::1']),
    notAfter: fc.integer({ min: 15, max: 90 }).map(daysFromNow),
  })
  await fc.assert(
    fc.asyncProperty(valid, fc.constantFrom(...mutations), fc.constantFrom(root, mid), async (content, { change, rules, code }, issuer) => {
      const chainOf = (leafPem: string) => leafPem + issuer.intermediatesPem
      const good = judge(chainOf((await mintSvid({}, issuer, content)).certPem))
      const bad = judge(chainOf((await mintSvid(change, issuer, content)).certPem))
      deepEqual([rulesOf(good.violations), good.verified], [[], true])
      deepEqual([rulesOf(bad.violations), bad.violations[0]?.code], [rules, code])
    }),
    { numRuns: 80 },
  )
})
for (const { name, change, rules } of mutations)
  t.test(`${name} is ${rules.join()}`, async t => {
    t.strictSame(rulesOf(judge((await mintSvid(change, root, right)).certPem).violations), rules)
  })

t.test('all that is wrong is told, in the order of precedence', async t => {
  const { certPem } = await other.issue({
    uris: [id, 'spiffe://a.test/y'],
    keyUsage: ['keyCertSign'],
    notBefore: daysFromNow(-3),
    notAfter: daysFromNow(-1),
  })
  const codes = judge(certPem, { expect }).violations.map(one => one.code)
  t.strictSame(codes, ['multiple_uri_san', 'leaf_constraint', 'leaf_constraint', 'untrusted_chain', 'svid_expired', 'id_mismatch'])
})

t.test('bundles are never pooled: the detail says who else holds the authority', async t => {
  const { certPem } = await other.issue({ uris: [id] })
  t.match(judge(certPem), { verified: false, violations: [{ rule: 'issuer_not_in_bundle', detail: /the bundle of b\.test holds it/ }] })
})

t.test('an authority of the same name with another key is a rotation that has not arrived', async t => {
  const rotated = await makeAuthority({ name: 'a.test root' })
  const judged = judge((await rotated.issue(right)).certPem)
  t.match(judged.violations, [{ rule: 'issuer_not_in_bundle', detail: /that name with another key/ }])
})

t.test('an empty bundle trusts nothing', async t => {
  const judged = judge((await root.issue(right)).certPem, { bundles: new Map([['a.test', []]]) })
  t.match(judged, { verified: false, violations: [{ rule: 'issuer_not_in_bundle', detail: /is empty/ }] })
})

t.test('an intermediate in the bundle is an anchor: a partial chain is verified', async t => {
  const { certPem } = await mid.issue(right)
  t.match(judge(certPem, { bundles: new Map([['a.test', readChain(mid.certPem)]]) }), { verified: true, violations: [] })
})

t.test('a missing intermediate is chain_incomplete only when it is known from elsewhere', async t => {
  const { certPem } = await mid.issue(right)
  t.match(judge(certPem).violations, [{ code: 'untrusted_chain', detail: /unknown authority, or a missing intermediate/ }])
  t.match(judge(certPem, { known: readChain(mid.certPem) }).violations, [{ code: 'chain_incomplete', detail: /a\.test intermediate/ }])
})

t.test('intermediates may come in any order, and more than are needed', async t => {
  const low = await mid.intermediate({ name: 'low' })
  const { certPem } = await low.issue(right)
  const judged = judge(certPem + mid.certPem + low.certPem + other.certPem + root.certPem)
  t.match(judged, { verified: true, violations: [] })
  t.strictSame(codesOf(judged.warnings), ['root_sent_in_chain', 'root_sent_in_chain'])
})

t.test('a path longer than an authority allows is untrusted', async t => {
  const short = await makeAuthority({ name: 'short', pathLength: 0 })
  const below = await short.intermediate({ name: 'below' })
  const judged = judge((await below.issue(right)).chainPem, { bundles: new Map([['a.test', readChain(short.certPem)]]) })
  t.match(judged, { verified: false, violations: [{ rule: 'path_too_long', detail: /allows 0 intermediates.*1 seen/ }] })
})

t.test('an expired intermediate and an expired authority are named', async t => {
  const old = await root.intermediate({ name: 'old', notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) })
  const judged = judge((await old.issue(right)).chainPem)
  t.match(judged.violations, [{ code: 'svid_expired', rule: 'intermediate_expired', detail: /"CN=old"/ }])
  t.equal(judged.expiry.role, 'intermediate')
  const gone = await makeAuthority({ name: 'gone', notBefore: daysFromNow(-9), notAfter: daysFromNow(-1) })
  const anchored = judge((await gone.issue(right)).chainPem, { bundles: new Map([['a.test', readChain(gone.certPem)]]) })
  t.match(anchored.violations, [{ rule: 'authority_expired', detail: /"CN=gone"/ }])
})

t.test('a non-CA that signs is untrusted, also when it stands in the bundle', async t => {
  const leaf = await root.issue({ commonName: 'fake' })
  const { loadAuthority } = await import('../../servers/authority.ts')
  const fake = await loadAuthority(leaf)
  const judged = judge((await fake.issue(right)).certPem + leaf.certPem)
  t.strictSame(rulesOf(judged.violations), ['signing_no_key_cert_sign', 'signing_not_ca'])
  const anchored = judge((await fake.issue(right)).certPem, { bundles: new Map([['a.test', readChain(leaf.certPem)]]) })
  t.match(anchored, { verified: false })
})

const remarks: [name: string, change: Change, warnings: string[]][] = [
  ['upper case in the trust domain', { leaf: { uris: ['spiffe://A.test/x'] } }, ['non_canonical_spiffe_id']],
  ['no EKU', { leaf: { extendedKeyUsage: null } }, ['eku_absent']],
  ['EKU without clientAuth', { leaf: { extendedKeyUsage: ['serverAuth'] } }, ['eku_partial']],
  [
    'key usage not critical',
    { extensions: all => all.map(one => (one.type === '2.5.29.15' ? new Extension(one.type, false, one.value) : one)) },
    ['key_usage_not_critical'],
  ],
  ['a short life nearly over', { leaf: { notBefore: daysFromNow(-2), notAfter: daysFromNow(1) } }, ['rotation_late']],
  ['a long life in its last days', { leaf: { notBefore: daysFromNow(-60), notAfter: daysFromNow(9) } }, ['expiring']],
]
for (const [name, change, warnings] of remarks)
  t.test(`${name} warns and is still right`, async t => {
    const judged = judge((await mintSvid(change, root, right)).certPem)
    t.strictSame([rulesOf(judged.violations), codesOf(judged.warnings)], [[], warnings])
  })

t.test('for a client, clientAuth is what decides', async t => {
  const server = (await root.issue({ ...right, extendedKeyUsage: ['serverAuth'] })).certPem
  t.strictSame(rulesOf(judge(server, { role: 'client' }).violations), ['leaf_eku_without_client_auth'])
  const client = (await root.issue({ ...right, extendedKeyUsage: ['clientAuth'] })).certPem
  t.match(judge(client, { role: 'client' }), { violations: [], warnings: [{ code: 'eku_partial' }] })
})

t.test('ten thousand names take less than a second', async t => {
  const dns = await root.issue({ ...right, names: Array.from({ length: 10_000 }, (_, i) => `n${i}.test`) })
  const uris = await root.issue({ uris: Array.from({ length: 10_000 }, (_, i) => `spiffe://a.test/w/${i}`) })
  const start = performance.now()
  t.strictSame(judge(dns.certPem).violations, [])
  const many = judge(uris.certPem)
  t.strictSame(rulesOf(many.violations), ['multiple_uri_san'])
  t.ok(many.violations[0]!.detail.length < 500)
  t.ok(performance.now() - start < 1000)
})

t.test('no bytes make the certificate reader throw', async () => {
  const { der } = await root.issue(right)
  const damaged = fc.tuple(fc.nat(der.length - 1), fc.nat(255)).map(([at, byte]) => Buffer.from(der).fill(byte, at, at + 1))
  const cut = fc.nat(der.length).map(at => der.subarray(0, at))
  fc.assert(
    fc.property(fc.oneof(damaged, cut, fc.uint8Array({ maxLength: 300 })), bytes => {
      const read = readCertificate(bytes)
      if (read.ok) judgeX509Svid([read.certificate], { nowMs, bundles })
      return read.ok || read.problems.length > 0
    }),
    { numRuns: 1500 },
  )
})
