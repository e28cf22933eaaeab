import { inspect } from 'node:util'
import t from 'tap'
import { judgeJwtSvid } from '../../../judge/spiffe/jwt-svid.ts'
import { readToken } from '../../../judge/spiffe/token.ts'
import { Secret } from '../../../probes/identity/secret.ts'
import { fetchJwtBundles, fetchJwtSvids, validateJwtSvid } from '../../../probes/identity/workload-jwt.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { startWorkloadApi, stateOf, type WorkloadApiMode } from '../../servers/workload-api.ts'

const a = await makeTrustDomain('a.test')
const b = await makeTrustDomain('b.test')
const one = await a.issue({ path: '/one' })
const two = await a.issue({ path: '/two' })
const soon = (ms = 3000) => AbortSignal.timeout(ms)
const audiences = ['sts.amazonaws.com', 'second']
const codes = (problems: readonly { code: string }[]) => problems.map(({ code }) => code)

t.test('a token for each identity, or for the one asked for, which the bundle of its trust domain verifies', async t => {
  const api = await startWorkloadApi(stateOf(a, [one, two], [b]))
  t.teardown(api.close)
  const { svids, problems } = await fetchJwtSvids(api.address, { audiences }, soon())
  t.strictSame(problems, [])
  t.strictSame(
    svids.map(({ id }) => id),
    ['spiffe://a.test/one', 'spiffe://a.test/two'],
  )
  t.ok(svids.every(({ expiresMs }) => expiresMs! > Date.now() && expiresMs! < Date.now() + 301_000))
  const chosen = await fetchJwtSvids(api.address, { audiences, spiffeId: two.id }, soon())
  t.match(chosen.svids, [{ id: two.id }])
  t.equal(chosen.svids.length, 1)

  const { bundles } = await fetchJwtBundles(api.address, soon())
  t.strictSame([...bundles.keys()], ['a.test', 'b.test'])
  const read = readToken(svids[0]!.token.reveal())
  const judged = read.ok && (await judgeJwtSvid(read.token, { nowMs: Date.now(), audience: 'second', bundles }))
  t.match(judged, { verified: true, violations: [] })
  while (api.streams() > 0) await new Promise(setImmediate)
  t.pass('nothing is left open')
})

t.test('the Workload API validates what others show us', async t => {
  const api = await startWorkloadApi(stateOf(a, [one], [b]))
  t.teardown(api.close)
  const token = new Secret(b.jwtSvid({ path: '/shown', audience: ['us', 'more'], claims: { level: 3 } }))
  t.match(await validateJwtSvid(api.address, { audience: 'us', token }, soon()), {
    id: 'spiffe://b.test/shown',
    claims: { sub: 'spiffe://b.test/shown', aud: ['us', 'more'], level: 3 },
    problems: [],
  })
  for (const [name, shown] of [
    ['for another audience', { audience: 'them', token }],
    [
      'of a trust domain that is not federated',
      { audience: 'us', token: new Secret((await makeTrustDomain('c.test')).jwtSvid({ audience: 'us' })) },
    ],
    ['no token', { audience: 'us', token: new Secret('nonsense') }],
  ] as const) {
    const refused = await validateJwtSvid(api.address, shown, soon())
    t.equal(refused.id, undefined, name)
    t.match(refused.problems, [{ code: 'request_refused', detail: /refuses ValidateJWTSVID: "token is not valid"/ }])
  }
})

t.test('each trouble has its name, in bounded time, and no token is printed', async t => {
  const api = await startWorkloadApi(stateOf(a, [one]))
  t.teardown(api.close)
  t.match(codes((await fetchJwtSvids(api.address, { audiences: [] }, soon())).problems), ['request_refused'])
  t.match(codes((await fetchJwtSvids(api.address, { audiences, spiffeId: two.id }, soon())).problems), ['no_identity'])
  const names = {
    'permission denied': 'no_identity',
    unavailable: 'unavailable',
    'invalid argument': 'header_rejected',
    silent: 'unavailable',
    garbage: 'svid_parse',
  } as const satisfies Partial<Record<WorkloadApiMode, string>>
  for (const [mode, code] of Object.entries(names) as [WorkloadApiMode, string][]) {
    api.setMode(mode)
    const within = () => soon(mode === 'silent' ? 500 : 5000)
    t.strictSame(codes((await fetchJwtSvids(api.address, { audiences }, within())).problems), [code], mode)
    t.strictSame(codes((await fetchJwtBundles(api.address, within())).problems), [code], `${mode}: bundles`)
  }
  await api.disappear()
  t.strictSame(codes((await fetchJwtSvids(api.address, { audiences }, soon())).problems), ['socket_missing'])
  t.strictSame(codes((await fetchJwtSvids('nowhere', { audiences }, soon())).problems), ['address_invalid'])
  t.strictSame(codes((await fetchJwtSvids(api.address, { audiences }, AbortSignal.abort())).problems), ['stopped'])

  await api.appear()
  api.setMode('serve')
  const { svids } = await fetchJwtSvids(api.address, { audiences }, soon())
  const token = svids[0]!.token.reveal()
  for (const text of [JSON.stringify(svids), inspect(svids, { depth: 9 }), String(svids[0]!.token)])
    t.notOk(text.includes(token.slice(-20)))
})
