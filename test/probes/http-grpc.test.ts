import t from 'tap'
import { buildHealthRequest, parseHealthResponse } from '../../probes/http-grpc.ts'
import type { Options } from '../../wire/options.ts'
import { makeAuthority } from '../servers/authority.ts'
import { type GrpcHealth, startGrpc, startHttp } from '../servers/http-servers.ts'
import { run, started, targetOf, word } from './targets.ts'

const authority = await makeAuthority({ name: 'test root' })
const pems = await authority.issue({ names: ['svc.test'] })
const plain: Partial<Options['http']> = { scheme: 'http', grpcService: '' }

t.test('a gRPC server that serves is ok, over TLS and in plain text', async t => {
  const open = await started(t, startGrpc())
  const { outcome, measured, phasesMs } = await run('http', targetOf(open), plain)
  t.same(outcome, { kind: 'ok' })
  t.match(measured, { status: 200, protocol: 'HTTP/2', method: 'POST', grpc: { status: 0, health: 'SERVING' } })
  t.ok(phasesMs['wait']! > 0)
  const secure = await started(t, startGrpc({ services: ['pay.v1.Pay'] }, pems))
  const named = await run('http', targetOf(secure), { ca: authority.certPem, grpcService: 'pay.v1.Pay' })
  t.same(named.outcome, { kind: 'ok' })
  t.match(named.measured, { tls: { alpn: 'h2', verified: true }, grpc: { health: 'SERVING' } })
})

const unhealthy: [name: string, health: GrpcHealth, service: string, reason: string, detail: RegExp][] = [
  ['NOT_SERVING', { health: 2 }, '', 'http_body', /health of the server is NOT_SERVING, want SERVING/],
  ['UNKNOWN', { raw: Buffer.alloc(5) }, '', 'http_body', /UNKNOWN/],
  ['a service that it does not know', {}, 'other', 'http_status', /5 NOT_FOUND: the health service does not know the service "other"/],
  ['a policy that refuses', { status: 7 }, '', 'authorization_denied', /7 PERMISSION_DENIED/],
  ['no health service', { status: 12 }, '', 'http_status', /12 UNIMPLEMENTED/],
  ['a call that needs credentials', { status: 16 }, '', 'http_status', /16 UNAUTHENTICATED/],
  ['an answer that is no message', { raw: Buffer.from('hello') }, '', 'http_body', /no HealthCheckResponse/],
  ['an HTTP error', { httpStatus: 503 }, '', 'http_status', /HTTP status was 503/],
  ['silence', { silent: true }, '', 'http_timeout', /no answer within 400 ms/],
]
for (const [name, health, grpcService, reason, detail] of unhealthy)
  t.test(`${name} is ${reason}`, async t => {
    const server = await started(t, startGrpc(health))
    const { outcome } = await run('http', targetOf(server), { ...plain, grpcService, timeoutMs: 400 })
    t.equal(word(outcome), reason)
    if (outcome.kind !== 'ok') t.match(outcome.detail, detail)
  })

t.test('a server that speaks only HTTP/1.1 has no gRPC', async t => {
  const server = await started(
    t,
    startHttp((_request, response) => response.end('hello')),
  )
  const { outcome } = await run('http', targetOf(server), plain)
  t.match(outcome, { kind: 'fail', reason: /http_status|tcp_reset/ })
})

t.test('a message of the health service is written and read', async t => {
  t.same([...buildHealthRequest('')], [0, 0, 0, 0, 0])
  t.same([...buildHealthRequest('ab')], [0, 0, 0, 0, 4, 10, 2, 97, 98])
  const long = buildHealthRequest('x'.repeat(300))
  t.same([...long.subarray(0, 8)], [0, 0, 0, 1, 47, 10, 0xac, 2], 'a length of two bytes')
  t.equal(parseHealthResponse(Buffer.of(0, 0, 0, 0, 2, 8, 1)), 'SERVING')
  for (const bad of [Buffer.alloc(0), Buffer.of(1, 0, 0, 0, 0), Buffer.of(0, 0, 0, 0, 2, 8), Buffer.of(0, 0, 0, 0, 2, 8, 99)])
    t.equal(parseHealthResponse(bad), null)
})
