import { createPrivateKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import { daysFromNow, issueSelfSigned, loadAuthority, makeAuthority } from './authority.ts'

const pemCount = (pem: string) => pem.split('-----BEGIN CERTIFICATE-----').length - 1

t.test('a leaf below an intermediate is signed link by link', async t => {
  const root = await makeAuthority({ name: 'root, "one"' })
  const middle = await root.intermediate({ name: 'middle' })
  const leaf = await middle.issue({ names: ['svc.test'], addresses: ['10.0.0.1', 'fd00::1'], uris: ['spiffe://a.test/x'] })
  const [rootCert, middleCert, leafCert] = [root.certPem, middle.certPem, leaf.certPem].map(pem => new X509Certificate(pem))
  t.ok(rootCert!.verify(rootCert!.publicKey))
  t.ok(middleCert!.verify(rootCert!.publicKey) && middleCert!.checkIssued(rootCert!) && middleCert!.ca)
  t.ok(leafCert!.verify(middleCert!.publicKey) && leafCert!.checkIssued(middleCert!))
  t.notOk(leafCert!.ca)
  t.equal(leafCert!.subjectAltName, 'DNS:svc.test, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, URI:spiffe://a.test/x')
  t.equal(leafCert!.subject, 'CN=svc.test')
  t.equal(leaf.chainPem, leaf.certPem + middle.certPem)
  t.equal(pemCount(middle.intermediatesPem), 1)
})

t.test('options reach the certificate', async t => {
  const root = await makeAuthority({ name: 'root', key: 'rsa' })
  const notAfter = new Date('2031-02-03T04:05:06Z')
  const leaf = await root.issue({
    names: ['a.test'],
    commonName: 'other',
    notBefore: daysFromNow(-2),
    notAfter,
    extendedKeyUsage: ['clientAuth'],
    keyUsage: null,
    basicConstraints: { ca: true, pathLength: 0 },
    aia: 'http://ca.test/ca.crt',
    padBytes: 3000,
    key: 'rsa',
  })
  const cert = new X509Certificate(leaf.der)
  t.equal(cert.subject, 'CN=other')
  t.equal(cert.validToDate.getTime(), notAfter.getTime())
  t.same(cert.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'what Node calls keyUsage is the extended one')
  t.ok(cert.ca)
  t.equal(cert.infoAccess, 'CA Issuers - URI:http://ca.test/ca.crt')
  t.ok(leaf.der.length > 3500, `${leaf.der.length} bytes`)
  t.equal(cert.publicKey.asymmetricKeyType, 'rsa')
  t.ok(cert.checkPrivateKey(createPrivateKey(leaf.keyPem)))
})

t.test('an authority that was written out and read back still signs', async t => {
  for (const key of ['ec', 'rsa'] as const) {
    const root = await makeAuthority({ name: 'root', key })
    const again = await loadAuthority(root)
    t.equal(again.certPem, root.certPem)
    const leaf = await (await again.intermediate({ name: 'middle' })).issue()
    t.equal(pemCount(leaf.chainPem), 2)
    t.ok(new X509Certificate((await again.issue()).certPem).verify(new X509Certificate(root.certPem).publicKey))
  }
})

t.test('a self-signed leaf is its own issuer', async t => {
  const cert = new X509Certificate((await issueSelfSigned({ names: ['svc.test'] })).certPem)
  t.equal(cert.issuer, cert.subject)
  t.ok(cert.verify(cert.publicKey))
})
