import { createHmac, generateKeyPairSync } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import t from 'tap'
import { proveByProjectedToken } from '../../../controller/enrol/kubernetes.ts'
import type { RefusalReason } from '../../../controller/enrol/refusal.ts'
import { Secret } from '../../../wire/secret.ts'
import { claimsOf, clusterOf, nowMs, seconds, subject } from './claims.ts'
import { startIssuer, type TestIssuer, trustIssuers } from './issuer.ts'

t.test('a projected token gives the agent its id and its place, by what cluster and token say', async t => {
  const issuer = await startIssuer()
  const keys = await trustIssuers({ ms: 0 })
  const clusters = [clusterOf('eks-prod', issuer)]
  const prove = async (claims: Record<string, unknown>) => proveByProjectedToken(await issuer.sign(claims), { clusters, keys, nowMs })
  t.strictSame(await prove(claimsOf(issuer)), {
    ok: true,
    id: 'eks-prod/node-1',
    location: { cloud: 'aws', region: 'us-east-1', cluster: 'eks-prod', node: 'node-1' },
    workload: { namespace: 'causeway', serviceAccount: 'agent' },
    proof: { kind: 'kubernetes', issuer: issuer.url, subject, instance: 'p1' },
  })
  const { node: _, ...before130 } = claimsOf(issuer)['kubernetes.io']
  t.match(await prove({ ...claimsOf(issuer), 'kubernetes.io': before130 }), { id: 'eks-prod/agent-x7k2p' }, 'a cluster that names no node')
  const runner = { ...claimsOf(issuer)['kubernetes.io'], namespace: 'ml', serviceaccount: { name: 'predictor', uid: 's2' } }
  t.match(
    await prove({ ...claimsOf(issuer), sub: 'system:serviceaccount:ml:predictor', 'kubernetes.io': runner }),
    { id: 'eks-prod/ml/predictor/agent-x7k2p', workload: { namespace: 'ml', serviceAccount: 'predictor' } },
    "a workload's own agent never has the name of the node",
  )
  await Promise.all([issuer.close(), keys.close()])
})

t.test('a proof that is wrong in one way is refused for that, and nothing of it is repeated', async t => {
  const [issuer, stranger] = await Promise.all([startIssuer(), startIssuer()])
  const keys = await trustIssuers({ ms: 0 })
  const good = claimsOf(issuer)
  const bound = good['kubernetes.io']
  const canary = 'canary-7f3a'
  const text = (await issuer.sign({ ...good, canary })).reveal()
  const [head, body, signature] = text.split('.') as [string, string, string]
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const publicJwk = JSON.stringify(await exportJWK(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey))
  const hmacHead = encode({ alg: 'HS256', kid: 'key-0' })
  const hmac = createHmac('sha256', publicJwk).update(`${hmacHead}.${body}`).digest('base64url')
  const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const cases: Record<string, [RefusalReason, Secret | Promise<Secret>]> = {
    'an issuer that no cluster has': ['issuer_unknown', stranger.sign(claimsOf(stranger))],
    'a trusted issuer named by a stranger': ['signature_invalid', stranger.sign({ ...good, canary })],
    'an own key under the key ID': ['signature_invalid', signWith(own, { alg: 'ES256', kid: 'key-0' }, good)],
    'a signature with a bit changed': ['signature_invalid', new Secret(`${head}.${body}.${flipped}`)],
    'claims changed after signing': ['signature_invalid', new Secret(`${head}.${encode({ ...good, sub: 'x' })}.${signature}`)],
    'no signature, alg none': ['signature_invalid', new Secret(`${encode({ alg: 'none', kid: 'key-0' })}.${body}.`)],
    'a shared secret, alg HS256': ['signature_invalid', new Secret(`${hmacHead}.${body}.${hmac}`)],
    'a key that is not known': ['key_unknown', issuer.sign(good, { kid: 'other' })],
    'no key ID': ['proof_malformed', new Secret(`${encode({ alg: 'ES256' })}.${body}.${signature}`)],
    'another audience': ['audience_mismatch', issuer.sign({ ...good, aud: ['vault'] })],
    'no audience': ['audience_mismatch', issuer.sign({ ...good, aud: undefined })],
    'another service account': ['subject_not_allowed', issuer.sign({ ...good, sub: 'system:serviceaccount:causeway:default' })],
    'a subject that only begins right': ['subject_not_allowed', issuer.sign({ ...good, sub: `${subject}2` })],
    'no subject': ['claims_missing', issuer.sign({ ...good, sub: undefined })],
    expired: ['expired', issuer.sign({ ...good, exp: seconds - 11 })],
    'without an end': ['claims_missing', issuer.sign({ ...good, exp: undefined })],
    'an end that is a text': ['claims_missing', issuer.sign({ ...good, exp: String(seconds + 60) })],
    'not valid yet': ['not_yet_valid', issuer.sign({ ...good, nbf: seconds + 11 })],
    'not bound to a pod': ['claims_missing', issuer.sign({ ...good, 'kubernetes.io': { ...bound, pod: undefined } })],
    'no binding at all': ['claims_missing', issuer.sign({ ...good, 'kubernetes.io': undefined })],
    'bound to another service account': [
      'claims_missing',
      issuer.sign({ ...good, 'kubernetes.io': { ...bound, serviceaccount: { name: 'other' } } }),
    ],
    'a pod with a name that is none': [
      'claims_missing',
      issuer.sign({ ...good, 'kubernetes.io': { ...bound, pod: { name: '../x', uid: 'p' } } }),
    ],
    'five parts': ['proof_malformed', new Secret(`${text}.${canary}.${canary}`)],
    'no token': ['proof_malformed', new Secret(canary)],
    nothing: ['proof_malformed', new Secret('')],
    'far too long': ['proof_malformed', new Secret(`${text}${'a'.repeat(20_000)}`)],
  }
  for (const [name, [reason, token]] of Object.entries(cases)) {
    const proved = await proveByProjectedToken(await token, { clusters: [clusterOf('eks-prod', issuer)], keys, nowMs })
    t.match(proved, { ok: false, reason, detail: /./ }, name)
    t.notMatch(
      JSON.stringify(proved),
      new RegExp(`${canary}|${body.slice(0, 40)}|${signature.slice(0, 20)}`),
      `${name}: nothing of the token`,
    )
  }
  await Promise.all([issuer.close(), stranger.close(), keys.close()])
})

const signWith = async (key: Parameters<SignJWT['sign']>[0], header: { alg: string; kid: string }, claims: Record<string, unknown>) =>
  new Secret(await new SignJWT(claims).setProtectedHeader(header).sign(key))

t.test('three clusters: one issuer goes away, one rotates its keys, and their agents still enrol; nothing else is accepted', async t => {
  const issuers = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
  const [steady, away, rotating] = issuers
  const clock = { ms: 0 }
  const keys = await trustIssuers(clock)
  const clusters = issuers.map((issuer, index) => clusterOf(`c${index}`, issuer))
  const prove = async (issuer: TestIssuer, kid?: string) =>
    proveByProjectedToken(await issuer.sign(claimsOf(issuer), kid === undefined ? {} : { kid }), { clusters, keys, nowMs })
  for (const issuer of issuers) t.match(await prove(issuer), { ok: true })
  const last = await prove(rotating)
  t.ok(last.ok)
  await away.close()
  await rotating.rotate()
  t.match(await prove(rotating), { reason: 'key_unknown' }, 'asked a moment ago: not again within the minute')
  clock.ms += 60_000
  t.match(await prove(rotating), { ok: true, id: 'c2/node-1' })
  clock.ms += 24 * 3_600_000
  t.match(await prove(away), { ok: true, id: 'c1/node-1' }, 'by the keys that it had')
  t.match(await prove(away, 'made-up'), { reason: 'issuer_unreachable' })
  t.match(await prove(steady), { ok: true, id: 'c0/node-1' })
  const before = steady.asked()
  await Promise.all(Array.from({ length: 20 }, (_, i) => prove(steady, `made-up-${i}`)))
  t.ok(steady.asked() - before <= 1, 'made-up key IDs make at most one question a minute')
  clock.ms += 3_600_001
  const asked = steady.asked()
  await Promise.all(Array.from({ length: 20 }, () => prove(steady)))
  t.equal(steady.asked() - asked, 1, 'known keys are looked at again after an hour, once for all who wait')
  await Promise.all([steady.close(), rotating.close(), keys.close()])
})

t.test('an issuer that answers nonsense is as good as away', async t => {
  for (const body of [
    '',
    '[]',
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[{"kty":"oct","kid":"key-0","k":"AAAA"}]}',
    '<html>',
    'x'.repeat(2_000_000),
  ]) {
    const issuer = await startIssuer()
    const keys = await trustIssuers({ ms: 0 })
    issuer.answerWith(body)
    const proved = await proveByProjectedToken(await issuer.sign(claimsOf(issuer)), { clusters: [clusterOf('c', issuer)], keys, nowMs })
    t.match(proved, { ok: false, reason: 'issuer_unreachable' }, body.slice(0, 20))
    await Promise.all([issuer.close(), keys.close()])
  }
})

t.test('keys from a file, for an issuer that cannot be reached', async t => {
  const issuer = await startIssuer()
  const jwks = { keys: [] as unknown[] }
  const clock = { ms: 0 }
  const keys = await trustIssuers(clock, { '/etc/jwks.json': jwks })
  const clusters = [{ ...clusterOf('c', issuer), jwks: { file: '/etc/jwks.json' } }]
  const prove = async () => proveByProjectedToken(await issuer.sign(claimsOf(issuer)), { clusters, keys, nowMs })
  t.match(await prove(), { reason: 'issuer_unreachable', detail: /no key/ })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  jwks.keys.push({ ...(await exportJWK(publicKey)), kid: 'file-1' })
  clock.ms += 60_000
  const token = await signWith(privateKey, { alg: 'ES256', kid: 'file-1' }, claimsOf(issuer))
  t.match(await proveByProjectedToken(token, { clusters, keys, nowMs }), { ok: true })
  t.equal(issuer.asked(), 0)
  await Promise.all([issuer.close(), keys.close()])
})
