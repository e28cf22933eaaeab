import { generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto'
import { CompactSign } from 'jose'
import t from 'tap'
import { discoveryUrl, type Fetched, judgeDiscovery, judgeSignature } from '../../../judge/federation/issuer.ts'
import { isSignedBy } from '../../../judge/federation/signature.ts'
import type { JsonObject } from '../../../judge/spiffe/json.ts'
import { readToken } from '../../../judge/spiffe/token.ts'

const issuer = 'https://issuer.example/cluster'
const url = discoveryUrl(issuer)!
const said = (document: object): Fetched => ({
  status: 200,
  contentType: 'application/json',
  body: JSON.stringify({ issuer, ...document }),
  tooLarge: false,
})

t.test('a discovery document says where the keys are, and not on our side of the network or in clear text', async t => {
  t.match(judgeDiscovery(issuer, url, said({ jwks_uri: `${issuer}/keys` })), { keys: new URL(`${issuer}/keys`) })
  t.match(judgeDiscovery(issuer, url, said({ jwks_uri: 'https://elsewhere.example/keys' })), { keys: URL }, 'another host may have them')
  for (const inside of [
    'http://169.254.169.254/latest/meta-data',
    'https://127.0.0.1/keys',
    'https://[fd00:ec2::254]/',
    'https://10.1.2.3/keys',
  ])
    t.match(
      judgeDiscovery(issuer, url, said({ jwks_uri: inside })),
      { reason: 'discovery_invalid', detail: /only this side can reach/ },
      inside,
    )
  t.match(judgeDiscovery(issuer, url, said({ jwks_uri: 'http://issuer.example/keys' })), { detail: /want https/ })
  for (const none of [{}, { jwks_uri: 7 }, { jwks_uri: 'no url' }])
    t.match(judgeDiscovery(issuer, url, said(none)), { detail: /has no jwks_uri/ }, JSON.stringify(none))
})

t.test('an issuer that no cloud would ask has no discovery document', async t => {
  for (const one of [
    'http://issuer.example',
    'https://issuer.example/?a=b',
    'https://user@issuer.example',
    'ftp://issuer.example',
    'issuer',
  ])
    t.equal(discoveryUrl(one), undefined, one)
})

/** Made once for each type: RSA keys take their time. */
const rsa = Array.from({ length: 2 }, () => generateKeyPairSync('rsa', { modulusLength: 2048 }))
const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const
const pairsFor = (alg: string): KeyPairKeyObjectResult[] =>
  alg in curves ? rsa.map(() => generateKeyPairSync('ec', { namedCurve: curves[alg as keyof typeof curves] })) : rsa
const jwkOf = ({ publicKey }: KeyPairKeyObjectResult): JsonObject => publicKey.export({ format: 'jwk' }) as JsonObject

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512'] as const
for (const alg of algorithms)
  t.test(`${alg}: a signature holds by its own key, and by no other and for no other text`, async t => {
    const [ours, others] = pairsFor(alg)
    const text = await new CompactSign(Buffer.from('{"sub":"a"}')).setProtectedHeader({ alg, kid: 'one' }).sign(ours!.privateKey)
    const [key, other] = [jwkOf(ours!), jwkOf(others!)]
    t.ok(isSignedBy(text, key, alg))
    t.ok(isSignedBy(text, { ...key, use: 'jwt-svid', alg: 'other' }, alg), 'its use is not asked')
    t.notOk(isSignedBy(text, other, alg))
    const [header, , signature] = text.split('.')
    t.notOk(isSignedBy(`${header}.${Buffer.from('{"sub":"b"}').toString('base64url')}.${signature}`, key, alg))
    t.notOk(isSignedBy(text.slice(0, -8), key, alg), 'a signature that is cut short')
    for (const wrong of algorithms.filter(one => one !== alg)) t.notOk(isSignedBy(text, key, wrong), `as ${wrong}`)
    const token = readToken(text)
    if (!token.ok) return t.fail(token.problem)
    t.equal(
      judgeSignature(token.token, [
        { ...other, kid: 'one' },
        { ...key, kid: 'one' },
      ]),
      undefined,
      'two keys of one name',
    )
    t.match(judgeSignature(token.token, [{ ...key, kid: 'two' }]), { reason: 'key_not_in_jwks' })
    t.match(judgeSignature(token.token, [{ ...other, kid: 'one' }]), { reason: 'signature_invalid' })
  })

t.test('a key that is too short, broken or of a secret has signed nothing', async t => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const weak = sign('sha256', Buffer.from('e30.e30'), short.privateKey).toString('base64url')
  t.notOk(isSignedBy(`e30.e30.${weak}`, jwkOf(short), 'RS256'), 'of 1024 bits')
  const text = await new CompactSign(Buffer.from('{}')).setProtectedHeader({ alg: 'RS256' }).sign(rsa[0]!.privateKey)
  const key = jwkOf(rsa[0]!)
  for (const bad of [{}, { kty: 'oct', k: 'AAAA' }, { ...key, n: 'AQAB' }, { ...key, n: 7 }, { ...key, kty: 'EC' }])
    t.notOk(isSignedBy(text, bad, 'RS256'))
  for (const alg of ['none', 'HS256', '', 'RS1']) t.notOk(isSignedBy(text, key, alg), alg)
})
