import { type ConnectionOptions, connect } from 'node:tls'
import t from 'tap'
import { parseTlsError } from '../../probes/net/handshake.ts'
import { type MtlsVariant, mtlsServers, startMtls } from './mtls-servers.ts'
import { hasOpenssl } from './openssl-server.ts'
import { makeTrustDomain } from './spiffe.ts'

const a = await makeTrustDomain('a.test')
const b = await makeTrustDomain('b.test')
const clients = {
  good: await a.issue({ path: '/good', below: 1 }),
  untrusted: await b.issue(),
  expired: await a.issue({ fault: 'expired' }),
  'wrong EKU': await a.issue({ fault: 'EKU without clientAuth' }),
  'other ID': await a.issue({ path: '/other' }),
  none: undefined,
}
type Client = keyof typeof clients
const route = 'outbound_.8080_._.svc.ns.svc.cluster.local'

/** What a client sees, in one word: what it was told, `ticket`, `alert n`, `end`, `reset`, or `open` when nothing comes for 200 ms. */
function meet(port: number, client: Client, options: ConnectionOptions = {}): Promise<string> {
  const svid = clients[client]
  const own = svid ? { cert: svid.chainPem, key: svid.keyPem } : {}
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: route,
    ALPNProtocols: ['istio'],
    rejectUnauthorized: false,
    ...own,
    ...options,
  })
  return new Promise(resolve => {
    let [shaken, ticket] = ['in handshake', '']
    let timer: NodeJS.Timeout | undefined
    const settle = (seen: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(seen)
    }
    socket.once('secureConnect', () => {
      shaken = 'after handshake'
      timer = setTimeout(() => settle(ticket || 'open'), 200)
      socket.write('GET / HTTP/1.1\r\n\r\n')
    })
    socket.on('session', () => (ticket = 'ticket'))
    socket.once('data', data => settle(String(data).split(/\r?\n/)[0]!))
    socket.once('error', error => {
      const { alert, code } = parseTlsError(error)
      settle(
        alert === undefined
          ? `${/ended|disconnected/.test(error.message) ? 'end' : code === 'ECONNRESET' ? 'reset' : code} ${shaken}`
          : `alert ${alert} ${shaken}`,
      )
    })
    socket.once('close', () => settle(`end ${shaken}`))
  })
}

const after = (alert: number) => `alert ${alert} after handshake`
const silent = 'end after handshake'
/** By server: what each client sees with TLS 1.3. */
const expected: Record<Exclude<MtlsVariant, 'one alert' | 'Istio gateway'>, Record<Client, string>> = {
  'accepts and greets': row('welcome', silent, silent, silent, 'welcome', after(116)),
  'says who you are': row(who('a.test/good'), silent, silent, silent, who('a.test/other'), after(116)),
  'accepts and says nothing': row('ticket', silent, silent, silent, 'ticket', after(116)),
  'accepts and gives no sign': row('open', after(48), after(48), after(48), after(48), after(48)),
  'accepts and echoes': row('GET / HTTP/1.1', silent, silent, silent, 'GET / HTTP/1.1', after(116)),
  'ends open connections when renewed': row('welcome', silent, silent, silent, 'welcome', after(116)),
  'asks for no certificate': row('welcome', 'welcome', 'welcome', 'welcome', 'welcome', 'welcome'),
  'takes any certificate or none': row(
    who('a.test/good'),
    who('b.test/test'),
    who('a.test/test'),
    who('a.test/test'),
    who('a.test/other'),
    '{"peerId":null}',
  ),
  Node: row('welcome', silent, silent, silent, 'welcome', after(116)),
  OpenSSL: row('ticket', after(48), after(45), after(43), 'ticket', after(116)),
  'like Java': row('welcome', after(46), after(46), after(46), after(46), after(42)),
  'like go-spiffe': row('welcome', after(42), after(42), after(42), after(42), after(116)),
  'like Envoy': row('welcome', after(48), after(45), after(43), after(46), after(116)),
  'hangs up by policy': row(silent, silent, silent, silent, silent, after(116)),
  'closes after the handshake': row(silent, silent, silent, silent, silent, silent),
  'resets after the handshake': row(...(Array(6).fill('reset after handshake') as Row)),
  'like nginx': row('HTTP/1.1 200 OK', ...(Array(5).fill('HTTP/1.1 400 Bad Request') as [string, string, string, string, string])),
  'denies by policy': row('HTTP/1.1 200 OK', silent, silent, silent, 'HTTP/1.1 403 Forbidden', after(116)),
}
type Row = [string, string, string, string, string, string]
function row(...[good, untrusted, expired, wrongEku, otherId, none]: Row): Record<Client, string> {
  return { good, untrusted, expired, 'wrong EKU': wrongEku, 'other ID': otherId, none }
}
function who(id: string) {
  return `{"peerId":"spiffe://${id}"}`
}

for (const [variant, seen] of Object.entries(expected) as [keyof typeof expected, Record<Client, string>][]) {
  const skip = variant === 'OpenSSL' && !hasOpenssl() ? 'needs openssl: apt-get install openssl' : false
  t.test(`${variant}: what each client sees with TLS 1.3`, { skip }, async t => {
    const server = await startMtls(variant, { domain: a, accepts: [a], allow: [clients.good.id] })
    t.teardown(server.close)
    for (const [client, want] of Object.entries(seen) as [Client, string][]) t.equal(await meet(server.port, client), want, client)
  })
}

t.test('TLS 1.2 refuses during the handshake', async t => {
  for (const [variant, want] of [
    ['Node', 'reset in handshake'],
    ['like Java', 'alert 46 in handshake'],
    ['like go-spiffe', 'alert 42 in handshake'],
    ['like Envoy', 'alert 48 in handshake'],
    ...(hasOpenssl() ? ([['OpenSSL', 'alert 48 in handshake']] as const) : []),
  ] as const) {
    const server = await startMtls(variant, { domain: a, accepts: [a], maxVersion: 'TLSv1.2' })
    t.match((await meet(server.port, 'untrusted')).replace('end in', 'reset in'), want, variant)
    t.match(await meet(server.port, 'good'), /welcome|ticket/, variant)
    await server.close()
  }
})

t.test('any alert can be sent', async t => {
  for (const alert of [40, 42, 43, 44, 45, 46, 48, 49, 51, 80, 116])
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const server = await startMtls('one alert', { domain: a, accepts: [a], alert, maxVersion })
      t.match(await meet(server.port, 'good'), `alert ${alert} `)
      await server.close()
    }
})

t.test('an Istio gateway routes by server name and closes for others', async t => {
  const server = await startMtls('Istio gateway', { domain: a, accepts: [a], serverNames: [route] })
  t.teardown(server.close)
  t.equal(await meet(server.port, 'good'), who('a.test/good'))
  t.match(await meet(server.port, 'good', { servername: 'nonsense.invalid' }), /^(end|reset) in handshake$/)
  t.match(await meet(server.port, 'good', { ALPNProtocols: ['h2'] }), 'alert 120')
})

t.test('the SVID shown and the clients let in change while it runs', async t => {
  for (const variant of ['says who you are', 'like Envoy', 'Istio gateway'] as const) {
    const server = await startMtls(variant, { domain: a, accepts: [a], serverNames: [route] })
    const next = await b.issue({ path: '/next' })
    server.serve(next)
    server.accept(b.bundlePem())
    const socket = connect({ host: '127.0.0.1', port: server.port, servername: route, ALPNProtocols: ['istio'], rejectUnauthorized: false })
    socket.on('error', () => {})
    await new Promise(resolve => socket.once('secureConnect', resolve))
    t.equal(socket.getPeerX509Certificate()!.subjectAltName, 'URI:spiffe://b.test/next')
    socket.destroy()
    t.match(await meet(server.port, 'untrusted'), /welcome|b\.test/)
    t.match(await meet(server.port, 'good'), /end|alert/)
    await server.close()
  }
})

t.test('the table of expectations knows every server', async t => {
  t.same(new Set(Object.keys(mtlsServers)), new Set([...Object.keys(expected), 'Istio gateway', 'one alert']))
})
