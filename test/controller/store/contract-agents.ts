import type { Test } from 'tap'
import { describeAgent, getAgent, leaveAgent, listAgents, markAgent, putAgent, touchAgent } from '../../../controller/store/agents.ts'
import {
  addCredential,
  credentialsOf,
  dropCredentialsOf,
  dropEndedCredentials,
  isCredentialHeld,
} from '../../../controller/store/credentials.ts'
import { addJoinToken, dropJoinTokens, redeemJoinToken } from '../../../controller/store/join-tokens.ts'
import {
  addPersonToken,
  findPersonToken,
  grantedRole,
  grantRole,
  listGrants,
  revokePersonTokens,
} from '../../../controller/store/people.ts'
import type { Store } from '../../../controller/store/store.ts'
import { type Subject, withStore } from './contract.ts'

const agent = (id: string) => ({
  id,
  location: { cloud: 'aws', region: 'us-east-1', node: id },
  labels: { tier: 'edge' },
  advertise: [{ scope: 'node' as const, host: '192.0.2.1' }],
  details: { version: '0.1.0' },
  proof: { kind: 'join' as const, issuer: 'controller', subject: id },
})
const put = (store: Store, id: string, nowMs = 1000) => store.write(sql => putAgent(sql, agent(id), nowMs))

export const agentsContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'agents come, are seen, say what they are, are cordoned and banned, and come again', async (t, store) => {
    await put(store, 'b')
    await put(store, 'a')
    t.strictSame(await store.read(sql => getAgent(sql, 'a')), { ...agent('a'), status: 'live', enrolledMs: 1000, lastSeenMs: 1000 })
    t.equal(await store.read(sql => getAgent(sql, 'c')), undefined)
    t.strictSame(
      (await store.read(listAgents)).map(({ id }) => id),
      ['a', 'b'],
    )
    t.strictSame(
      (await store.read(sql => listAgents(sql, 'a', 1))).map(({ id }) => id),
      ['b'],
    )
    await store.write(sql => touchAgent(sql, 'a', 5000))
    await store.write(sql => touchAgent(sql, 'a', 4000))
    const mark = { author: 'ann', reason: 'stolen', atMs: 3 }
    t.equal(await store.write(sql => markAgent(sql, 'a', 'banned', mark)), true)
    t.equal(await store.write(sql => markAgent(sql, 'c', 'banned', mark)), false)
    await store.write(sql => markAgent(sql, 'a', 'cordoned', mark))
    await store.write(sql => leaveAgent(sql, 'a'))
    await store.write(sql => describeAgent(sql, 'a', { labels: {}, advertise: [], details: {} }))
    const seen = await store.read(sql => getAgent(sql, 'a'))
    t.match(seen, { lastSeenMs: 5000, banned: mark, cordoned: mark, status: 'draining', labels: {}, advertise: [] })
    await put(store, 'a', 9000)
    t.match(await store.write(sql => getAgent(sql, 'a', true)), { banned: mark, cordoned: mark, status: 'live', lastSeenMs: 9000 })
    await store.write(sql => markAgent(sql, 'a', 'cordoned', undefined))
    t.notOk('cordoned' in (await store.read(sql => getAgent(sql, 'a')))!)
  })

  await withStore(
    t,
    subject,
    'a credential is good until its end, for its agent, unless it was dropped or the agent banned',
    async (t, store) => {
      await put(store, 'a')
      await put(store, 'b')
      const add = (thumbprint: string, expiresMs: number) =>
        store.write(sql => addCredential(sql, { thumbprint, agentId: 'a', issuedMs: 1, expiresMs }))
      await add('one', 10)
      await add('two', 20)
      const held = (thumbprint: string, agentId: string, nowMs: number) =>
        store.read(sql => isCredentialHeld(sql, thumbprint, agentId, nowMs))
      t.strictSame(
        [await held('one', 'a', 9), await held('one', 'a', 10), await held('one', 'b', 9), await held('three', 'a', 9)],
        [true, false, false, false],
      )
      t.strictSame(
        (await store.read(sql => credentialsOf(sql, 'a'))).map(({ thumbprint }) => thumbprint),
        ['one', 'two'],
      )
      t.equal(await store.write(sql => dropEndedCredentials(sql, 10)), 1)
      await store.write(sql => markAgent(sql, 'a', 'banned', { author: 'ann', reason: 'x', atMs: 1 }))
      t.equal(await held('two', 'a', 9), false)
      t.equal(await store.write(sql => dropCredentialsOf(sql, 'a')), 1)
    },
  )

  await withStore(t, subject, 'a join token is good once, until its end', async (t, store) => {
    const token = (hash: string) => ({
      hash,
      agentId: 'a',
      location: { cloud: 'aws', region: 'us-east-1' },
      labels: { k: 'v' },
      author: 'ann',
      createdMs: 0,
      expiresMs: 100,
    })
    for (const hash of ['one', 'two']) await store.write(sql => addJoinToken(sql, token(hash)))
    const redeem = (hash: string, nowMs: number) => store.write(sql => redeemJoinToken(sql, hash, '192.0.2.1', nowMs))
    const raced = await Promise.all(Array.from({ length: 10 }, () => redeem('one', 99)))
    t.equal(raced.filter(({ ok }) => ok).length, 1, 'of ten at once, one')
    t.strictSame(
      raced.find(({ ok }) => ok),
      { ok: true, token: token('one') },
    )
    t.strictSame(await redeem('one', 99), { ok: false, why: 'used' })
    t.strictSame(await redeem('two', 100), { ok: false, why: 'expired' })
    t.strictSame(await redeem('three', 99), { ok: false, why: 'unknown' })
    t.equal(await store.write(sql => dropJoinTokens(sql, 101)), 2)
  })

  await withStore(t, subject, "people's tokens end and are revoked; roles are granted to principals", async (t, store) => {
    const base = { role: 'operator' as const, author: 'ann', createdMs: 0 }
    await store.write(sql => addPersonToken(sql, { ...base, hash: 'h1', name: 'bob' }))
    await store.write(sql => addPersonToken(sql, { ...base, hash: 'h2', name: 'eve', expiresMs: 10 }))
    const find = (hash: string, nowMs: number) => store.read(sql => findPersonToken(sql, hash, nowMs))
    t.strictSame(await find('h1', 1e15), { name: 'bob', role: 'operator' })
    t.strictSame(
      [await find('h2', 9), await find('h2', 10), await find('h3', 0)],
      [{ name: 'eve', role: 'operator' }, undefined, undefined],
    )
    t.equal(await store.write(sql => revokePersonTokens(sql, 'bob', 5)), 1)
    t.equal(await find('h1', 6), undefined)
    await store.write(sql => grantRole(sql, 'https://idp#ann', 'viewer', 'root', 1))
    await store.write(sql => grantRole(sql, 'https://idp#ann', 'admin', 'root', 2))
    t.equal(await store.read(sql => grantedRole(sql, 'https://idp#ann')), 'admin')
    t.strictSame(await store.read(listGrants), [{ principal: 'https://idp#ann', role: 'admin', author: 'root', atMs: 2 }])
    await store.write(sql => grantRole(sql, 'https://idp#ann', undefined, 'root', 3))
    t.equal(await store.read(sql => grantedRole(sql, 'https://idp#ann')), undefined)
  })
}
