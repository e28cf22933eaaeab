import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import type { Endpoint } from '../../../agent/send/endpoint.ts'
import type { EndpointState } from '../../../agent/send/sender.ts'
import { Secret } from '../../../probes/identity/secret.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { isExact } from '../spool/numbered.ts'
import { type Got, type Reply, startOtlp, startResetting } from './otlp-server.ts'
import { appendRecords, endpointAt, openTestSpool, startTestSender, temporaryDirectory, until } from './sending.ts'

const settled = (items: number) => (state: EndpointState) => state.ledger.produced === items && state.backlogItems === 0
const exactly = (t: Test, { ledger }: EndpointState, delivered: number, rejected = 0): void => {
  t.ok(isExact(ledger), 'the ledger is exact')
  t.match(ledger, { delivered, dropped: { rejected, size: 0, memory: 0, corrupt: 0 }, spooled: 0 })
}

/** Three records of four items to a server of this kind, until the spool is empty. */
const sendThree = async (t: Test, reply: Reply, rest: Partial<Endpoint> = {}) => {
  const server = await startOtlp(t, reply)
  const spool = await openTestSpool(t)
  const sender = startTestSender(t, spool, endpointAt(server.url, rest))
  appendRecords(spool, 3)
  return { server, state: await until(sender, settled(12)) }
}

t.test('each record is one request, with its identity, packed, at the path of its signal', async t => {
  const { server, state } = await sendThree(t, response => void response.end(), { headers: { Authorization: new Secret('Bearer abc') } })
  exactly(t, state, 12)
  t.same(
    server.got.map(({ path, body }) => [path, String(body)]),
    [0, 1, 2].map(i => ['/v1/metrics', `record ${i}`]),
  )
  const { headers } = server.got[1]!
  t.match(headers, {
    'content-type': 'application/x-protobuf',
    'content-encoding': 'gzip',
    'causeway-agent': 'agent-1',
    'causeway-boot': /^[0-9a-f]{16}$/,
    'causeway-sequence': '2',
    authorization: 'Bearer abc',
  })
  t.equal(server.connections(), 1, 'over one connection')
  t.match(state, { failing: false, lastSuccessMs: Number, lastError: undefined, requests: { delivered: 3, rejected: 0, retried: 0 } })
})

for (const status of [400, 404, 408, 413, 500, 301])
  t.test(`${status} is for good: the record is dropped and counted`, async t => {
    const { server, state } = await sendThree(t, (response, nth) => {
      if (nth === 1) response.writeHead(status, { location: 'http://127.0.0.1:9/v1/metrics' })
      response.end(nth === 1 ? 'no thanks' : '')
    })
    exactly(t, state, 8, 4)
    t.equal(server.got.length, 3, 'and not sent again, nor elsewhere')
    t.match(state.lastError, `answered ${status} (no thanks)`)
  })

for (const status of [429, 502, 503, 504])
  t.test(`${status} is tried again, as the same batch`, async t => {
    const { server, state } = await sendThree(t, (response, nth) => void response.writeHead(nth < 2 ? status : 200).end())
    exactly(t, state, 12)
    t.same(
      server.got.map(({ headers }) => headers['causeway-sequence']),
      ['1', '1', '1', '2', '3'],
    )
    t.equal(state.requests.retried, 2)
  })

t.test('Retry-After is waited for', async t => {
  const at: number[] = []
  const { state } = await sendThree(t, (response, nth) => {
    at.push(performance.now())
    if (nth === 0) response.writeHead(429, { 'retry-after': '1' })
    response.end()
  })
  exactly(t, state, 12)
  t.ok(at[1]! - at[0]! >= 995, `${at[1]! - at[0]!} ms, want 1000`)
})

for (const status of [401, 403])
  t.test(`${status} is kept, and said`, async t => {
    const server = await startOtlp(t, (response, nth) => void response.writeHead(nth === 0 ? status : 200).end())
    const spool = await openTestSpool(t)
    // Half of the slow pace's bound at first: as good as never here.
    let draw = 0.5
    const sender = startTestSender(t, spool, endpointAt(server.url), { random: () => draw })
    appendRecords(spool, 3)
    const refused = await until(sender, state => state.unauthorised)
    t.match(refused, { failing: true, backlogItems: 12, lastError: /credentials/ })
    draw = 0
    await sender.drain(AbortSignal.timeout(5_000))
    exactly(t, sender.state(), 12)
  })

t.test('a token that is not taken is tried again as soon as there is another, however long the pause', async t => {
  const [old, fresh] = [new Secret('old'), new Secret('fresh')]
  const isOld = ({ headers }: Got): boolean => headers.authorization === 'Bearer old'
  const server = await startOtlp(t, (response, _nth, got) => void response.writeHead(isOld(got) ? 401 : 200).end())
  const spool = await openTestSpool(t)
  const renewal = Promise.withResolvers<void>()
  const refused: Secret[] = []
  let token = old
  const endpoint = endpointAt(server.url, {
    bearer: async () => token,
    renewed: async one => {
      refused.push(one)
      await renewal.promise
    },
  })
  // Minutes.
  const sender = startTestSender(t, spool, endpoint, { random: () => 0.99 })
  appendRecords(spool, 1)
  await until(sender, state => state.unauthorised)
  while (refused.length === 0) await new Promise(resolve => setTimeout(resolve, 2))
  token = fresh
  renewal.resolve()
  exactly(t, await until(sender, settled(4)), 4)
  t.same(refused, [old])
})

const partial = { rejectedDataPoints: '3', errorMessage: 'too old' }
const protobufPartial = Buffer.from([0x0a, 11, 0x08, 3, 0x12, 7, ...Buffer.from('too old')])
for (const [protocol, type, body] of [
  ['json', 'application/json', JSON.stringify({ partialSuccess: partial })],
  ['protobuf', 'application/x-protobuf', protobufPartial],
] as const)
  t.test(`partial success in ${protocol} is counted and not sent again`, async t => {
    const { server, state } = await sendThree(
      t,
      (response, nth) => void response.writeHead(200, { 'content-type': type }).end(nth === 0 ? body : ''),
      { protocol },
    )
    // 3 of 10 points: 1.2 of 4 items, so 2.
    exactly(t, state, 10, 2)
    t.equal(server.got.length, 3)
    t.match(state, { rejectedPoints: 3, lastError: 'rejected 3 points: too old' })
  })

t.test('an endpoint that hangs is a timeout, and delays no other', async t => {
  let hangs = true
  const waiting: (() => void)[] = []
  const slow = await startOtlp(t, response => (hangs ? waiting.push(() => response.end()) : response.end()))
  const quick = await startOtlp(t)
  const spool = await openTestSpool(t, ['slow', 'quick'])
  const late = startTestSender(t, spool, endpointAt(slow.url, { name: 'slow', timeoutMs: 300 }))
  const prompt = startTestSender(t, spool, endpointAt(quick.url, { name: 'quick' }))
  appendRecords(spool, 3)
  exactly(t, await until(prompt, settled(12)), 12)
  t.match(late.state(), { backlogItems: 12, requests: { delivered: 0 } })
  t.match(await until(late, state => state.failing), { lastError: 'no whole answer within 300 ms' })
  hangs = false
  exactly(t, await until(late, settled(12)), 12)
})

t.test('100 MB of answer are not read', async t => {
  let written = 0
  const megabyte = Buffer.alloc(1024 * 1024)
  const pour = async (response: ServerResponse): Promise<void> => {
    response.on('error', () => {})
    for (let i = 0; i < 100 && !response.destroyed; i++) {
      written += megabyte.length
      if (!response.write(megabyte)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
    response.end()
  }
  const { state } = await sendThree(t, response => void pour(response))
  exactly(t, state, 12)
  t.match(state.lastError, /more than 64 KiB/)
  t.ok(written < 3 * 20 * megabyte.length, `${written} bytes were sent`)
})

t.test('a reset at each byte of the answer is tried again', async t => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'
  const server = await startResetting(t, answer)
  const spool = await openTestSpool(t)
  const sender = startTestSender(t, spool, endpointAt(server.url))
  appendRecords(spool, 1)
  const state = await until(sender, settled(4))
  exactly(t, state, 4)
  t.equal(state.requests.retried, answer.length)
  t.equal(server.connections(), answer.length + 1)
})

t.test('a wrong authority is said in words and tried again; a renewed file is used at once', async t => {
  const [good, other] = [await makeAuthority({ name: 'good' }), await makeAuthority({ name: 'other' })]
  const { chainPem, keyPem } = await good.issue({ addresses: ['127.0.0.1'] })
  const server = await startOtlp(t, response => void response.end(), { cert: chainPem, key: keyPem })
  const caFile = join(temporaryDirectory(t), 'ca.pem')
  writeFileSync(caFile, other.certPem)
  const spool = await openTestSpool(t)
  const sender = startTestSender(t, spool, endpointAt(server.url, { caFile }))
  appendRecords(spool, 2)
  t.match(await until(sender, state => state.requests.retried > 1), { failing: true, backlogItems: 8, lastError: /certificate/ })
  writeFileSync(caFile, good.certPem)
  exactly(t, await until(sender, settled(8)), 8)
})

t.test('an endpoint that wants a client certificate gets the SVID', async t => {
  const authority = await makeAuthority({ name: 'authority' })
  const { chainPem, keyPem } = await authority.issue({ addresses: ['127.0.0.1'] })
  const svid = await authority.issue({ uris: ['spiffe://td.example/agent'] })
  const tls = { cert: chainPem, key: keyPem, ca: authority.certPem, requestCert: true, rejectUnauthorized: true }
  const server = await startOtlp(t, response => void response.end(), tls)
  const spool = await openTestSpool(t)
  let identity: { certPem: string; keyPem: string; caPem: string } | undefined
  const sender = startTestSender(t, spool, endpointAt(server.url, { svid: true }), { readSvid: async () => identity })
  appendRecords(spool, 2)
  t.match(await until(sender, state => state.failing), { lastError: 'no SVID to present' })
  identity = { certPem: svid.chainPem, keyPem: svid.keyPem, caPem: authority.certPem }
  exactly(t, await until(sender, settled(8)), 8)
})

t.test('what can not be encoded is dropped, and what follows is sent', async t => {
  const server = await startOtlp(t)
  const spool = await openTestSpool(t)
  const sender = startTestSender(t, spool, endpointAt(server.url), {
    encode: async (payload, { sequence }) => {
      if (sequence === 2) throw new Error('no such path')
      return { signal: 'metrics', body: payload, points: 1 }
    },
  })
  appendRecords(spool, 3)
  const { ledger, lastError } = await until(sender, settled(12))
  t.match(ledger, { delivered: 8, dropped: { corrupt: 4 } })
  t.match(lastError, 'a record could not be encoded: no such path')
})

t.test('a shutdown sends what there is, and gives up at the deadline', async t => {
  const server = await startOtlp(t)
  const spool = await openTestSpool(t, ['there', 'away'])
  appendRecords(spool, 20)
  await spool.flush()
  const there = startTestSender(t, spool, endpointAt(server.url, { name: 'there' }))
  const away = startTestSender(t, spool, endpointAt('http://127.0.0.1:1', { name: 'away' }), { random: () => 0.9 })
  const deadline = AbortSignal.timeout(500)
  await Promise.all([there.drain(deadline), away.drain(deadline)])
  exactly(t, there.state(), 80)
  t.match(away.state(), { backlogItems: 80, failing: true, lastError: /ECONNREFUSED/ })
})

t.test('newest first, four at a time', async t => {
  const server = await startOtlp(t)
  const spool = await openTestSpool(t)
  appendRecords(spool, 40)
  await spool.flush()
  const sender = startTestSender(t, spool, endpointAt(server.url, { order: 'newest', concurrency: 4 }))
  exactly(t, await until(sender, settled(160)), 160)
  const sequences = server.got.map(({ headers }) => Number(headers['causeway-sequence']))
  t.equal(new Set(sequences).size, 40)
  t.ok(
    sequences.slice(0, 4).every(sequence => sequence > 30),
    `began with ${sequences.slice(0, 4)}`,
  )
})

t.test('secrets are in no state, error or print', async t => {
  const server = await startOtlp(t, response => void response.writeHead(401).end())
  const spool = await openTestSpool(t)
  const endpoint = endpointAt(`${server.url}?token=canary`, { headers: { authorization: new Secret('canary') } })
  const sender = startTestSender(t, spool, endpoint, { random: () => 0.9 })
  appendRecords(spool, 1)
  const state = await until(sender, one => one.unauthorised)
  t.notMatch(JSON.stringify(state) + inspect(state) + JSON.stringify(endpoint.headers) + inspect(endpoint.headers), /canary/)
})

t.test('a signal that has settings of its own is sent with them', async t => {
  const server = await startOtlp(t)
  const spool = await openTestSpool(t)
  const signalSettings = { logs: { compression: 'none', protocol: 'json', headers: { b: new Secret('2') } } } as const
  const sender = startTestSender(t, spool, endpointAt(server.url, { headers: { a: new Secret('1') }, signalSettings }))
  appendRecords(spool, 1)
  spool.append({ kind: 'events', atMs: 10_000, spanMs: 0, items: 1, payload: Buffer.from('{}') })
  exactly(t, await until(sender, settled(5)), 5)
  const [metrics, logs] = ['/v1/metrics', '/v1/logs'].map(path => server.got.find(one => one.path === path)?.headers)
  t.match(metrics, { a: '1', b: undefined, 'content-encoding': 'gzip', 'content-type': 'application/x-protobuf' })
  t.match(logs, { a: undefined, b: '2', 'content-encoding': undefined, 'content-type': 'application/json' })
})
