import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { optionBytes, tcpInfo } from '../../../probes/net/tcp-info.ts'
import { closeFd, connectOnly, type DialOptions, dial, holdInfo, infoOf } from '../../../probes/net/tcp-socket.ts'
import { listen } from '../../servers/listening.ts'
import { tcpServers } from '../../servers/tcp-servers.ts'
import { startFullBacklog } from '../full-backlog.ts'
import { leaked, openHandles } from '../handles.ts'
import { started } from '../targets.ts'

const never = new AbortController().signal
const to = ({ host, port }: { host: string; port: number }, more: Partial<DialOptions> = {}): DialOptions => ({
  address: host,
  port,
  family: host.includes(':') ? 6 : 4,
  ...more,
})

/** Both ways to connect, each ending with nothing open. */
const ways: [name: string, connect: (o: DialOptions, signal?: AbortSignal) => Promise<void>][] = [
  ['a stream', async (o, signal = never) => void (await dial(o, signal)).destroy()],
  ['a bare connect', async (o, signal = never) => closeFd((await connectOnly(o, signal)).fd)],
]

async function closedPort(t: Test, host: string): Promise<{ host: string; port: number }> {
  const server = await started(t, tcpServers.sink({ host }))
  await server.close()
  return server
}

for (const [name, connect] of ways) {
  for (const host of ['127.0.0.1', '::1']) {
    t.test(`${name} to ${host}: connects, is refused, is stopped, and leaves nothing`, async t => {
      const server = await started(t, tcpServers.sink({ host }))
      const closed = await closedPort(t, host)
      const silent = await started(t, startFullBacklog(host))
      const before = openHandles()
      await connect(to(server))
      await t.rejects(connect(to(closed)), { code: 'ECONNREFUSED' })
      await t.rejects(connect(to(server), AbortSignal.abort()), { code: 'ABORT_ERR' })
      const start = performance.now()
      await t.rejects(connect(to(silent), AbortSignal.timeout(30)), { code: 'ABORT_ERR' })
      t.ok(performance.now() - start < 500)
      t.same(await leaked(before), [])
    })
  }

  const bad: [what: string, more: Partial<DialOptions>, code: string][] = [
    ['port 0', { port: 0 }, 'ERR_SOCKET_BAD_PORT'],
    ['port 70000', { port: 70_000 }, 'ERR_SOCKET_BAD_PORT'],
    ['port -1', { port: -1 }, 'ERR_SOCKET_BAD_PORT'],
    ['a port and a half', { port: 1.5 }, 'ERR_SOCKET_BAD_PORT'],
    ['no port', { port: undefined as unknown as number }, 'ERR_SOCKET_BAD_PORT'],
    ['a name in place of an address', { address: 'localhost' }, 'EINVAL'],
    ['no address', { address: '' }, 'EINVAL'],
    ['a source that is no address', { source: 'nonsense' }, 'EINVAL'],
    ['a source of the other family', { source: '::1' }, 'EAFNOSUPPORT'],
    ['a source of another machine', { source: '198.51.100.7' }, 'EADDRNOTAVAIL'],
    ['an address of the other family', { address: '::1' }, 'EAFNOSUPPORT'],
  ]
  t.test(`${name}: what can't be dialled is an error, and no socket is left`, async t => {
    const before = openHandles()
    for (const [what, more, code] of bad) await t.rejects(connect(to({ host: '127.0.0.1', port: 9 }, more)), { code }, what)
    t.same(await leaked(before), [])
  })

  t.test(`${name}: two hundred at once, half of them stopped, leave nothing`, async t => {
    const server = await started(t, tcpServers.sink())
    const silent = await started(t, startFullBacklog())
    const before = openHandles()
    const stop = new AbortController()
    const all = Array.from({ length: 200 }, (_, i) =>
      connect(to(i % 2 ? silent : server), stop.signal).then(
        () => 'up',
        (error: { code: string }) => error.code,
      ),
    )
    const up = await Promise.all(all.filter((_, i) => i % 2 === 0))
    stop.abort()
    const stopped = await Promise.all(all.filter((_, i) => i % 2 === 1))
    t.ok(up.every(end => end === 'up'))
    t.ok(stopped.every(end => end === 'ABORT_ERR'))
    for (const deadline = performance.now() + 2000; server.open() > 0 && performance.now() < deadline; )
      await new Promise(resolve => setImmediate(resolve))
    t.same(await leaked(before), [])
  })
}

t.test('the MSS asked for is the MSS that both sides keep', async t => {
  const sizes: number[] = []
  const server = await started(
    t,
    listen(
      createServer((socket: Socket) => {
        const info = infoOf(socket)
        if (info) sizes.push(info.sndMss + optionBytes(info))
      }),
    ),
  )
  for (const mss of [88, 536, 1220, 1340, 1460, 9000]) {
    const { fd, info } = await connectOnly(to(server, { mss }), never)
    t.equal(info.advMss + optionBytes(info), mss)
    t.equal(info.sndMss + optionBytes(info), mss)
    closeFd(fd)
    const socket = await dial(to(server, { mss }), never)
    const seen = infoOf(socket)!
    t.equal(seen.advMss + optionBytes(seen), mss)
    socket.destroy()
  }
  for (const deadline = performance.now() + 2000; sizes.length < 12 && performance.now() < deadline; )
    await new Promise(resolve => setImmediate(resolve))
  t.same([...new Set(sizes)], [88, 536, 1220, 1340, 1460, 9000], 'and what the peer saw')
})

t.test('the source asked for is the one that the peer sees', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  for (const [, connect] of ways) {
    const accepted = once(server, 'connection')
    await connect(to({ host: '127.0.0.1', port }, { source: '127.0.0.42' }))
    const [socket] = (await accepted) as [Socket]
    t.equal(socket.remoteAddress, '127.0.0.42')
    socket.destroy()
  }
})

t.test('TCP_INFO that is held can be read after the stream is gone, and is let go', async t => {
  const server = await started(t, tcpServers.sink())
  const before = openHandles()
  const socket = await dial(to(server), never)
  const info = holdInfo(socket)
  socket.destroy()
  await once(socket, 'close')
  t.equal(infoOf(socket), undefined)
  t.match(info.read(), { state: Number, rttMs: Number })
  info.release()
  t.same(await leaked(before), [])
  t.equal(holdInfo(socket).read(), undefined, 'nothing to hold any more')
})

t.test('a bare connect brings what the kernel measured', async t => {
  const server = await started(t, tcpServers.sink())
  const { fd, info } = await connectOnly(to(server), never)
  t.ok(info.rttMs > 0 && info.rttMs < 1000)
  t.match(info, { state: 1, totalRetransmits: 0, bytesReceived: 0 })
  t.match(tcpInfo(fd), { state: 1 })
  closeFd(fd)
})
