import t, { type Test } from 'tap'
import { runProbe } from '../../probes/index.ts'
import type { Options } from '../../wire/options.ts'
import type { Result } from '../../wire/result.ts'
import { makeAuthority } from '../servers/authority.ts'
import { type Answer, startHttp, startHttp2, startHttps } from '../servers/http-servers.ts'
import { run, started, targetOf, word } from './targets.ts'

const authority = await makeAuthority({ name: 'test root' })
const pems = await authority.issue({ names: ['svc.test'], addresses: ['127.0.0.1'] })
const ca = authority.certPem
const never = new AbortController().signal
const hello: Answer = (_request, response) => void response.end('hello world\n')
const plain: Partial<Options['http']> = { scheme: 'http' }

t.test('a healthy service is ok, with its phases and where the time went', async t => {
  const server = await started(
    t,
    startHttp((_request, response) => {
      response.setHeader('server-timing', 'db;dur=12.5, cache;desc="a, b"')
      setTimeout(() => response.end('hello'), 60)
    }),
  )
  const { outcome, measured, phasesMs } = await run('http', targetOf(server), plain)
  t.same(outcome, { kind: 'ok' })
  t.match(measured, {
    url: `http://svc.test:${server.port}/`,
    method: 'GET',
    status: 200,
    protocol: 'HTTP/1.1',
    address: '127.0.0.1',
    bodyBytes: 5,
    truncated: false,
    requestAcked: true,
    retransmits: 0,
    tls: null,
    serverTiming: [
      { name: 'db', durationMs: 12.5 },
      { name: 'cache', durationMs: null },
    ],
  })
  t.ok(measured.serverMs! >= 55 && measured.serverMs! <= measured.firstByteMs!, `the service took ${measured.serverMs} ms`)
  t.ok(measured.rttMs! < 55, `the network ${measured.rttMs} ms`)
  t.same(new Set(Object.keys(phasesMs)), new Set(['connect', 'wait', 'body', 'total']))
})

t.test('the request names the host, carries its trace and nothing that was not asked for', async t => {
  let seen: Parameters<Answer>[0] | undefined
  const server = await started(
    t,
    startHttp((request, response) => {
      seen = request
      response.end()
    }),
  )
  const { measured } = await run('http', targetOf(server), {
    ...plain,
    path: '/a?b=c',
    headers: { 'X-Team': 'net', Authorization: 'Bearer s3cret' },
  })
  t.equal(seen?.url, '/a?b=c')
  t.match(seen?.headers, {
    host: `svc.test:${server.port}`,
    'user-agent': 'causeway',
    'accept-encoding': 'identity',
    'x-team': 'net',
    authorization: 'Bearer s3cret',
    traceparent: `00-${measured.traceId}-${measured.spanId}-01`,
  })
  t.match(measured.traceId, /^[0-9a-f]{32}$/)
  t.match(measured.spanId, /^[0-9a-f]{16}$/)
  t.equal(measured.url, `http://svc.test:${server.port}/a`, 'the query may be a secret')
})

t.test('HTTPS is judged as TLS is, and a server that does not verify is asked nothing', async t => {
  let asked = 0
  const count: Answer = (request, response) => {
    asked += 1
    hello(request, response)
  }
  const server = await started(t, startHttps(count, pems))
  const good = await run('http', targetOf(server), { ca })
  t.same(good.outcome, { kind: 'ok' })
  t.match(good.measured, { url: `https://svc.test:${server.port}/`, tls: { version: 'TLSv1.3', alpn: 'http/1.1', verified: true } })
  t.same(new Set(Object.keys(good.phasesMs)), new Set(['connect', 'tls', 'wait', 'body', 'total']))
  const untrusted = await run('http', targetOf(server), {})
  t.equal(word(untrusted.outcome), 'certificate_untrusted')
  t.match(untrusted.measured.tls, { chain: [{ serial: /./ }], verified: false })
  t.equal(word((await run('http', targetOf(server, 'other.test'), { ca })).outcome), 'certificate_name_mismatch')
  t.equal(word((await run('http', targetOf(server, 'other.test'), { ca, sni: 'svc.test' })).outcome), 'ok')
  t.equal(asked, 2)
})

t.test('HTTP/2 is spoken where it is asked for', async t => {
  const server = await started(t, startHttp2(hello, pems))
  const two = await run('http', targetOf(server), { ca, alpn: ['h2', 'http/1.1'], expectBody: 'hello' })
  t.same(two.outcome, { kind: 'ok' })
  t.match(two.measured, { protocol: 'HTTP/2', status: 200, bodyBytes: 12, tls: { alpn: 'h2' } })
  t.match((await run('http', targetOf(server), { ca })).measured, { protocol: 'HTTP/1.1', status: 200 })
})

t.test('a client certificate is sent, and its lack is named', async t => {
  const client = await authority.issue({ names: ['client.test'] })
  const server = await started(t, startHttps(hello, { ...pems, ca }))
  t.equal(word((await run('http', targetOf(server), { ca, cert: client.chainPem, key: client.keyPem })).outcome), 'ok')
  t.match(word((await run('http', targetOf(server), { ca })).outcome), /client_cert_required|tcp_reset/)
})

t.test('who is known and may not come in is denied; who is not known gets a status', async t => {
  const client = await authority.issue({ names: ['client.test'] })
  const refuse: Answer = (_request, response) => void response.writeHead(403).end('no')
  const [asking, open] = [await started(t, startHttps(refuse, { ...pems, ca })), await started(t, startHttps(refuse, pems))]
  const mine = { ca, cert: client.chainPem, key: client.keyPem }
  t.equal(word((await run('http', targetOf(asking), mine)).outcome), 'authorization_denied')
  t.equal(word((await run('http', targetOf(asking), { ...mine, expectStatus: ['403'] })).outcome), 'ok')
  t.equal(word((await run('http', targetOf(open), mine)).outcome), 'http_status', 'it asked for no certificate')
  const mesh = await started(
    t,
    startHttp((_request, response) => void response.writeHead(403).end('RBAC: access denied')),
  )
  t.equal(word((await run('http', targetOf(mesh), plain)).outcome), 'authorization_denied', 'the words of Envoy')
})

t.test('plain HTTP on a TLS port, and TLS on a plain one', async t => {
  const server = await started(t, startHttp(hello))
  t.equal(word((await run('http', targetOf(server), { ca })).outcome), 'not_tls')
  const secure = await started(t, startHttps(hello, pems))
  t.match(word((await run('http', targetOf(secure), plain)).outcome), /tcp_reset|http_status/)
})

const answers: Answer = (request, response) => {
  const status = Number(/\d{3}/.exec(request.url ?? '')?.[0] ?? 200)
  response.writeHead(status).end(request.method === 'HEAD' ? undefined : '{"status":"UP","build":42}')
}
const expectations: [name: string, options: Partial<Options['http']>, ends: string, detail?: RegExp][] = [
  ['2xx and 3xx are good unless told', { path: '/204' }, 'ok'],
  ['a redirect that nobody asked to follow is an answer', { path: '/302' }, 'ok'],
  ['503 is not', { path: '/503' }, 'http_status', /status was 503, want 200-399/],
  ['404 may be what is wanted', { path: '/404', expectStatus: ['404', '2xx'] }, 'ok'],
  [
    'a status outside of the list is told with the list',
    { path: '/201', expectStatus: ['200', '300-399'] },
    'http_status',
    /201, want 200, 300-399/,
  ],
  ['a text that is there', { expectBody: '"UP"' }, 'ok'],
  ['a text that is not', { expectBody: '"DOWN"' }, 'http_body', /the body \(26 bytes\) does not contain/],
  ['a pattern that matches', { expectPattern: 'build":\\d+}$' }, 'ok'],
  ['a pattern that does not', { expectPattern: '^build' }, 'http_body', /does not match "\^build"/],
  ['both must hold', { expectBody: 'UP', expectPattern: 'nothing' }, 'http_body'],
  [
    'only so much of the body counts',
    { expectBody: 'build', maxBodyBytes: 10 },
    'http_body',
    /the first 10 bytes of the body do not contain/,
  ],
  ['HEAD has no body', { method: 'HEAD' }, 'ok'],
  ['HEAD has no body to look at', { method: 'HEAD', expectBody: 'x' }, 'config_invalid', /no body to look at/],
  ['POST brings a body', { method: 'POST', body: '{}' }, 'ok'],
  ['GET does not', { body: '{}' }, 'config_invalid', /goes with POST/],
  ['a bad pattern is ours', { expectPattern: '(' }, 'config_invalid', /not a regular expression/],
  ['a bad status is ours', { expectStatus: ['abc'] }, 'config_invalid', /"abc" is not a status/],
  ['a path begins with a slash', { path: 'http://169.254.169.254/' }, 'config_invalid', /path must begin with/],
  ['a path does not begin another header', { path: '/ HTTP/1.1\r\nhost: a' }, 'config_invalid', /path must begin with/],
]
t.test('what is expected of an answer', async t => {
  const server = await started(t, startHttp(answers))
  for (const [name, options, ends, detail] of expectations) {
    const { outcome } = await run('http', targetOf(server), { ...plain, ...options })
    t.equal(word(outcome), ends, name)
    if (detail && outcome.kind !== 'ok') t.match(outcome.detail, detail, name)
  }
})

t.test('a pattern that backtracks for ever does not hold up the others', async t => {
  const server = await started(
    t,
    startHttp((_request, response) => response.end(`${'a'.repeat(50)}!`)),
  )
  const { outcome, phasesMs } = await run('http', targetOf(server), { ...plain, expectPattern: '^(a+)+$' })
  t.match(outcome, { kind: 'unmeasured', reason: 'config_invalid', detail: /takes too long/ })
  t.ok(phasesMs['total']! < 5000)
})

t.test('headers that are the probe own, or would begin another, are refused without showing a value', async t => {
  const server = await started(t, startHttp(hello))
  for (const name of [
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Proxy-Authorization',
    'traceparent',
    'bad name',
    'x\r\ny',
  ])
    t.match(
      (await run('http', targetOf(server), { ...plain, headers: { [name]: 's3cret' } })).outcome,
      { reason: 'config_invalid', detail: /^(?!.*s3cret)/s },
      name,
    )
  const { outcome } = await run('http', targetOf(server), { ...plain, headers: { 'x-key': 's3cret\r\nhost: metadata' } })
  t.match(outcome, { reason: 'config_invalid', detail: /^(?!.*s3cret).*x-key/s })
  t.equal(server.connections(), 0)
})

t.test('no secret comes out again, however a run ends', async t => {
  const secret = 'Bearer s3cret'
  const ends: [number | 'close', string][] = [
    [200, 'ok'],
    [401, 'http_status'],
    ['close', 'tcp_reset'],
  ]
  for (const [status, word_] of ends) {
    const server = await started(
      t,
      startHttp((request, response) => {
        if (status === 'close') request.socket.destroy()
        else response.writeHead(status, { 'x-echo': request.headers.authorization ?? '' }).end(request.headers.authorization)
      }),
    )
    const result = await run('http', targetOf(server), {
      ...plain,
      headers: { authorization: secret },
      path: '/?token=s3cret',
      expectBody: 'Bearer',
    })
    t.equal(word(result.outcome), word_)
    t.notMatch(JSON.stringify(result), /s3cret/)
  }
})

/** Two servers, of which the first sends to the second. */
const startPair = async (t: Test, status = 302) => {
  const seen: { url?: string; method?: string; headers: Record<string, unknown> }[] = []
  const second = await started(
    t,
    startHttp((request, response) => {
      seen.push({ url: request.url, method: request.method, headers: request.headers })
      response.end('arrived')
    }),
  )
  const first = await started(
    t,
    startHttp((_request, response) => response.writeHead(status, { location: `http://127.0.0.1:${second.port}/there?x=1` }).end()),
  )
  return { first, second, seen }
}

t.test('a redirect is followed only when asked, and takes no secret along', async t => {
  const { first, second, seen } = await startPair(t)
  t.match((await run('http', targetOf(first), plain)).measured, { status: 302, redirects: [] })
  t.equal(second.connections(), 0)
  const { outcome, measured } = await run('http', targetOf(first), {
    ...plain,
    redirects: 1,
    headers: { authorization: 'Bearer s3cret' },
    expectBody: 'arrived',
  })
  t.same(outcome, { kind: 'ok' })
  t.match(measured, {
    url: `http://127.0.0.1:${second.port}/there`,
    status: 200,
    redirects: [{ status: 302, to: `http://127.0.0.1:${second.port}/there`, crossScheme: false }],
  })
  t.match(seen, [{ url: '/there?x=1', method: 'GET' }])
  t.notOk('authorization' in seen[0]!.headers)
})

t.test('after 303 and 302 a POST is a GET without a body, after 307 it stays one', async t => {
  for (const [status, method] of [
    [303, 'GET'],
    [302, 'GET'],
    [307, 'POST'],
  ] as const) {
    const { first, seen } = await startPair(t, status)
    await run('http', targetOf(first), { ...plain, redirects: 1, method: 'POST', body: 'x' })
    t.equal(seen[0]?.method, method, String(status))
  }
})

t.test('a redirect from HTTPS to plain HTTP is followed with a warning', async t => {
  const second = await started(t, startHttp(hello))
  const first = await started(
    t,
    startHttps((_request, response) => response.writeHead(301, { location: `http://127.0.0.1:${second.port}/` }).end(), pems),
  )
  const { outcome, measured, warnings } = await run('http', targetOf(first), { ca, redirects: 1 })
  t.equal(word(outcome), 'ok')
  t.match(measured, { tls: null, redirects: [{ crossScheme: true }] })
  t.match(warnings, [{ code: 'redirect_downgrade' }])
})

const denials: [name: string, location: string, reason: string][] = [
  ['the metadata service', 'http://169.254.169.254/latest/meta-data/', 'target_denied'],
  ['the metadata service as a number', 'http://2852039166/', 'target_denied'],
  ['the metadata service in IPv6 clothes', 'http://[::ffff:169.254.169.254]/', 'target_denied'],
  ['a name that is loopback', 'http://localhost:1/', 'target_denied'],
  ['another scheme', 'file:///etc/passwd', 'http_status'],
  ['a user in the URL', 'http://svc.test@169.254.169.254/', 'http_status'],
  ['nothing', 'http://', 'http_status'],
]
t.test('a redirect is judged by the policy as the target was, address by address', async t => {
  for (const [name, location, reason] of denials) {
    const server = await started(
      t,
      startHttp((_request, response) => response.writeHead(302, { location }).end()),
    )
    const allow = ({ address, port }: { address: string; port?: number }): string | undefined =>
      address === '127.0.0.1' && port === server.port ? undefined : `${address} is denied`
    const result: Result<'http'> = await runProbe('http', targetOf(server), { ...plain, redirects: 3, timeoutMs: 2000 }, never, { allow })
    t.equal(word(result.outcome), reason, name)
    t.equal(result.outcome.kind, reason === 'target_denied' ? 'unmeasured' : 'fail')
  }
})

t.test('a proxy in the environment is never used', async t => {
  const proxy = await started(t, startHttp(hello))
  const server = await started(t, startHttp(hello))
  const saved = { ...process.env }
  t.teardown(() => Object.assign(process.env, saved))
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY']) {
    process.env[name] = `http://127.0.0.1:${proxy.port}`
    t.teardown(() => delete process.env[name])
  }
  t.equal(word((await run('http', targetOf(server), plain)).outcome), 'ok')
  t.equal(proxy.connections(), 0)
})
