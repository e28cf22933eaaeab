import { once } from 'node:events'
import type net from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { inPieces } from '../../../probes/net/in-pieces.ts'
import { dial, infoOf } from '../../../probes/net/tcp-socket.ts'
import { type TcpVariant, tcpServers } from '../../servers/tcp-servers.ts'
import { started } from '../targets.ts'

const never = new AbortController().signal

async function connectTo(t: Test, variant: TcpVariant): Promise<net.Socket> {
  const server = await started(t, tcpServers[variant]())
  const socket = await dial({ address: server.host, family: 4, port: server.port }, never)
  t.teardown(() => socket.destroy())
  return socket
}

t.test('every piece is a segment of its own', async t => {
  const socket = await connectTo(t, 'echo')
  const stream = inPieces(socket, 400)
  stream.write(Buffer.alloc(1541, 7))
  let back = 0
  for await (const chunk of stream) if ((back += chunk.length) === 1541) break
  const info = infoOf(socket)
  t.ok(info === undefined || info.dataSegmentsOut >= 4, `${info?.dataSegmentsOut} segments`)
})

t.test('whatever is written in whatever pieces comes back whole and in order', async t => {
  const socket = await connectTo(t, 'echo')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 2000 }),
      async (writes, piece) => {
        const own = await dial({ address: '127.0.0.1', family: 4, port: socket.remotePort! }, never)
        const stream = inPieces(own, piece)
        for (const bytes of writes) stream.write(Buffer.from(bytes))
        stream.end()
        const back = []
        for await (const chunk of stream) back.push(chunk as Buffer)
        return Buffer.concat(back).equals(Buffer.concat(writes))
      },
    ),
    { numRuns: 30 },
  )
})

t.test('a reader that falls behind holds the socket back', async t => {
  const socket = await connectTo(t, 'endless garbage')
  const stream = inPieces(socket, 400)
  stream.read(0)
  while (!socket.isPaused()) await new Promise(resolve => setImmediate(resolve))
  t.ok(stream.readableLength < 1 << 20, `${stream.readableLength} bytes wait`)
  stream.destroy()
})

t.test('the end of one is the end of the other', async t => {
  const ended = inPieces(await connectTo(t, 'closes at once'), 10)
  ended.resume()
  await once(ended, 'end')
  const reset = inPieces(await connectTo(t, 'resets in the middle of the handshake'), 10)
  reset.resume().write(Buffer.from('160301000101', 'hex'))
  const [error] = (await once(reset, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNRESET')
  t.ok(reset.destroyed)
  const socket = await connectTo(t, 'sink')
  const stream = inPieces(socket, 10)
  stream.destroy()
  await once(socket, 'close')
  t.ok(socket.destroyed)
})
