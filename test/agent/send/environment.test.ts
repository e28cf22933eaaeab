import t from 'tap'
import { forSignal, urlOf } from '../../../agent/send/endpoint.ts'
import { parseOtelEnvironment } from '../../../agent/send/environment.ts'
import { parseRetryAfterMs } from '../../../agent/send/retry-after.ts'

t.test('the standard variables make an endpoint', async t => {
  const parsed = parseOtelEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318/base/',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'https://logs.example/in',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20abc, x-team=net',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
  })
  if (!parsed.ok || !parsed.value) return t.fail('an endpoint is wanted')
  const endpoint = parsed.value
  t.match(endpoint, { protocol: 'json', compression: 'gzip', timeoutMs: 2500, caFile: '/ca.pem', order: 'oldest' })
  t.equal(endpoint.headers['authorization']?.reveal(), 'Bearer abc')
  t.equal(urlOf(endpoint, 'metrics'), 'https://collector.example:4318/base/v1/metrics')
  t.equal(urlOf(endpoint, 'logs'), 'https://logs.example/in')
})

t.test('no address is no endpoint', async t =>
  t.same(parseOtelEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), { ok: true, value: undefined }),
)

t.test('what is said of one signal wins over what is said of all', async t => {
  const parsed = parseOtelEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=2',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '700',
    OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: '/ca.pem',
  })
  if (!parsed.ok || !parsed.value) return t.fail('an endpoint is wanted')
  const [metrics, logs] = [forSignal(parsed.value, 'metrics'), forSignal(parsed.value, 'logs')]
  t.match(metrics, { protocol: 'protobuf', compression: 'gzip', timeoutMs: 10_000, caFile: '/ca.pem' })
  t.same(Object.keys(metrics.headers), ['a'])
  t.match(logs, { protocol: 'json', compression: 'gzip', timeoutMs: 700, caFile: undefined })
  t.same(Object.keys(logs.headers), ['b'])
})

t.test('every problem is said at once, and no secret with it', async t => {
  const parsed = parseOtelEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:canary@collector.example',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_HEADERS: 'canary,a=%zzcanary',
    OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: '/key.pem',
    OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'lz4',
  })
  if (parsed.ok) return t.fail('problems are wanted')
  t.equal(parsed.problems.length, 7)
  t.notMatch(parsed.problems.join('\n'), /canary/)
})

for (const [name, variables, wanted] of [
  ['all by the general address', { ENDPOINT: 'https://c.example' }, ['metrics', 'logs', 'traces']],
  ['traces alone', { TRACES_ENDPOINT: 'https://t.example/in' }, ['traces']],
  [
    'no traces without an address for them',
    { METRICS_ENDPOINT: 'https://m.example', LOGS_ENDPOINT: 'https://l.example' },
    ['metrics', 'logs'],
  ],
] as const)
  t.test(`signals: ${name}`, async t => {
    const environment = Object.fromEntries(Object.entries(variables).map(([key, value]) => [`OTEL_EXPORTER_OTLP_${key}`, value]))
    const parsed = parseOtelEnvironment(environment)
    t.match(parsed, { ok: true, value: { signals: wanted } })
  })

t.test('a signal with another exporter than otlp is not sent', async t => {
  const general = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example' }
  const signalsOf = (environment: Record<string, string>) => {
    const parsed = parseOtelEnvironment({ ...general, ...environment })
    return parsed.ok ? parsed.value?.signals : parsed.problems
  }
  t.same(signalsOf({ OTEL_TRACES_EXPORTER: 'none' }), ['metrics', 'logs'])
  t.same(signalsOf({ OTEL_METRICS_EXPORTER: 'prometheus', OTEL_LOGS_EXPORTER: 'console,otlp' }), ['logs', 'traces'])
  t.same(signalsOf({ OTEL_TRACES_EXPORTER: ' ' }), ['metrics', 'logs', 'traces'], 'an empty one is as good as none')
  t.same(signalsOf({ OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', OTEL_TRACES_EXPORTER: 'none' }), undefined)
  const only = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://m.example', OTEL_LOGS_EXPORTER: 'none' }
  t.match(parseOtelEnvironment(only), { ok: true, value: { url: 'https://m.example', signals: ['metrics'] } })
})

t.test('Retry-After is seconds or a date', async t => {
  const nowMs = Date.UTC(2026, 0, 1)
  t.equal(parseRetryAfterMs('30', nowMs), 30_000)
  t.equal(parseRetryAfterMs('Thu, 01 Jan 2026 00:00:10 GMT', nowMs), 10_000)
  t.equal(parseRetryAfterMs('Wed, 31 Dec 2025 00:00:10 GMT', nowMs), 0)
  t.equal(parseRetryAfterMs('999999999', nowMs), 3_600_000)
  for (const text of [undefined, '', '-1', 'soon', '1.5']) t.equal(parseRetryAfterMs(text, nowMs), undefined)
})
