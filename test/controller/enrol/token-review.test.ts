import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { proveByProjectedToken } from '../../../controller/enrol/kubernetes.ts'
import type { RefusalReason } from '../../../controller/enrol/refusal.ts'
import { findApiServer, openTokenReview } from '../../../controller/enrol/token-review.ts'
import type { Secret } from '../../../wire/secret.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { answersStatus, answersText, hangs, hangsUp, knows, type ReviewAnswer, saysNo, startApiServer } from './api-server.ts'
import { claimsOf, clusterOf, nowMs, seconds } from './claims.ts'
import { startIssuer, trustIssuers } from './issuer.ts'

const reviewed = { jwks: { tokenReview: true as const } }

/** A controller in the cluster whose tokens `issuer` signs. */
const setUp = async (t: Test, timeoutMs?: number) => {
  const issuer = await startIssuer()
  const api = await startApiServer(t, (await issuer.sign({ iss: issuer.url, sub: 'system:serviceaccount:causeway:controller' })).reveal())
  const keys = await trustIssuers({ ms: 0 })
  const review = openTokenReview({ ...api, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  t.teardown(() => Promise.all([issuer.close(), keys.close(), review.close()]))
  const cluster = clusterOf('own', issuer)
  const prove = (token: Secret, more: object = reviewed, means: object = { review }) =>
    proveByProjectedToken(token, { clusters: [{ ...cluster, ...more }], keys, nowMs, ...means })
  return { issuer, api, review, prove, sign: (claims: object = {}) => issuer.sign({ ...claimsOf(issuer), ...claims }) }
}

t.test("a token of the controller's own cluster is shown to its API server, and proves what its claims say", async t => {
  const { issuer, api, prove, sign } = await setUp(t)
  const token = await sign()
  t.match(await prove(token), { ok: true, id: 'own/node-1', location: { cluster: 'own', node: 'node-1' }, proof: { instance: 'p1' } })
  const [asked] = api.asked
  t.equal(asked!.path, 'POST /apis/authentication.k8s.io/v1/tokenreviews')
  t.strictSame(asked!.review, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: token.reveal(), audiences: ['causeway'] },
  })
  t.equal(issuer.asked(), 0, 'no keys are looked for')
  t.match(await prove(await sign({ sub: 'system:serviceaccount:causeway:other' })), { reason: 'subject_not_allowed' })
  t.match(await prove(await sign({ 'kubernetes.io': undefined })), { reason: 'claims_missing' }, 'not bound to a pod')
})

t.test("the controller's own token and the cluster's CA are read anew each time", async t => {
  const { issuer, api, prove, sign } = await setUp(t)
  await prove(await sign())
  const next = (await issuer.sign({ iss: issuer.url, renewed: true })).reveal()
  writeFileSync(join(api.directory, 'token'), next)
  t.match(await prove(await sign()), { ok: true })
  t.equal(api.asked.at(-1)!.authorization, `Bearer ${next}`)
  t.not(api.asked[0]!.authorization, `Bearer ${next}`)
  writeFileSync(join(api.directory, 'ca.crt'), (await makeAuthority({ name: 'another' })).certPem)
  t.match(await prove(await sign()), { reason: 'issuer_unreachable', detail: /certificate/ }, 'an API server of another CA is told nothing')
  rmSync(join(api.directory, 'token'))
  t.match(await prove(await sign()), { reason: 'issuer_unreachable', detail: /whose issuer is not known/ })
})

t.test('what the API server does not confirm is refused for that, and nothing of a token is repeated', async t => {
  const { api, prove, sign } = await setUp(t)
  const token = await sign()
  const text = token.reveal()
  const withExtra = (extra: object) => knows(status => ({ ...status, user: { ...(status['user'] as object), extra } }))
  const cases: Record<string, [ReviewAnswer, RefusalReason, RegExp]> = {
    'not authenticated': [saysNo(), 'signature_invalid', /does not know the token$/],
    'a token whose pod is gone': [saysNo('[invalid bearer token, pod "agent-x7k2p" not found]'), 'signature_invalid', /pod .*not found/],
    'an error that repeats the token': [saysNo(`bad token ${text}`), 'signature_invalid', /bad token \*\*\*/],
    'authenticated that is no boolean': [knows(status => ({ ...status, authenticated: 'true' })), 'signature_invalid', /./],
    'a server that knows no audiences': [knows(({ audiences: _, ...status }) => status), 'audience_mismatch', /did not check/],
    'another audience': [knows(status => ({ ...status, audiences: ['https://kubernetes.default.svc'] })), 'audience_mismatch', /./],
    'another account': [knows(status => ({ ...status, user: { username: 'system:admin' } })), 'claims_differ', /another account/],
    'another pod': [withExtra({ 'authentication.kubernetes.io/pod-name': ['other'] }), 'claims_differ', /another pod$/],
    'another node': [withExtra({ 'authentication.kubernetes.io/node-name': ['other'] }), 'claims_differ', /another node$/],
    'no status': [answersText('{}'), 'signature_invalid', /./],
    'not allowed to ask': [answersStatus(403), 'issuer_unreachable', /403.*system:auth-delegator/],
    'an own token that has ended': [answersStatus(401), 'issuer_unreachable', /401/],
    'a failure inside': [answersStatus(500), 'issuer_unreachable', /500, want 201/],
    'a redirect': [answersStatus(302), 'issuer_unreachable', /302/],
    'no JSON': [answersText('<html>'), 'issuer_unreachable', /no JSON/],
    'a JSON list': [answersText('[]'), 'issuer_unreachable', /no JSON object/],
    'a huge body': [answersText(`{"status":"${'x'.repeat(1_000_000)}"}`), 'issuer_unreachable', /more than 131072 bytes/],
    'a hang-up': [hangsUp, 'issuer_unreachable', /./],
  }
  for (const [name, [answer, reason, detail]] of Object.entries(cases)) {
    api.answerWith(answer)
    const proved = await prove(token)
    t.match(proved, { ok: false, reason, detail }, name)
    for (const part of [...text.split('.'), api.asked.at(-1)!.authorization!.slice(7)])
      t.notOk(JSON.stringify(proved).includes(part.slice(0, 40)), name)
  }
  api.answerWith(withExtra({}))
  t.match(await prove(token), { ok: true }, 'a cluster from before 1.30 says no node')
})

t.test('an API server that says nothing is as good as away', async t => {
  const { api, prove, sign } = await setUp(t, 50)
  api.answerWith(hangs)
  t.match(await prove(await sign()), { reason: 'issuer_unreachable', detail: /no answer in time/ })
  await api.close()
  t.match(await prove(await sign()), { reason: 'issuer_unreachable' })
})

t.test('what the token itself says wrong is not asked about', async t => {
  const { api, prove, sign } = await setUp(t)
  t.match(await prove(await sign({ aud: ['vault'] })), { reason: 'audience_mismatch' })
  t.match(await prove(await sign({ exp: seconds - 60 })), { reason: 'expired' })
  t.match(await prove(await sign({ exp: undefined })), { reason: 'claims_missing' })
  t.equal(api.asked.length, 0)
  t.match(await prove(await sign({ aud: 'causeway' })), { ok: true }, 'one audience may stand alone')
})

t.test(
  'without word of it in the fleet, the API server is asked when discovery does not get anywhere, and only of its own tokens',
  async t => {
    const { issuer, api, review, prove, sign } = await setUp(t)
    const other = await startIssuer()
    const keys = await trustIssuers({ ms: 0 })
    t.match(await prove(await sign(), {}), { ok: true })
    t.equal(api.asked.length, 0, 'keys are found by discovery')
    const token = await sign()
    await issuer.close()
    const lonely = { keys: await trustIssuers({ ms: 0 }) }
    t.match(await prove(token, {}, { ...lonely, review }), { ok: true, id: 'own/node-1' })
    t.equal(api.asked.length, 1)
    t.match(
      await prove(token, { jwks: { url: `${issuer.url}/keys` } }, { ...lonely, review }),
      { reason: 'issuer_unreachable' },
      'a place for keys is the only one',
    )
    t.match(await prove(token, {}, lonely), { reason: 'issuer_unreachable' }, 'outside of any cluster')
    t.match(await prove(token, reviewed, lonely), { reason: 'issuer_unreachable', detail: /it runs in none/ })
    const stranger = await other.sign(claimsOf(other))
    await other.close()
    const clusters = [clusterOf('other', other)]
    t.match(await proveByProjectedToken(stranger, { clusters, review, nowMs, ...lonely }), { reason: 'issuer_unreachable' })
    t.match(await proveByProjectedToken(stranger, { clusters: [{ ...clusters[0]!, ...reviewed }], review, nowMs, ...lonely }), {
      reason: 'issuer_unreachable',
      detail: /is not the cluster that the controller runs in/,
    })
    t.equal(api.asked.length, 1)
    await Promise.all([keys.close(), lonely.keys.close()])
  },
)

t.test("the API server is found by what every pod's environment says", async t => {
  t.strictSame(findApiServer({ KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' }), {
    url: 'https://10.0.0.1:6443',
    directory: '/var/run/secrets/kubernetes.io/serviceaccount',
  })
  t.match(findApiServer({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, '/x'), { url: 'https://[fd00::1]:443', directory: '/x' })
  t.equal(findApiServer({}), undefined)
  const directory = mkdtempSync(join(tmpdir(), 'causeway-serviceaccount-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const review = openTokenReview({ url: 'https://127.0.0.1:1', directory })
  t.equal(await review.issuer(), undefined, 'a pod without a token')
  await review.close()
})
