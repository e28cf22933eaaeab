import { readFileSync } from 'node:fs'
import t from 'tap'
import { readBundle } from '../../../judge/spiffe/bundle.ts'
import { readCertificate } from '../../../judge/spiffe/certificate.ts'
import { splitDer } from '../../../judge/spiffe/der.ts'
import { parseSpiffeId } from '../../../judge/spiffe/id.ts'
import { readPem } from '../../../judge/spiffe/pem.ts'
import { judgeX509Svid } from '../../../judge/spiffe/x509-svid.ts'
import { codesOf, readChain, rulesOf } from './minted.ts'

const read = (name: string) => readFileSync(new URL(`../../fixtures/spiffe/java-spiffe/${name}`, import.meta.url))
const chainOf = (name: string) => {
  const bytes = read(name)
  if (bytes[0] !== 0x30) return readChain(bytes.toString())
  const found = splitDer(bytes)
    ?.map(readCertificate)
    .flatMap(one => (one.ok ? [one.certificate] : []))
  return [found![0]!, ...found!.slice(1)] as ReturnType<typeof readChain>
}

const svids: [file: string, at: string, id: string | null, rules: string[], warnings?: string[]][] = [
  ...['a', 'b', 'c', 'd', 'e'].map((one): (typeof svids)[number] => [
    `certs/leaf-${one}.crt.der`,
    '2026-01-01',
    `spiffe://test/${one}`,
    [],
  ]),
  ['internal/cert.pem', '2020-03-19', 'spiffe://example.org/test', []],
  ['internal/cert2.pem', '2020-03-19T20:00:00Z', 'spiffe://other.org/test', [], []],
  ['workloadapi/svid.der', '2020-05-26T08:30:00Z', 'spiffe://example.org/workload-server', []],
  ['x509svid/cert.der', '2020-06-22T14:00:00Z', 'spiffe://example.org/workload-server', []],
  ['x509svid/good-leaf-and-intermediate.pem', '2020-03-24T14:10:00Z', 'spiffe://example.org/workload-1', []],
  ['x509svid/good-leaf-and-intermediate.pem', '2020-03-26', 'spiffe://example.org/workload-1', ['intermediate_expired', 'leaf_expired']],
  ['x509svid/good-leaf-only.pem', '2021-01-01', 'spiffe://example.org/workload-1', [], ['eku_absent']],
  ['x509svid/good-leaf-only.pem', '2020-01-01', 'spiffe://example.org/workload-1', ['leaf_not_yet_valid'], ['eku_absent']],
  ['x509svid/wrong-intermediate-no-ca.pem', '2021-01-01', 'spiffe://example.org/workload-1', ['signing_not_ca']],
  ['x509svid/wrong-intermediate-no-key-cert-sign.pem', '2021-01-01', 'spiffe://example.org/workload-1', ['signing_no_key_cert_sign']],
  ['x509svid/wrong-leaf-ca-true.pem', '2021-01-01', 'spiffe://example.org/workload-1', ['leaf_is_ca']],
  ['x509svid/wrong-leaf-cert-sign.pem', '2021-01-01', 'spiffe://example.org/workload-1', ['leaf_key_cert_sign']],
  ['x509svid/wrong-leaf-crl-sign.pem', '2021-01-01', 'spiffe://example.org/workload-1', ['leaf_crl_sign']],
  ['x509svid/wrong-leaf-empty-id.pem', '2021-01-01', null, ['no_spiffe_id']],
  [
    'x509svid/wrong-leaf-no-digital-signature.pem',
    '2021-01-01',
    'spiffe://example.org/workload-1',
    ['leaf_crl_sign', 'leaf_key_cert_sign', 'leaf_no_digital_signature'],
  ],
]
for (const [file, at, id, rules, warnings] of svids)
  t.test(`${file} at ${at} breaks ${rules.join(', ') || 'no rule'}`, async t => {
    const judged = judgeX509Svid(chainOf(file), { nowMs: Date.parse(at) })
    t.strictSame(rulesOf(judged.violations), rules)
    t.equal(judged.id && `spiffe://${judged.id.trustDomain}${judged.id.path}`, id)
    if (warnings) t.strictSame(codesOf(judged.warnings), warnings)
  })

t.test('the SVID of other.org leads to its own bundle, and to no other', async t => {
  const bundle = chainOf('internal/bundle.pem')
  const at = { nowMs: Date.parse('2020-03-19T20:00:00Z') }
  t.match(judgeX509Svid(chainOf('internal/cert2.pem'), { ...at, bundles: new Map([['other.org', bundle]]) }), {
    verified: true,
    violations: [],
  })
  const other = judgeX509Svid(chainOf('internal/cert.pem'), { ...at, bundles: new Map([['example.org', bundle]]) })
  t.strictSame(rulesOf(other.violations), ['issuer_not_in_bundle'])
  const unknown = judgeX509Svid(chainOf('internal/cert2.pem'), { ...at, bundles: new Map([['example.org', bundle]]) })
  t.strictSame(rulesOf(unknown.violations), ['unknown_trust_domain'])
})

type Row = { file: string; x509?: number; jwt?: number; rules?: string[]; warnings?: string[] }
const bundles: Row[] = [
  { file: 'internal/bundle.pem', x509: 1 },
  { file: 'workloadapi/bundle.der', x509: 1 },
  { file: 'workloadapi/federated-bundle.pem', x509: 1 },
  { file: 'x509bundle/cert.pem', x509: 1 },
  { file: 'x509bundle/certs.pem', x509: 2 },
  { file: 'workloadapi/bundle.json', jwt: 3, warnings: ['refresh_hint_absent', 'sequence_absent'] },
  { file: 'jwtbundle/jwks_invalid_keytype.json', warnings: ['entry_ignored', 'form_assumed'] },
  { file: 'jwtbundle/jwks_missing_kid.json', jwt: 1, rules: ['kid_missing'], warnings: ['form_assumed'] },
  { file: 'jwtbundle/jwks_valid_EC_1.json', jwt: 1, warnings: ['form_assumed'] },
  { file: 'jwtbundle/jwks_valid_RSA_1.json', jwt: 1, rules: ['private_key_in_bundle'], warnings: ['form_assumed'] },
  { file: 'jwtbundle/jwks_valid_RSA_EC.json', jwt: 2, rules: ['private_key_in_bundle'], warnings: ['form_assumed'] },
]
for (const { file, x509 = 0, jwt = 0, rules = [], warnings = [] } of bundles)
  t.test(`${file} has ${x509} X.509 and ${jwt} JWT authorities`, async t => {
    const found = readBundle(read(file))
    t.match(found, { ok: true })
    if (!found.ok) return
    t.strictSame([found.bundle.x509.length, found.bundle.jwt.length], [x509, jwt])
    t.strictSame(rulesOf(found.violations), rules)
    t.strictSame(codesOf(found.warnings), warnings)
  })

const unreadable: [file: string, rule: string][] = [
  ['x509bundle/corrupted.pem', 'x5c_invalid'],
  ['x509bundle/empty.pem', 'bundle_not_json'],
  ['x509bundle/not-pem.pem', 'bundle_not_json'],
  ['workloadapi/corrupted', 'bundle_not_json'],
  ['x509svid/corrupted', 'bundle_not_json'],
  ['workloadapi/svid.key.der', 'x5c_invalid'],
]
for (const [file, rule] of unreadable)
  t.test(`${file} is no bundle`, async t => {
    const found = readBundle(read(file))
    t.notOk(found.ok)
    t.strictSame(rulesOf(found.violations), [rule])
  })

t.test('keys belong to their certificates, and the others do not', async t => {
  const { createPrivateKey } = await import('node:crypto')
  const keyIn = (file: string) =>
    createPrivateKey(readPem(read(file).toString()).blocks.find(one => one.label.endsWith('PRIVATE KEY'))!.text)
  t.ok(chainOf('x509svid/good-leaf-and-intermediate.pem')[0].x509.checkPrivateKey(keyIn('x509svid/key-pkcs8-ecdsa.pem')))
  t.notOk(chainOf('x509svid/good-leaf-and-intermediate.pem')[0].x509.checkPrivateKey(keyIn('x509svid/key-ecdsa-other.pem')))
  t.ok(chainOf('x509svid/good-leaf-only.pem')[0].x509.checkPrivateKey(keyIn('x509svid/key-pkcs8-rsa.pem')))
  t.notOk(chainOf('x509svid/good-leaf-only.pem')[0].x509.checkPrivateKey(keyIn('x509svid/key-rsa-other.pem')))
})

t.test('every ID of spiffeIds.txt is accepted', async t => {
  const ids = read('spiffeid/spiffeIds.txt').toString().trim().split(/\s+/)
  t.equal(ids.length, 4)
  for (const id of ids) t.ok(parseSpiffeId(id).ok, id)
})
