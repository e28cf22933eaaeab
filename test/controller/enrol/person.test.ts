import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  identifyPerson,
  makeBootstrapToken,
  makePersonToken,
  mayAct,
  mayActSomewhere,
  sayGrants,
} from '../../../controller/enrol/person.ts'
import { grantRole, revokePersonTokens } from '../../../controller/store/people.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { Secret } from '../../../wire/secret.ts'
import { nowMs, seconds } from './claims.ts'
import { startIssuer, trustIssuers } from './issuer.ts'

const random = (bytes: number) => randomBytes(bytes)

const setUp = async (t: Test) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-person-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const issuer = await startIssuer()
  const keys = await trustIssuers({ ms: 0 })
  t.teardown(async () => {
    await Promise.all([store.close(), issuer.close(), keys.close()])
    rmSync(directory, { recursive: true, force: true })
  })
  const provider = {
    issuer: issuer.url,
    audience: 'causeway-web',
    groupsClaim: 'groups',
    groups: { sre: 'operator', staff: 'viewer', pay: { role: 'admin', owners: ['payments'] } } as const,
  }
  const identify = (token: Secret, atMs = nowMs) => identifyPerson(token, { store, keys, provider, nowMs: atMs })
  return { store, issuer, keys, identify }
}

t.test('roles contain each other', async t => {
  t.strictSame(
    (
      [
        ['admin', 'viewer'],
        ['operator', 'operator'],
        ['viewer', 'operator'],
      ] as const
    ).map(([role, wanted]) => mayAct({ grants: [{ role }] }, wanted)),
    [true, true, false],
  )
  t.notOk(mayAct({ grants: [] }, 'viewer'))
})

t.test('a role over what some owners have is none over what others have, and sees everything', t => {
  const person = { grants: [{ role: 'viewer' }, { role: 'admin', owners: ['payments'] }] } as const
  t.ok(mayAct(person, 'admin', 'payments') && mayAct(person, 'operator', 'payments') && mayAct(person, 'viewer'))
  t.notOk(mayAct(person, 'admin', 'platform') || mayAct(person, 'admin') || mayAct(person, 'operator'))
  t.ok(mayAct({ grants: [{ role: 'operator', owners: ['payments'] }] }, 'viewer'))
  t.ok(mayActSomewhere(person, 'admin'))
  t.notOk(mayActSomewhere({ grants: [{ role: 'operator', owners: ['payments'] }] }, 'admin'))
  t.equal(sayGrants(person), 'the roles viewer; admin of payments')
  t.end()
})

t.test('the bootstrap token is made once, is an admin, and can be replaced by who has the store', async t => {
  const { store, identify } = await setUp(t)
  const means = { store, random, nowMs }
  const made = await Promise.all([makeBootstrapToken(means), makeBootstrapToken(means), makeBootstrapToken(means)])
  const [token] = made.filter(Boolean)
  t.equal(made.filter(Boolean).length, 1)
  t.match(await identify(token!), { ok: true, name: 'bootstrap', grants: [{ role: 'admin' }] })
  const another = await makeBootstrapToken(means, true)
  t.match(await identify(token!), { reason: 'credential_unknown' })
  t.match(await identify(another!), { grants: [{ role: 'admin' }] })
  t.equal(await makeBootstrapToken(means), undefined)
})

t.test("a person's token has a role, an end, and is revoked", async t => {
  const { store, identify } = await setUp(t)
  const token = await makePersonToken({ store, random, nowMs }, { name: 'ci', role: 'viewer', author: 'ann', ttlMs: 1000 })
  t.match(await identify(token), { ok: true, principal: 'controller#ci', grants: [{ role: 'viewer' }] })
  t.match(await identify(token, nowMs + 1000), { ok: false, reason: 'credential_unknown' })
  await store.write(sql => revokePersonTokens(sql, 'ci', nowMs))
  t.match(await identify(token), { ok: false, reason: 'credential_unknown' })
  for (const text of ['cwp_', `cwp_${'A'.repeat(43)}`, `cwp_${'A'.repeat(9999)}`]) t.match(await identify(new Secret(text)), { ok: false })
})

t.test('a bearer token of the provider gives the roles of its groups and grants', async t => {
  const { store, issuer, identify, keys } = await setUp(t)
  const claims = { iss: issuer.url, sub: 'u1', aud: 'causeway-web', exp: seconds + 60, email: 'ann@example.org' }
  const nobody = { ok: true, name: 'ann@example.org', principal: `${issuer.url}#u1`, grants: [] }
  const come = async (more: object) => identify(await issuer.sign({ ...claims, ...more }))
  t.match(await come({ groups: ['staff', 'sre', 'other'] }), {
    ok: true,
    name: 'ann@example.org',
    grants: [{ role: 'viewer' }, { role: 'operator' }],
    principal: `${issuer.url}#u1`,
  })
  t.match(await come({ groups: ['pay'] }), { grants: [{ role: 'admin', owners: ['payments'] }] })
  for (const groups of [['toString', '__proto__', 7], 'sre']) t.strictSame(await come({ groups }), nobody)
  await store.write(sql => grantRole(sql, `${issuer.url}#u1`, 'admin', 'root', nowMs))
  t.match(await come({ groups: ['staff'] }), { grants: [{ role: 'admin' }, { role: 'viewer' }] })
  t.match(await come({ sub: 'u2', groups: ['staff'] }), { grants: [{ role: 'viewer' }] })
  t.match(await come({ aud: 'other' }), { ok: false, reason: 'audience_mismatch' })
  t.match(await come({ exp: seconds - 60 }), { ok: false, reason: 'expired' })
  t.match(await come({ exp: undefined }), { ok: false, reason: 'claims_missing' })
  t.match(await come({ nbf: seconds + 60 }), { ok: false, reason: 'not_yet_valid' })
  for (const sub of [undefined, '', 7, ['u1']]) t.match(await come({ sub }), { ok: false, reason: 'claims_missing' }, `sub ${String(sub)}`)
  t.match(await come({ aud: undefined }), { ok: false, reason: 'audience_mismatch' })
  t.match(await come({ aud: ['other', 'causeway-web'] }), { ok: true }, 'one of several audiences')
  t.match(await come({ iss: 'https://elsewhere.example' }), { ok: false, reason: 'issuer_unknown' })
  t.match(
    await identifyPerson(await issuer.sign(claims), { store, keys, nowMs }),
    { ok: false, reason: 'issuer_unknown' },
    'no provider configured',
  )
})

t.test('the provider is found by discovery or by what the configuration says, and its keys are kept', async t => {
  const { store, issuer } = await setUp(t)
  const clock = { ms: 0 }
  const keys = await trustIssuers(clock)
  t.teardown(() => keys.close())
  const provider = {
    issuer: issuer.url,
    audience: 'causeway-web',
    groupsClaim: 'https://example.org/teams',
    groups: { sre: 'admin' } as const,
  }
  const claims = {
    iss: issuer.url,
    sub: 'u1',
    aud: 'causeway-web',
    exp: seconds + 60,
    groups: ['sre'],
    'https://example.org/teams': ['sre'],
  }
  const come = async (more: object = {}, token?: Secret) =>
    identifyPerson(token ?? (await issuer.sign(claims)), { store, keys, provider: { ...provider, ...more }, nowMs })
  t.match(await come(), { ok: true, name: 'u1', grants: [{ role: 'admin' }] }, 'groups are where the configuration says')
  t.match(await come({ groupsClaim: 'teams' }), { ok: true, grants: [] })
  t.match(await come({ groupsClaim: 'groups', groups: {} }), { ok: true, grants: [] })
  t.match(await come({ jwks: { url: `${issuer.url}/keys` } }), { ok: true }, 'without discovery')
  t.match(await come({ issuer: `${issuer.url}/tenant` }), { reason: 'issuer_unreachable', detail: /not of this issuer/ })
  await issuer.rotate()
  t.match(await come(), { reason: 'key_unknown' })
  clock.ms += 60_000
  t.match(await come(), { ok: true }, 'a rotation is noticed within the minute')
  const token = await issuer.sign(claims)
  await issuer.close()
  clock.ms += 24 * 3_600_000
  t.match(await come({}, token), { ok: true }, 'a provider that is away locks nobody out whose key is known')
  t.match(await come({ jwks: { url: `${issuer.url}/other` } }, token), { reason: 'issuer_unreachable' })
})
