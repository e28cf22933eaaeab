import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { banAgent, checkCaller, renewCredential, unbanAgent } from '../../../controller/enrol/caller.ts'
import { credentialTtlMs, issueCredential, verifyCredential } from '../../../controller/enrol/credential.ts'
import { type Enrolling, type EnrolRequest, enrol } from '../../../controller/enrol/enrol.ts'
import { joinTokenTtlMs, makeJoinToken } from '../../../controller/enrol/join-token.ts'
import { loadSigner, rotateSigner } from '../../../controller/enrol/signer.ts'
import { getAgent, leaveAgent, touchAgent } from '../../../controller/store/agents.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import type { Store } from '../../../controller/store/store.ts'
import type { Fleet } from '../../../wire/fleet.ts'
import { Secret } from '../../../wire/secret.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { readCertificates } from './certificates.ts'
import { claimsOf, clusterOf, nowMs } from './claims.ts'
import { startIssuer, trustIssuers } from './issuer.ts'

const random = (bytes: number) => randomBytes(bytes)
const valid = { notBefore: new Date(nowMs - 60_000), notAfter: new Date(nowMs + 3_600_000) }

/** A controller's parts: a store, a signer, one cluster, one trust domain, and a clock. */
const setUp = async (t: Test) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-enrol-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const issuer = await startIssuer()
  const keys = await trustIssuers({ ms: 0 })
  const domain = await makeTrustDomain('td.example', valid)
  t.teardown(async () => {
    await Promise.all([store.close(), issuer.close(), keys.close()])
    rmSync(directory, { recursive: true, force: true })
  })
  // As people may write it: what counts is its canonical form.
  const trustDomains = [{ name: 'spiffe://TD.example' }] as Fleet['trustDomains']
  const own = { owner: 'test' }
  const fleet = { clusters: [{ ...clusterOf('eks', issuer), ...own }], trustDomains: trustDomains.map(one => ({ ...one, ...own })) }
  const signer = await loadSigner({ store, random, nowMs })
  const bundles = new Map([['td.example', readCertificates([domain.active().certPem])]])
  const means = (atMs = nowMs): Enrolling => ({ store, signer, fleet, keys, bundles, random, nowMs: atMs })
  const come = (proof: EnrolRequest['proof'], more: Partial<EnrolRequest> = {}, atMs = nowMs) =>
    enrol(means(atMs), { proof, claimed: {}, said: { labels: { own: 'yes' }, advertise: [], details: {} }, from: '192.0.2.9', ...more })
  const projected = async (claims: object = {}) =>
    ({ kind: 'kubernetes', token: await issuer.sign({ ...claimsOf(issuer), ...claims }) }) as const
  const joining = async () =>
    await makeJoinToken(
      { store, random, nowMs },
      { agentId: 'vm-1', location: { cloud: 'dc', region: 'fra' }, labels: { rack: '7' }, author: 'ann' },
    )
  return { store, signer, domain, come, projected, joining, path: store.name }
}
const kinds = async (store: Store) => (await store.read(sql => readEvents(sql, 0, 100))).map(({ kind, subject }) => `${kind} ${subject}`)

t.test('an agent enrols, calls, renews, and its credential ends', async t => {
  const { store, signer, come, projected } = await setUp(t)
  const enrolled = await come(await projected(), {
    claimed: { id: 'eks/node-1', location: { cloud: 'aws', zone: 'us-east-1b' } },
    runner: true,
  })
  if (!enrolled.ok) return void t.fail(enrolled.detail)
  const { token, expiresMs, agentId } = enrolled.credential
  t.equal(expiresMs - nowMs, credentialTtlMs)
  t.match(await store.read(sql => getAgent(sql, agentId)), {
    id: 'eks/node-1',
    location: { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1b', cluster: 'eks', node: 'node-1' },
    labels: { own: 'yes' },
    details: { runner: { namespace: 'causeway', serviceAccount: 'agent' } },
  })
  const caller = await checkCaller(store, token, signer, nowMs + 1000)
  if (!caller.ok) return void t.fail(caller.detail)
  t.equal(caller.agentId, 'eks/node-1')
  const renewed = await renewCredential({ store, signer, random, nowMs: nowMs + 1_800_000 }, caller)
  if (!('token' in renewed)) return void t.fail(renewed.detail)
  t.match(await checkCaller(store, token, signer, nowMs + 1_800_000), { ok: true }, 'the former one is good until its end')
  t.match(await checkCaller(store, token, signer, expiresMs), { reason: 'expired' })
  t.match(await checkCaller(store, renewed.token, signer, expiresMs), { ok: true })
})

t.test('a credential is good only as this controller made it', async t => {
  const { store, signer } = await setUp(t)
  const { token } = await issueCredential(signer, { agentId: 'a', random, nowMs })
  t.match(await verifyCredential(token, signer, nowMs), { ok: true, agentId: 'a' })
  t.match(await checkCaller(store, token, signer, nowMs), { reason: 'credential_unknown' }, 'signed, and never given to an agent')
  t.match(await verifyCredential(token, await loadSigner({ store, random, nowMs }), nowMs), { ok: true }, 'also by a replica')
  const [head, body, signature] = token.reveal().split('.')
  const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body!, 'base64url').toString()), sub: 'b' })).toString('base64url')
  t.match(await verifyCredential(new Secret(`${head}.${forged}.${signature}`), signer, nowMs), { reason: 'signature_invalid' })
  for (const text of ['', 'x', 'a.b.c', token.reveal().slice(0, -4), 'x'.repeat(5000)])
    t.match(await verifyCredential(new Secret(text), signer, nowMs), { ok: false })
  const next = await rotateSigner({ store, random, nowMs })
  t.not(next.keyId, signer.keyId)
  t.match(await verifyCredential(token, next, nowMs), { ok: true }, 'the former key still verifies')
  t.match(await verifyCredential(token, await rotateSigner({ store, random, nowMs }), nowMs), { reason: 'signature_invalid' })
})

t.test('what the body claims against the proof is refused, and is an event', async t => {
  const { store, come, projected } = await setUp(t)
  for (const claimed of [
    { id: 'eks/node-2' },
    { location: { region: 'eu-west-1' } },
    { location: { node: 'node-2' } },
    { location: { zone: 'a/b' } },
  ])
    t.match(await come(await projected(), { claimed }), { ok: false, reason: 'claims_differ' })
  t.match(await come(await projected({ sub: 'system:serviceaccount:x:y' })), { reason: 'subject_not_allowed' })
  t.match(await come({ kind: 'kubernetes', token: new Secret('rubbish') }), { reason: 'proof_malformed' })
  t.strictSame(await kinds(store), [...Array<string>(4).fill('enrolment_refused eks/node-1'), 'enrolment_refused unknown'])
})

t.test('a join token lets one agent in, once, within ten minutes', async t => {
  const { store, come, joining } = await setUp(t)
  const { token, expiresMs } = await joining()
  t.equal(expiresMs - nowMs, joinTokenTtlMs)
  t.match(await come({ kind: 'join', token: new Secret(`cwj_${'A'.repeat(43)}`) }), { reason: 'join_token_unknown' })
  t.match(await come({ kind: 'join', token }, {}, expiresMs), { reason: 'join_token_expired' })
  const raced = await Promise.all(Array.from({ length: 5 }, () => come({ kind: 'join', token })))
  t.equal(raced.filter(({ ok }) => ok).length, 1)
  t.match(await come({ kind: 'join', token }), { reason: 'join_token_used' })
  t.match(await store.read(sql => getAgent(sql, 'vm-1')), { location: { cloud: 'dc', region: 'fra' }, labels: { own: 'yes', rack: '7' } })
  t.equal((await kinds(store)).filter(kind => kind === 'enrolment_refused unknown').length, 5, 'every use after the first is an event')
})

t.test('who enrols as an agent that is at work is seen, and the former credential ends', async t => {
  const { store, signer, come, projected } = await setUp(t)
  const first = await come(await projected())
  if (!first.ok) return void t.fail(first.detail)
  await store.write(sql => touchAgent(sql, 'eks/node-1', nowMs + 60_000))
  t.match(await come(await projected(), {}, nowMs + 61_000), { ok: true })
  t.match(await checkCaller(store, first.credential.token, signer, nowMs + 61_000), { reason: 'credential_unknown' })
  await store.write(sql => leaveAgent(sql, 'eks/node-1'))
  t.match(await come(await projected(), {}, nowMs + 62_000), { ok: true })
  t.strictSame(await kinds(store), ['agent_enrolled eks/node-1', 'agent_reenrolled_live eks/node-1', 'agent_enrolled eks/node-1'])
  const { token } = await makeJoinToken(
    { store, random, nowMs },
    { agentId: 'eks/node-1', location: { cloud: 'x', region: 'y' }, author: 'ann' },
  )
  t.match(await come({ kind: 'join', token }), { reason: 'claims_differ' }, 'an id is not taken over by another kind of proof')
})

t.test('a banned agent is out at once, cannot come again, and can when the ban is lifted', async t => {
  const { store, signer, come, projected } = await setUp(t)
  const first = await come(await projected())
  if (!first.ok) return void t.fail(first.detail)
  const caller = await checkCaller(store, first.credential.token, signer, nowMs)
  t.ok(await store.write(sql => banAgent(sql, 'eks/node-1', { author: 'ann', reason: 'stolen', atMs: nowMs })))
  t.notOk(await store.write(sql => banAgent(sql, 'nobody', { author: 'ann', reason: 'stolen', atMs: nowMs })))
  t.match(await checkCaller(store, first.credential.token, signer, nowMs), { reason: 'credential_unknown' })
  if (caller.ok) t.match(await renewCredential({ store, signer, random, nowMs }, caller), { reason: 'credential_unknown' })
  t.match(await come(await projected()), { reason: 'banned', detail: /by ann: stolen/ })
  t.ok(await store.write(sql => unbanAgent(sql, 'eks/node-1', 'ann')))
  t.match(await come(await projected()), { ok: true })
})

t.test('an SVID enrols below its own SPIFFE ID, in a cluster that the fleet has', async t => {
  const { store, domain, come } = await setUp(t)
  const stranger = await makeTrustDomain('other.example', valid)
  const impostor = await makeTrustDomain('td.example', valid)
  const peerOf = async (from: typeof domain, options: Parameters<typeof domain.issue>[0] = {}) => {
    const { chainPem } = await from.issue({ path: '/ns/causeway/sa/agent', ...valid, ...options })
    return { kind: 'spiffe', peer: readCertificates([chainPem]).map(({ x509 }) => x509.raw) } as const
  }
  const claimed = { location: { cluster: 'eks', node: 'node-3' } }
  t.match(await come(await peerOf(domain), { claimed }), {
    ok: true,
    agent: {
      id: 'td.example/ns/causeway/sa/agent/node-3',
      location: { cloud: 'aws', region: 'us-east-1', cluster: 'eks', node: 'node-3' },
    },
  })
  const cases = {
    trust_domain_unknown: come(await peerOf(stranger), { claimed }),
    svid_invalid: come(await peerOf(impostor), { claimed }),
    expired: come(await peerOf(domain, { notAfter: new Date(nowMs - 1000) }), { claimed }),
    location_unknown: come(await peerOf(domain), { claimed: { location: { cluster: 'nowhere' } } }),
    claims_differ: come(await peerOf(domain), { claimed: { location: { cluster: 'eks', node: '../node' } } }),
    proof_malformed: come({ kind: 'spiffe', peer: [] }),
  }
  for (const [reason, answer] of Object.entries(cases)) t.match(await answer, { ok: false, reason })
  t.match(await come({ kind: 'spiffe', peer: [Buffer.from('no certificate')] }, { claimed }), { reason: 'proof_malformed' })
  t.equal((await kinds(store)).filter(kind => kind.startsWith('enrolment_refused')).length, 2, 'what was proved, and said something wrong')
})

t.test('no token is in the store, in an answer or in an event', async t => {
  const { store, come, projected, joining, path } = await setUp(t)
  const [proof, join] = [await projected(), await joining()]
  const answers = [
    await come(proof, { runner: true }),
    await come({ kind: 'join', token: join.token }),
    await come({ kind: 'join', token: join.token }),
    await come({ kind: 'kubernetes', token: join.token }),
    await come({ kind: 'join', token: proof.token }),
  ]
  const secrets = [proof.token, join.token, ...answers.flatMap(answer => (answer.ok ? [answer.credential.token] : []))].map(secret =>
    secret.reveal(),
  )
  await store.close()
  const shown = `${inspect(answers, { depth: 9, showHidden: true })}${JSON.stringify(answers)}${readFileSync(path, 'latin1')}`
  t.equal(secrets.length, 4)
  for (const secret of secrets) for (const part of [secret, secret.slice(4, 47), secret.slice(-40)]) t.notOk(shown.includes(part))
})
