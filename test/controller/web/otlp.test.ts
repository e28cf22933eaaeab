import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openApi } from './api.ts'

const batch = { 'causeway-boot': 'b', 'causeway-sequence': '7' }
const protobuf = { ...batch, 'content-type': 'application/x-protobuf' }
const body = Buffer.from([1, 2, 3])

t.test('a batch reaches ingest with the identity of its credential, and its answer is in its own encoding', async t => {
  const api = await openApi(t)
  const { credential } = await api.enrolled('vm-1')
  const gzip = gzipSync(body)
  const taken = await api.call(credential, {
    method: 'POST',
    url: '/v1/metrics',
    headers: { ...protobuf, 'content-encoding': 'gzip' },
    payload: gzip,
  })
  t.match(taken, { statusCode: 200, headers: { 'content-type': 'application/x-protobuf' }, body: '' })
  t.match(api.delivered, [
    { id: { agent: 'vm-1', boot: 'b', sequence: 7 }, signal: 'metrics', encoding: 'protobuf', isGzip: true, instance: 'vm-1' },
  ])
  t.same(Buffer.from(api.delivered[0]!.body), gzip)
  api.answers.next = { kind: 'taken', rejected: 2, message: 'two were bad' }
  const partial = await api.call(credential, {
    method: 'POST',
    url: '/v1/logs',
    headers: { ...batch, 'content-type': 'application/json; charset=utf-8' },
    payload: '{}',
  })
  t.same(partial.json(), { partialSuccess: { rejectedLogRecords: '2', errorMessage: 'two were bad' } })
  api.answers.next = { kind: 'error', status: 503, message: 'later', retryAfterS: 5 }
  const later = await api.call(credential, { method: 'POST', url: '/v1/metrics', headers: protobuf, payload: body })
  t.match(later, { statusCode: 503, headers: { 'retry-after': '5', 'content-type': 'application/x-protobuf' } })
})

t.test('what is not of an enrolled agent, not its own, or no OTLP is refused with the status that keeps it from coming again', async t => {
  const api = await openApi(t)
  const { credential } = await api.enrolled('vm-1')
  const post = (bearer: string | undefined, headers: Record<string, string>, payload: Buffer = body) =>
    api.call(bearer, { method: 'POST', url: '/v1/metrics', headers, payload })
  const cases: [string, Awaited<ReturnType<typeof post>>, number, RegExp][] = [
    ['nobody', await post(undefined, protobuf), 401, /no token/],
    ['a person', await post(await api.person('admin'), protobuf), 401, /proof_malformed/],
    ['a forged id', await post(credential, { ...protobuf, 'causeway-agent': 'vm-2' }), 403, /vm-2/],
    ['no batch identity', await post(credential, { 'content-type': 'application/x-protobuf' }), 400, /causeway-boot/],
    ['another type', await post(credential, { ...batch, 'content-type': 'text/plain' }), 415, /unsupported media type/i],
    ['another encoding', await post(credential, { ...protobuf, 'content-encoding': 'br' }), 415, /gzip or none/],
    ['too much', await post(credential, protobuf, Buffer.alloc(4 * 2 ** 20 + 1)), 413, /too large/],
  ]
  for (const [name, answer, status, text] of cases) {
    t.equal(answer.statusCode, status, name)
    t.match(answer.body, text, name)
  }
  t.equal((await api.call(credential, { method: 'GET', url: '/v1/metrics' })).statusCode, 404)
  t.equal(api.delivered.length, 0)
})

t.test('one agent that floods is told to wait; another is not', async t => {
  const api = await openApi(t)
  const [flooding, other] = [await api.enrolled('vm-1'), await api.enrolled('vm-2')]
  const post = async ({ credential }: { credential: string }) =>
    await api.call(credential, { method: 'POST', url: '/v1/metrics', headers: protobuf, payload: body })
  const statuses: number[] = []
  for (let i = 0; i < 1210; i++) statuses.push((await post(flooding)).statusCode)
  t.same([...new Set(statuses)], [200, 429])
  t.equal(statuses.indexOf(429), 1200)
  const refused = await post(flooding)
  t.match(refused, { headers: { 'content-type': 'application/x-protobuf' } })
  t.ok(Number(refused.headers['retry-after']) > 0)
  t.equal((await post(other)).statusCode, 200)
})
