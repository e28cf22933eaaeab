import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { enrol } from '../../../controller/enrol/enrol.ts'
import { loadSigner } from '../../../controller/enrol/signer.ts'
import { getAgent } from '../../../controller/store/agents.ts'
import { readEvents } from '../../../controller/store/events.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { keptKeys } from '../../../controller/trusting.ts'
import { claimsOf, clusterOf, nowMs, seconds } from './claims.ts'
import { startIssuer, type TestIssuer, trustIssuers } from './issuer.ts'

const random = (bytes: number) => randomBytes(bytes)
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** A controller that trusts three clusters, and a clock for them and for what it keeps of their keys. */
const setUp = async (t: Test) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-issuers-'))
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const issuers = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
  const clock = { ms: 0 }
  const kept = keptKeys(store, () => nowMs)
  let keys = await trustIssuers(clock, {}, kept)
  /** Another controller on the same store. */
  const restart = async () => {
    await keys.close()
    keys = await trustIssuers(clock, {}, kept)
  }
  t.teardown(async () => {
    await Promise.all([store.close(), keys.close(), ...issuers.map(issuer => issuer.close())])
    rmSync(directory, { recursive: true, force: true })
  })
  const fleet = { clusters: issuers.map((issuer, index) => ({ ...clusterOf(`c${index}`, issuer), owner: 'test' })), trustDomains: [] }
  const signer = await loadSigner({ store, random, nowMs })
  /** With a token of now. */
  const come = async (issuer: TestIssuer, options: { kid?: string } = {}) => {
    const now = seconds + clock.ms / 1000
    const token = await issuer.sign({ ...claimsOf(issuer), iat: now - 60, nbf: now - 60, exp: now + 3600 }, options)
    const means = { store, signer, fleet, keys, bundles: new Map(), random, nowMs: nowMs + clock.ms }
    const said = { labels: {}, advertise: [], details: {} }
    return await enrol(means, { proof: { kind: 'kubernetes', token }, claimed: {}, said, from: '192.0.2.9' })
  }
  return { store, issuers, clock, come, restart }
}

t.test('of three issuers one goes away and one rotates its keys, and the agents of all three enrol', async t => {
  const { store, issuers, clock, come, restart } = await setUp(t)
  const [steady, away, rotating] = issuers as [TestIssuer, TestIssuer, TestIssuer]
  for (const [index, issuer] of issuers.entries()) t.match(await come(issuer), { ok: true, agent: { id: `c${index}/node-1` } })
  await away.close()
  await rotating.rotate()
  t.match(await come(rotating), { ok: false, reason: 'key_unknown' }, 'its keys were asked for a moment ago')
  clock.ms += minuteMs
  t.match(await come(rotating), { ok: true, agent: { id: 'c2/node-1', location: { cluster: 'c2' } } })
  for (const days of [0.1, 1, 30]) {
    clock.ms += days * dayMs
    t.match(await come(away), { ok: true, agent: { id: 'c1/node-1' } }, `away, ${days} days later: by the keys that it had`)
    t.match(await come(steady), { ok: true, agent: { id: 'c0/node-1' } })
  }
  await restart()
  t.match(await come(away), { ok: true, agent: { id: 'c1/node-1' } }, 'also by a controller that started meanwhile')
  t.match(await come(away, { kid: 'new-since' }), { ok: false, reason: 'issuer_unreachable' })
  t.match(await store.read(sql => getAgent(sql, 'c1/node-1')), { lastSeenMs: nowMs + clock.ms }, 'let in, and not only not refused')
  const port = Number(new URL(away.url).port)
  const back = await startIssuer({ port })
  t.teardown(() => back.close())
  await back.rotate()
  clock.ms += minuteMs
  t.match(await come(back), { ok: true, agent: { id: 'c1/node-1' } }, 'back with another key')
})

t.test('keys that nobody has are asked for at most once a minute for an issuer, and the other issuers are not asked', async t => {
  const { store, issuers, clock, come } = await setUp(t)
  const [first, second] = issuers as [TestIssuer, TestIssuer, TestIssuer]
  for (const issuer of [first, second]) t.match(await come(issuer), { ok: true })
  const before = [first.asked(), second.asked()]
  for (let minute = 1; minute <= 3; minute++) {
    clock.ms += minuteMs
    const refused = await Promise.all(Array.from({ length: 25 }, (_, index) => come(first, { kid: `made-up-${minute}-${index}` })))
    t.ok(refused.every(answer => !answer.ok && answer.reason === 'key_unknown'))
    t.strictSame([first.asked() - before[0]!, second.asked() - before[1]!], [minute, 0])
  }
  t.match(await come(first), { ok: true }, 'who has a key that is known is not kept waiting')
  const kinds = (await store.read(sql => readEvents(sql, 0, 1000))).map(({ kind }) => kind)
  t.notOk(kinds.includes('enrolment_refused'), 'nobody fills the store without a proof')
})
