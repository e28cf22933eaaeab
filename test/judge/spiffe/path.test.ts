import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { judgeX509Svid } from '../../../judge/spiffe/x509-svid.ts'
import { type Authority, daysFromNow, loadAuthority, makeAuthority } from '../../servers/authority.ts'
import { codesOf, readChain, rulesOf } from './minted.ts'

const ec = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const nowMs = Date.now()

/** A root with one more extension. */
const rootWith = async (extension: x509.Extension): Promise<Authority> => {
  const keys = (await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=constrained',
    notBefore: daysFromNow(-1),
    notAfter: daysFromNow(30),
    keys,
    signingAlgorithm: ec,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true), extension],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return loadAuthority({ certPem: cert.toString('pem'), keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') })
}
const judge = async (authority: Authority, uri: string, more = {}) => {
  const { certPem } = await authority.issue({ uris: [uri], names: ['svc.a.test'], addresses: ['10.1.2.3'], ...more })
  return judgeX509Svid(readChain(certPem), { nowMs, bundles: new Map([['a.test', readChain(authority.certPem)]]) })
}

const constraints = (permitted: Partial<GeneralName>[], excluded: Partial<GeneralName>[]) => {
  const trees = (bases: Partial<GeneralName>[]) =>
    bases.length ? new GeneralSubtrees(bases.map(base => new GeneralSubtree({ base: new GeneralName(base) }))) : undefined
  const value = new NameConstraints({ permittedSubtrees: trees(permitted), excludedSubtrees: trees(excluded) })
  return new x509.Extension('2.5.29.30', true, AsnConvert.serialize(value))
}

const uri = (uniformResourceIdentifier: string) => ({ uniformResourceIdentifier })
const dns = (dNSName: string) => ({ dNSName })
const address = (iPAddress: string) => ({ iPAddress })
const rows: [name: string, permitted: Partial<GeneralName>[], excluded: Partial<GeneralName>[], isFine: boolean][] = [
  ['the trust domain itself', [uri('a.test')], [], true],
  ['another trust domain', [uri('b.test')], [], false],
  ['domains below', [uri('.test')], [], true],
  ['domains below the trust domain only', [uri('.a.test')], [], false],
  ['the trust domain excluded', [], [uri('a.test')], false],
  ['a DNS suffix', [dns('a.test')], [], true],
  ['another DNS suffix', [dns('b.test')], [], false],
  ['an excluded DNS suffix', [], [dns('test')], false],
  ['the network', [address('10.0.0.0/8')], [], true],
  ['another network', [address('11.0.0.0/8')], [], false],
]
for (const [name, permitted, excluded, isFine] of rows)
  t.test(`a name constraint to ${name} ${isFine ? 'lets the SVID pass' : 'makes it untrusted'}`, async t => {
    const judged = await judge(await rootWith(constraints(permitted, excluded)), 'spiffe://a.test/x')
    t.strictSame(rulesOf(judged.violations), isFine ? [] : ['name_not_permitted'])
    t.equal(judged.verified, isFine)
  })

t.test('a critical extension that is not understood makes the path untrusted', async t => {
  const judged = await judge(await rootWith(new x509.Extension('1.3.6.1.4.1.32473.9', true, Buffer.from([5, 0]))), 'spiffe://a.test/x')
  t.match(judged, { verified: false, violations: [{ code: 'untrusted_chain', rule: 'unknown_critical_extension' }] })
})

t.test('a leaf on its issuer’s list is revoked; a list that another signed says nothing', async t => {
  const [root, other] = [await makeAuthority({ name: 'root' }), await makeAuthority({ name: 'root' })]
  const { certPem } = await root.issue({ uris: ['spiffe://a.test/x'] })
  const serialNumber = readChain(certPem)[0].serial
  const crlBy = async ({ certPem, keyPem }: Authority) => {
    const key = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(keyPem), ec, true, ['sign'])
    const issuer = new x509.X509Certificate(certPem).subject
    const crl = await x509.X509CrlGenerator.create({ issuer, signingKey: key, signingAlgorithm: ec, entries: [{ serialNumber }] })
    return new Uint8Array(crl.rawData)
  }
  const bundles = new Map([['a.test', readChain(root.certPem)]])
  const judged = judgeX509Svid(readChain(certPem), { nowMs, bundles, crls: [new Uint8Array([1]), await crlBy(other), await crlBy(root)] })
  t.strictSame(codesOf(judged.violations), ['certificate_revoked'])
  t.equal(judgeX509Svid(readChain(certPem), { nowMs, bundles, crls: [await crlBy(other)] }).violations.length, 0)
})

t.test('certificates that all sign each other end in bounded time', async t => {
  const roots = await Promise.all(Array.from({ length: 12 }, () => makeAuthority({ name: 'same' })))
  const { certPem } = await roots[0]!.issue({ uris: ['spiffe://a.test/x'] })
  const sent =
    certPem +
    roots
      .map(one => one.certPem)
      .join('')
      .repeat(40)
  const start = performance.now()
  const judged = judgeX509Svid(readChain(sent), {
    nowMs,
    bundles: new Map([['a.test', readChain((await makeAuthority({ name: 'same' })).certPem)]]),
  })
  t.notOk(judged.verified)
  t.ok(performance.now() - start < 3000)
})
