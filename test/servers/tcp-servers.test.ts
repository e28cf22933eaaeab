import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { parseServerName, readFirstRecord } from './client-hello.ts'
import type { Listening } from './listening.ts'
import { startDribbling, type TcpVariant, tcpServers } from './tcp-servers.ts'

async function client(t: Test, name: TcpVariant) {
  const server = await tcpServers[name]()
  t.teardown(server.close)
  return { server, ...(await meet(t, server)) }
}

async function meet(t: Test, server: Listening) {
  const socket = connectTcp(server.port, server.host)
  t.teardown(() => socket.destroy())
  let bytes = Buffer.alloc(0)
  let code: string | undefined
  socket.on('data', chunk => (bytes = Buffer.concat([bytes, chunk])))
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code))
  const closed = new Promise(resolve => socket.once('close', resolve)).then(() => ({ code, bytes }))
  await Promise.race([new Promise(resolve => socket.once('connect', resolve)), closed])
  const seen = async (text: string) => {
    while (!bytes.includes(text)) await once(socket, 'data')
  }
  return { socket, closed, seen, read: () => bytes }
}

/** What a TLS client makes of a server: the code of its error. */
async function tlsError(server: Listening): Promise<string | undefined> {
  const socket = connectTls({ host: server.host, port: server.port, servername: 'svc.test', rejectUnauthorized: false })
  const [error] = (await once(socket, 'error').catch(error => [error])) as [NodeJS.ErrnoException]
  socket.destroy()
  return error.code
}

t.test('the silent ones accept and never answer', async t => {
  for (const name of ['accepts and says nothing', 'sink'] as const) {
    const { socket, server, read, closed } = await client(t, name)
    await new Promise<void>(resolve => socket.write('hello', () => resolve()))
    t.equal(read().length, 0)
    t.equal(server.connections(), 1)
    t.equal(server.open(), 1)
    await server.close()
    t.equal((await closed).bytes.length, 0)
    t.equal(server.open(), 0)
  }
})

t.test('a sink reads everything, a hung process does not', async t => {
  const sink = await client(t, 'sink')
  sink.socket.end(Buffer.alloc(32 * 1024 * 1024))
  t.same(await sink.closed, { code: undefined, bytes: Buffer.alloc(0) })
  const hung = await client(t, 'accepts and says nothing')
  hung.socket.write(Buffer.alloc(32 * 1024 * 1024))
  await new Promise(resolve => setImmediate(resolve))
  t.ok(hung.socket.writableLength > 0, 'the rest waits at the client')
})

t.test('garbage is no TLS', async t => {
  const { server } = await client(t, 'sends garbage')
  t.equal(await tlsError(server), 'ERR_SSL_WRONG_VERSION_NUMBER')
})

t.test('endless garbage comes as long as the client reads, up to 64 MB', async t => {
  const server = await tcpServers['endless garbage']()
  t.teardown(server.close)
  const socket = connectTcp(server.port, server.host)
  let bytes = 0
  for await (const chunk of socket) bytes += (chunk as Buffer).length
  t.equal(bytes, 64 * 1024 * 1024)
  t.equal(await tlsError(server), 'ERR_SSL_WRONG_VERSION_NUMBER')
})

t.test('a close is a FIN and a reset is an RST', async t => {
  t.equal((await (await client(t, 'closes at once')).closed).code, undefined)
  t.equal((await (await client(t, 'resets at once')).closed).code, 'ECONNRESET')
})

t.test('a close after the ClientHello comes after it and not before', async t => {
  const { server, socket, closed } = await client(t, 'closes after the ClientHello')
  const whole = Buffer.from('160301000401000000', 'hex')
  socket.write(whole.subarray(0, -1))
  const other = await meet(t, server)
  other.socket.write(whole)
  t.same(await other.closed, { code: undefined, bytes: Buffer.alloc(0) })
  t.equal(socket.readyState, 'open', 'the one that has not said everything yet')
  socket.write(whole.subarray(-1))
  t.same(await closed, { code: undefined, bytes: Buffer.alloc(0) })
  t.equal(await tlsError(server), 'ECONNRESET', "Node's word for a FIN before the handshake is over")
})

t.test('a reset in the middle comes after some bytes of a ServerHello', async t => {
  const { server, socket, closed } = await client(t, 'resets in the middle of the handshake')
  socket.write(Buffer.from('160301000101', 'hex'))
  const { code, bytes } = await closed
  t.equal(code, 'ECONNRESET')
  t.equal(bytes.toString('hex'), '160303400002003ffc0303')
  t.equal(await tlsError(server), 'ECONNRESET')
})

t.test('one byte at a time starts a ServerHello', async t => {
  const server = await startDribbling(5)
  t.teardown(server.close)
  const { seen, read } = await meet(t, server)
  await seen('\x02')
  t.ok(read().toString('hex').startsWith('160303400002'))
  const slow = await client(t, 'one byte a second')
  await once(slow.socket, 'data')
  t.equal(slow.read().toString('hex'), '16')
})

t.test('plaintext services speak plaintext', async t => {
  const http = await client(t, 'plaintext http')
  t.equal(await tlsError(http.server), 'ERR_SSL_WRONG_VERSION_NUMBER')
  http.socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match((await http.closed).bytes.toString(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*hello\n/)

  const smtp = await client(t, 'smtp greeting')
  t.equal(await tlsError(smtp.server), 'ERR_SSL_WRONG_VERSION_NUMBER')
  await smtp.seen('220 mail.test')
  smtp.socket.write('EHLO me\r\n')
  await smtp.seen('250 STARTTLS')
  smtp.socket.write('QUIT\r\n')
  t.match((await smtp.closed).bytes.toString(), /221 2\.0\.0 bye\r\n$/)

  const echo = await client(t, 'echo')
  echo.socket.write('there and back')
  await echo.seen('there and back')
})

t.test('IPv6 and a port of choice', async t => {
  const first = await tcpServers.sink({ host: '::1' })
  t.equal(first.host, '::1')
  await t.rejects(tcpServers.sink({ host: '::1', port: first.port }), { code: 'EADDRINUSE' })
  await first.close()
  const second = await tcpServers.sink({ host: '::1', port: first.port })
  t.equal(second.port, first.port)
  await second.close()
  await second.close()
})

t.test('the server name is found in a ClientHello, however it is cut', async t => {
  const server = await tcpServers.sink()
  t.teardown(server.close)
  const reader = createServer().listen(0, '127.0.0.1')
  t.teardown(() => reader.close())
  await once(reader, 'listening')
  const { port } = reader.address() as { port: number }
  for (const servername of ['svc.test', '']) {
    const socket = connectTls({ port, host: '127.0.0.1', servername }).on('error', () => {})
    const [accepted] = await once(reader, 'connection')
    const record = await new Promise<Buffer>(resolve => readFirstRecord(accepted, resolve))
    socket.destroy()
    accepted.destroy()
    t.equal(parseServerName(record), servername || undefined)
    for (let size = 0; size < record.length; size++) parseServerName(record.subarray(0, size))
  }
})
