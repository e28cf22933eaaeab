import t from 'tap'
import type { Options } from '../../wire/options.ts'
import { type HttpVariant, httpServers } from '../servers/http-servers.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { leaked, openHandles } from './handles.ts'
import { run, started, targetOf, word } from './targets.ts'

/** How a run against each ends, with 400 ms of time. */
const ends: Record<HttpVariant, [reason: string, detail: RegExp, options?: Partial<Options['http']>]> = {
  'answers at once': ['ok', /^/],
  'answers after 300 ms': ['ok', /^/],
  'accepts the request and says nothing': [
    'http_timeout',
    /no answer within 400 ms; its kernel acknowledged the request.*the service takes the time/,
  ],
  'sends garbage': ['http_status', /not HTTP \(/],
  'closes after the request': ['tcp_reset', /hung up after the request/],
  'resets after the request': ['tcp_reset', /hung up after the request/],
  'one byte of the head a second': ['http_timeout', /no answer within/],
  'one byte of the body a second': ['http_timeout', /status 200 after .* then \d+ bytes of a body/],
  'a body of 100 MB': ['ok', /^/],
  'endless headers': ['http_status', /longer than 32 KiB/],
  'endless interim answers': ['http_status', /interim answers without an end/],
  'chunks that are garbage': ['http_body', /not framed/],
  'a body that is cut': ['http_body', /ended after 5 bytes of the body/],
  'a gzip bomb': ['http_body', /does not contain/, { expectBody: 'hello' }],
  'gzip that is none': ['http_body', /the body is not gzip/, { expectBody: 'hello' }],
  'redirects for ever': ['http_status', /more than 5 times/, { redirects: 5 }],
}

for (const [variant, [reason, detail, options]] of Object.entries(ends) as [HttpVariant, (typeof ends)[HttpVariant]][])
  t.test(`a server with ${variant} is ${reason}, in time and with nothing left open`, async t => {
    const before = openHandles()
    const server = await httpServers[variant]()
    const { rss } = process.memoryUsage()
    const { outcome, measured, phasesMs } = await run('http', targetOf(server), { scheme: 'http', timeoutMs: 400, ...options })
    t.equal(word(outcome), reason)
    if (outcome.kind !== 'ok') t.match(outcome.detail, detail)
    t.ok(phasesMs['total']! < 3000, `${phasesMs['total']} ms`)
    t.ok(measured.bodyBytes <= 2 ** 20)
    if (variant === 'a gzip bomb') t.ok(process.memoryUsage().rss - rss < 100 * 2 ** 20, 'it is not unpacked beyond its limit')
    await server.close()
    t.same(await leaked(before), [])
  })

t.test('a body of 100 MB is read to its limit and no further', async t => {
  const server = await started(t, httpServers['a body of 100 MB']())
  const { measured } = await run('http', targetOf(server), { scheme: 'http', maxBodyBytes: 5000 })
  t.match(measured, { status: 200, bodyBytes: 5000, truncated: true })
  t.match((await run('http', targetOf(server), { scheme: 'http', maxBodyBytes: 0 })).measured, {
    status: 200,
    bodyBytes: 0,
    truncated: true,
  })
})

t.test('what is not even HTTP ends as it should', async t => {
  const cases = [
    ['accepts and says nothing', 'http_timeout'],
    ['closes at once', 'tcp_reset'],
    ['resets at once', 'tcp_reset'],
    ['smtp greeting', 'http_status'],
    ['endless garbage', 'http_status'],
    ['sends garbage', 'http_status'],
  ] as const
  for (const [variant, reason] of cases) {
    const server = await started(t, tcpServers[variant]())
    t.equal(word((await run('http', targetOf(server), { scheme: 'http', timeoutMs: 400 })).outcome), reason, variant)
  }
})
