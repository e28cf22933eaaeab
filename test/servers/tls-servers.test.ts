import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type Authority, makeAuthority } from './authority.ts'
import type { Listening } from './listening.ts'
import { startTls, type TlsVariant, tlsServers } from './tls-servers.ts'

type Seen = { authorized: boolean; problem?: string; code?: string; protocol: string | null; sent: number; flightBytes: number }

const root = await makeAuthority({ name: 'test root' })

/** One handshake, as a client that goes on whatever the certificate says. `sent` counts certificates. */
async function shake(server: Listening, options: ConnectionOptions = {}): Promise<Seen> {
  const raw = connectTcp(server.port, server.host)
  const socket = connect({ socket: raw, ca: root.certPem, servername: 'svc.test', rejectUnauthorized: false, ...options })
  try {
    await once(socket, 'secureConnect')
    const problem = socket.authorizationError as unknown as string | { code: string } | null
    const name = typeof problem === 'object' ? problem?.code : problem
    return {
      authorized: socket.authorized,
      problem: name,
      protocol: socket.getProtocol(),
      sent: countSent(socket),
      flightBytes: raw.bytesRead,
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { authorized: false, code, protocol: null, sent: 0, flightBytes: raw.bytesRead }
  } finally {
    socket.destroy()
  }
}

function countSent(socket: TLSSocket): number {
  let count = 0
  for (let cert = socket.getPeerX509Certificate(); cert; cert = cert.issuerCertificate) count += 1
  return count
}

async function startVariant(t: Test, name: TlsVariant, authority: Authority = root): Promise<Listening> {
  const server = await tlsServers[name]({ authority })
  t.teardown(server.close)
  return server
}

const certificateFaults: [TlsVariant, string | undefined, number][] = [
  ['healthy', undefined, 2],
  ['small EC chain', undefined, 1],
  ['big chain', undefined, 2],
  ['expired', 'CERT_HAS_EXPIRED', 2],
  ['expired intermediate', 'CERT_HAS_EXPIRED', 2],
  ['not yet valid', 'CERT_NOT_YET_VALID', 2],
  ['wrong name', 'ERR_TLS_CERT_ALTNAME_INVALID', 2],
  ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT', 1],
  ['incomplete chain', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 1],
  ['untrusted root', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 2],
]

for (const [name, problem, sent] of certificateFaults) {
  t.test(`${name}: the chain is ${problem ?? 'accepted'}`, async t => {
    const seen = await shake(await startVariant(t, name))
    t.match(seen, { authorized: problem === undefined, code: undefined, protocol: 'TLSv1.3', sent })
    t.equal(seen.problem ?? undefined, problem)
  })
}

t.test('flights have the sizes they are named for', async t => {
  const big = await shake(await startVariant(t, 'big chain'))
  t.ok(big.flightBytes > 4500 && big.flightBytes < 7000, `${big.flightBytes} bytes`)
  const classic = await shake(await startVariant(t, 'big chain'), { ecdhCurve: 'X25519' })
  t.ok(classic.flightBytes > 4500, `${classic.flightBytes} bytes`)
  const small = await shake(await startVariant(t, 'small EC chain'))
  t.ok(small.flightBytes < 1000, `${small.flightBytes} bytes`)
})

t.test('policies end in their alerts', async t => {
  const cipher = await shake(await startVariant(t, 'only a cipher that nobody has'))
  t.match(cipher.code, /ALERT_HANDSHAKE_FAILURE$/)
  const alpn = await startVariant(t, "demands ALPN 'other'")
  t.match((await shake(alpn, { ALPNProtocols: ['h2'] })).code, /NO_APPLICATION_PROTOCOL$/)
  t.match(await shake(alpn, { ALPNProtocols: ['h2', 'other'] }), { authorized: true })
  const name = await startVariant(t, 'refuses unknown SNI')
  t.equal((await shake(name, { servername: 'else.test' })).code, 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME')
  t.match(await shake(name), { authorized: true, sent: 2 })
  t.match(await shake(name, { servername: '', checkServerIdentity: () => undefined }), { authorized: true })
  const old = await startVariant(t, 'TLS 1.2 only')
  t.match(await shake(old), { authorized: true, protocol: 'TLSv1.2' })
  t.match((await shake(old, { minVersion: 'TLSv1.3' })).code, /PROTOCOL_VERSION$/)
})

t.test('a client without ALPN is hung up on by the server that demands it', async t => {
  const server = await startVariant(t, "demands ALPN 'other'")
  const socket = connect({ ...server, rejectUnauthorized: false }).resume()
  await once(socket, 'close')
  t.equal(server.open(), 0)
})

t.test('monstrous chains are too much for OpenSSL, or too deep', async t => {
  t.equal((await shake(await startVariant(t, 'huge certificate'))).code, 'ERR_SSL_EXCESSIVE_MESSAGE_SIZE')
  const deep = await shake(await startVariant(t, '200 certificates'))
  t.match(deep, { authorized: false, code: undefined, sent: 200 })
  t.ok(deep.flightBytes < 100 * 1024, `${deep.flightBytes} bytes`)
})

t.test('the general server: greeting, client certificates, IPv6', async t => {
  const { chainPem, keyPem } = await root.issue({ names: ['svc.test'] })
  const server = await startTls({ host: '::1', chainPem, keyPem, ca: root.certPem, requestCert: true, greeting: '220 hello\r\n' })
  t.teardown(server.close)
  t.equal(server.host, '::1')
  const mine = await root.issue({ names: ['me.test'] })
  const socket = connect({ ...server, ca: root.certPem, servername: 'svc.test', cert: mine.chainPem, key: mine.keyPem })
  t.equal(String((await once(socket, 'data'))[0]), '220 hello\r\n')
  socket.destroy()
  const stranger = connect({ ...server, ca: root.certPem, servername: 'svc.test' }).resume()
  const [error] = await once(stranger, 'close')
    .then(() => [undefined])
    .catch(error => [error])
  t.match(error?.code ?? 'closed', /CERTIFICATE_REQUIRED|closed/)
})

t.test('close destroys what is open', async t => {
  for (const name of ['healthy', 'refuses unknown SNI'] as const) {
    const server = await tlsServers[name]({ authority: root })
    const socket = connect({ ...server, ca: root.certPem, servername: 'svc.test' }).on('error', () => {})
    await once(socket, 'secureConnect')
    t.equal(server.open(), 1)
    const gone = once(socket, 'close')
    await server.close()
    await gone
    t.equal(server.open(), 0)
  }
})

t.test('connections that clients close are no longer counted as open', async t => {
  for (const name of ['healthy', 'refuses unknown SNI'] as const) {
    const server = await startVariant(t, name)
    for (let i = 0; i < 5; i++) await shake(server)
    for (const deadline = Date.now() + 5000; server.open() > 0 && Date.now() < deadline; )
      await new Promise(resolve => setImmediate(resolve))
    t.equal(server.connections(), 5)
    t.equal(server.open(), 0)
  }
})
