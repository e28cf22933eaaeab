import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect } from 'node:tls'
import t from 'tap'
import { makeAuthority } from './authority.ts'
import { type BundleAnswer, bundleAnswers, bundleEndpoints } from './bundle-endpoint.ts'
import { makeTrustDomain } from './spiffe.ts'

const a = await makeTrustDomain('a.test')
const web = await makeAuthority({ name: 'web root' })
type Seen = { status: number; location?: string; type?: string; body: string; error?: string }

/** One GET on a connection of its own; `error` when it ends early, or nothing comes for 300 ms, or it is not over at the deadline. */
async function get(url: string, deadlineMs = 5000): Promise<Seen> {
  const agent = new Agent()
  const chunks: Buffer[] = []
  const seen: Seen = { status: 0, body: '' }
  await new Promise<void>(resolve => {
    const call = request(url, { agent, rejectUnauthorized: false, timeout: 300, signal: AbortSignal.timeout(deadlineMs) }, response => {
      Object.assign(seen, { status: response.statusCode, location: response.headers.location, type: response.headers['content-type'] })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('close', resolve)
      response.once('error', error => (seen.error = error.message))
    })
    call.once('timeout', () => call.destroy(new Error('silent')))
    call.once('error', error => {
      seen.error = error.message
      resolve()
    })
    call.end()
  })
  agent.destroy()
  return { ...seen, body: Buffer.concat(chunks).toString('latin1') }
}

const keysOf = (body: string) => (JSON.parse(body) as { keys: Record<string, unknown>[] }).keys

t.test('healthy: the document with its sequence, its hint and one entry for each authority', async t => {
  const endpoint = await bundleEndpoints.https_web(a, web)
  t.teardown(endpoint.close)
  const first = await get(endpoint.url)
  t.match(first, { status: 200, type: 'application/json' })
  t.match(JSON.parse(first.body), {
    spiffe_sequence: Number,
    spiffe_refresh_hint: 300,
    keys: [{ use: 'x509-svid' }, { use: 'jwt-svid', kid: 'a.test-jwt-1' }],
  })
  const [entry] = keysOf(first.body)
  t.equal(
    new X509Certificate(Buffer.from((entry!['x5c'] as string[])[0]!, 'base64')).fingerprint256,
    new X509Certificate(a.active().certPem).fingerprint256,
  )
  await a.prepare()
  const next = await get(endpoint.url)
  t.equal(keysOf(next.body).length, 4)
  t.equal((JSON.parse(next.body) as { spiffe_sequence: number }).spiffe_sequence, 2)
})

t.test('each answer misbehaves as it is named', async t => {
  const endpoint = await bundleEndpoints.https_web(a, web)
  t.teardown(endpoint.close)
  const ask = (answer: BundleAnswer) => {
    endpoint.setAnswer(answer)
    return get(endpoint.url, answer === 'slow' ? 400 : 5000)
  }
  const uses = async (answer: BundleAnswer) => keysOf((await ask(answer)).body).map(key => key['use'])
  const sequence = async (answer: BundleAnswer) => BigInt(/"spiffe_sequence":(\d+)/.exec((await ask(answer)).body)![1]!)
  const [high, low] = [await sequence('sequence goes back'), await sequence('sequence goes back')]
  t.ok(high > low)
  const [few, more] = [await ask('content changes, sequence stays'), await ask('content changes, sequence stays')]
  t.equal(few.body.slice(0, 22), more.body.slice(0, 22))
  t.ok((await sequence('sequence above 2^53')) > 2n ** 53n)
  t.notMatch((await ask('no sequence, no refresh hint')).body, 'spiffe_')
  t.same(await uses('empty'), [])
  t.notMatch((await ask('no keys')).body, 'keys')
  t.same(new Set(await uses('no X.509 authority')), new Set(['jwt-svid']))
  t.same(new Set(await uses('no JWT authority')), new Set(['x509-svid']))
  t.ok((await uses('unknown use')).includes('wit-svid'))
  t.equal((keysOf((await ask('two certificates in x5c')).body)[0]!['x5c'] as string[]).length, 2)
  t.notMatch((await ask('JWT key without kid')).body, '"kid"')
  t.match((await ask('private key in it')).body, '"d":')
  for (const answer of ['malformed', 'nothing at all', 'HTML', 'PEM', 'stops half-way', 'slow'] as const) {
    const { body } = await ask(answer)
    t.throws(() => JSON.parse(body) as unknown, answer)
  }
  t.match((await ask('HTML')).type, 'text/html')
  t.match((await ask('plain text type')).type, 'text/plain')
  t.match(await ask('status 404'), { status: 404 })
  t.match(await ask('status 500 with the document'), { status: 500, body: 'keys' })
  const there = await ask('redirect')
  t.match(there, { status: 302, location: `${endpoint.url}moved` })
  t.match(await get(there.location!), { status: 200, body: 'spiffe_sequence' })
  t.match((await ask('redirect to http')).location, /^http:/)
  t.match(await ask('redirect without a location'), { status: 302, location: undefined })
  const before = (await ask('stale')).body
  await a.prepare()
  t.equal((await ask('stale')).body, before)
  t.equal((await ask('huge')).body.length > 50 * 1024 * 1024, true)
  t.match(await ask('silent'), { error: 'silent' })
  t.match(await ask('hangs up'), { error: /hang up|reset/i })
  t.ok((await ask('nested 1,000,000 deep')).body.length > 2_000_000)
  const notAfter = async (answer: BundleAnswer) =>
    new X509Certificate(Buffer.from((keysOf((await ask(answer)).body)[0]!['x5c'] as string[])[0]!, 'base64')).validToDate.getTime() -
    Date.now()
  t.ok((await notAfter('expired authority')) < 0)
  t.ok((await notAfter('expiring authority')) < 2 * 86_400_000)
})

t.test('every answer comes without a crash', async t => {
  const endpoint = await bundleEndpoints.https_spiffe(a, web)
  t.teardown(endpoint.close)
  const quick = Object.keys(bundleAnswers).filter(name => name !== 'huge') as BundleAnswer[]
  for (const answer of quick) {
    endpoint.setAnswer(answer)
    await get(endpoint.url, answer === 'slow' ? 400 : 5000)
  }
  t.equal(endpoint.requests(), quick.length)
})

t.test('profiles differ in the certificate they show', async t => {
  for (const [profile, names] of [
    ['https_web', 'DNS:bundle.test, DNS:localhost, IP Address:127.0.0.1'],
    ['https_spiffe', 'URI:spiffe://a.test/bundle-endpoint'],
    ['https_spiffe with the wrong ID', 'URI:spiffe://a.test/somebody-else'],
    ['https_web with another name', 'DNS:elsewhere.invalid'],
  ] as const) {
    const endpoint = await bundleEndpoints[profile](a, web)
    const socket = connect({ host: endpoint.host, port: endpoint.port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    t.equal(socket.getPeerX509Certificate()!.subjectAltName, names, profile)
    socket.destroy()
    await endpoint.close()
  }
  const demanding = await bundleEndpoints['demands a client certificate'](a, web)
  t.teardown(demanding.close)
  t.match((await get(demanding.url)).error, /certificate required/)
})
