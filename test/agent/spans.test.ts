/** Runs of http checks as spans, from the request that a service saw to what endpoints took. */
import t, { type Test } from 'tap'
import type { Ledger } from '../../agent/spool/options.ts'
import { configure, type Running, run, temporary } from './every-kind.ts'
import { readSpans } from './otlp-reading.ts'
import { type OtlpServer, startOtlp } from './send/otlp-server.ts'
import { startTracedServer, type TracedServer } from './traced-server.ts'

const spansOf = ({ got }: OtlpServer, encoding: 'protobuf' | 'json' = 'protobuf') =>
  got.filter(({ path }) => path === '/v1/traces').flatMap(({ body }) => readSpans(body, encoding))

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 10))
}

type Inlet = { name: string; url: string; signals?: readonly string[]; encoding?: string }

/** An agent that asks the service every 200 ms, ended when that was asked some times. */
const ask = async (t: Test, { port, traceparents }: TracedServer, inlets: readonly Inlet[], options: object = {}): Promise<Running> => {
  const config = configure(temporary(t), {
    targets: [{ name: 'site', address: `127.0.0.1:${port}`, path: '/health?token=canary', location: 'azure/eastus' }],
    checks: [{ name: 'web', kind: 'http', every: '200ms', lateness: '60s', options: { scheme: 'http', ...options } }],
    export: inlets,
  })
  const running = await run(t, config)
  await until(() => traceparents.length >= 3)
  await running.close()
  return running
}

/** Of the runs that ended: one may have been stopped. */
const tracesOf = (traceparents: readonly string[]): string[] => traceparents.map(text => text.slice(3, -3)).sort()
const isExact = ({ produced, delivered, spooled, dropped }: Ledger): boolean =>
  produced === delivered + spooled + Object.values(dropped).reduce((a, b) => a + b, 0)

t.test('each run of an http check is a span of the trace that the service saw', async t => {
  const [service, protobuf, json] = await Promise.all([startTracedServer(t), startOtlp(t), startOtlp(t)])
  const inlets = [
    { name: 'protobuf', url: protobuf.url },
    { name: 'json', url: json.url, encoding: 'json' },
  ]
  const { ledger } = await ask(t, service, inlets)
  const spans = spansOf(protobuf)
  const seen = tracesOf(service.traceparents)
  const ended = spans.map(({ traceId, spanId }) => `${traceId}-${spanId}`)
  t.ok(ended.length >= 2 && ended.every(one => seen.includes(one)))
  t.equal(new Set(ended).size, ended.length)
  t.ok(seen.length - ended.length <= 1, 'but for one that was stopped')
  t.same(spansOf(json, 'json'), spans)
  const [span] = spans
  t.match(span, {
    name: 'GET 127.0.0.1',
    kind: 3,
    code: 0,
    scope: 'causeway',
    resource: { 'service.name': 'causeway-agent', 'service.instance.id': 'lab' },
    attributes: {
      'http.request.method': 'GET',
      'url.full': `http://127.0.0.1:${service.port}/health`,
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
      'server.port': service.port,
      'network.peer.address': '127.0.0.1',
      'causeway.check': 'web',
      'causeway.target': 'site',
      'causeway.outcome': 'ok',
      'causeway.destination.region': 'eastus',
    },
  })
  t.type(span!.attributes['causeway.phase_ms.wait'], 'number')
  const tookNs = BigInt(span!.endNs) - BigInt(span!.startNs)
  t.ok(tookNs > 0n && tookNs < 10_000_000_000n, `${tookNs} ns`)
  t.ok(Math.abs(Number(BigInt(span!.endNs) / 1_000_000n) - Date.now()) < 60_000)
  t.notMatch(JSON.stringify(spans), /canary/)
  for (const name of ['protobuf', 'json']) {
    const tally = await ledger(name)
    t.ok(isExact(tally) && tally.spooled === 0 && tally.delivered === tally.produced, JSON.stringify(tally))
  }
})

t.test('an answer that is not what the check wants is an error, with its reason', async t => {
  const [service, endpoint] = await Promise.all([startTracedServer(t, 503), startOtlp(t)])
  await ask(t, service, [{ name: 'one', url: endpoint.url }])
  const [span] = spansOf(endpoint)
  t.match(span, { code: 2, message: /^http_status: / })
  t.match(span!.attributes, { 'error.type': 'http_status', 'http.response.status_code': 503 })
})

t.test('an endpoint that takes no traces gets none, and none is counted for it', async t => {
  const [service, all, some] = await Promise.all([startTracedServer(t), startOtlp(t), startOtlp(t)])
  const inlets = [
    { name: 'all', url: all.url },
    { name: 'some', url: some.url, signals: ['metrics', 'logs'] },
    { name: 'traces', url: some.url, signals: ['traces'] },
  ]
  const { ledger } = await ask(t, service, inlets)
  const spans = spansOf(all).length
  t.ok(spans >= 2)
  t.equal(spansOf(some).length, spans, 'of the endpoint for traces, at the same address')
  const [whole, without, alone] = [await ledger('all'), await ledger('some'), await ledger('traces')]
  for (const tally of [whole, without, alone]) t.ok(isExact(tally) && tally.spooled === 0, JSON.stringify(tally))
  t.equal(alone.produced, spans)
  t.equal(without.produced, whole.produced - spans)
  const sequences = some.got.filter(({ path }) => path !== '/v1/traces').map(({ headers }) => Number(headers['causeway-sequence']))
  t.same(
    sequences.toSorted((a, b) => a - b),
    sequences.map((_, i) => i + 1),
    'no gap tells of what others got',
  )
})
