import { createPrivateKey, verify, X509Certificate } from 'node:crypto'
import t from 'tap'
import { loadTrustDomain, makeTrustDomain } from './spiffe.ts'
import { type SvidFault, svidFaults } from './svid-faults.ts'

t.test('prepare publishes, activate signs, retire takes back', async t => {
  const a = await makeTrustDomain('a.test')
  const first = a.active()
  const second = await a.prepare()
  t.equal(a.published().length, 2)
  t.equal(a.active(), first, 'what is prepared does not sign yet')
  await a.activate()
  t.equal(a.active(), second)
  const issued = new X509Certificate((await a.issue()).certPem)
  t.ok(issued.verify(new X509Certificate(second.certPem).publicKey))
  a.retire()
  t.same(a.published(), [second])
  t.match(a.document(), '"spiffe_sequence":3')
  await a.activate()
  t.not(a.active(), second, 'activate prepares when nothing is prepared')
})

t.test('every fault makes a certificate whose key fits', async t => {
  const a = await makeTrustDomain('a.test')
  for (const fault of Object.keys(svidFaults) as SvidFault[]) {
    const svid = await a.issue({ path: '/ns/x', fault, below: 1 })
    const cert = new X509Certificate(svid.der)
    t.ok(cert.checkPrivateKey(createPrivateKey(svid.keyPem)), `${fault}: ${cert.subjectAltName?.slice(0, 80)}`)
    t.equal(svid.chainDer.length > svid.der.length, true)
  }
  const names = async (fault: SvidFault) => new X509Certificate((await a.issue({ path: '/x', fault })).der).subjectAltName
  t.equal(await names('root path'), 'URI:spiffe://a.test')
  t.equal(await names('port'), 'URI:spiffe://a.test:8443/x')
  t.equal(await names('upper-case trust domain'), 'URI:spiffe://A.TEST/x')
  t.equal(await names('two SPIFFE IDs'), 'URI:spiffe://a.test/x, URI:spiffe://a.test/x-too')
})

t.test('a trust domain goes on in another process', async t => {
  const a = await makeTrustDomain('a.test')
  await a.prepare()
  const again = await loadTrustDomain(JSON.parse(JSON.stringify(a.save())) as ReturnType<typeof a.save>)
  t.equal(again.bundlePem(), a.bundlePem())
  t.ok(new X509Certificate((await again.issue()).der).verify(new X509Certificate(a.active().certPem).publicKey))
})

t.test('JWT-SVIDs are signed by the key of the bundle, and can be wrong', async t => {
  const a = await makeTrustDomain('a.test')
  const [header, claims, signature] = a.jwtSvid({ audience: ['x'], claims: { exp: undefined } }).split('.')
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
  t.match(read(header!), { alg: 'ES256', kid: 'a.test-jwt-1', typ: 'JWT' })
  t.match(read(claims!), { sub: 'spiffe://a.test/test', aud: ['x'], exp: undefined })
  const jwk = (JSON.parse(a.document()) as { keys: Record<string, unknown>[] }).keys.find(key => key['kid'] === 'a.test-jwt-1')!
  const key = { key: jwk, format: 'jwk', dsaEncoding: 'ieee-p1363' } as const
  t.ok(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature!, 'base64url')))
  t.match(a.jwtSvid({ header: { alg: 'none' } }), /\.$/)
})
