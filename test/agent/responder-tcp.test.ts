import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type ResponderOptions, startResponder } from '../../agent/responder/responder.ts'
import { buildFrame, frameTypes, helloBytes, mostReportBytes, readFrame } from '../../wire/responder.ts'
import { readReport, readWelcome } from '../../wire/responder-read.ts'

const ports = { tcp: 0, tls: null, mtls: null, udp: null }

const start = async (t: Test, options: Partial<ResponderOptions> = {}) => {
  const responder = await startResponder({ agentId: 'agent-1', bind: ['127.0.0.1', '::1'], ports, ...options })
  t.teardown(() => responder.close())
  const dial = async (host = '127.0.0.1', localAddress?: string): Promise<Socket> => {
    const socket = connect({ port: responder.ports.tcp!, host, localAddress, allowHalfOpen: true })
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { responder, dial }
}

/** Resolves when the other side has ended the connection, whichever way. */
const ended = (socket: Socket): Promise<void> =>
  new Promise(resolve => {
    socket.once('end', () => resolve())
    socket.once('close', () => resolve())
    if (socket.closed || socket.readableEnded) resolve()
  })

/** All that comes back until the other side ends. */
const readAll = async (socket: Socket): Promise<Buffer> => {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  await ended(socket)
  return Buffer.concat(pieces)
}

const hello = (payloadBytes: number, wantBytes?: number): Buffer =>
  buildFrame('hello', { payloadBytes, ...(wantBytes === undefined ? {} : { wantBytes }) }, helloBytes)

for (const host of ['127.0.0.1', '::1'])
  t.test(`${host}: a transfer is answered with who we are, as many bytes, and what our kernel counted`, async t => {
    const { responder, dial } = await start(t)
    const socket = await dial(host)
    const port = socket.localPort!
    socket.write(Buffer.concat([hello(300_000), Buffer.alloc(300_000)]))
    const all = await readAll(socket)
    const first = readFrame(all)
    if (first.kind !== 'frame') return t.fail(first.kind)
    t.equal(first.type, frameTypes.welcome)
    t.match(readWelcome(first.body), { agentId: 'agent-1', source: { address: host, port }, ttl: 64, svid: null })
    t.ok(readWelcome(first.body)!.mss! > 1000)
    const last = readFrame(all.subarray(first.bytes + 300_000))
    if (last.kind !== 'frame') return t.fail(last.kind)
    t.equal(last.bytes, mostReportBytes)
    t.match(readReport(last.body), { receivedBytes: 300_000, sentBytes: 300_000, slowed: false })
    t.ok(readReport(last.body).tcp!.segmentsOut > 4)
    t.ok(all.length <= helloBytes + 300_000)
    t.match(responder.stats(), { transfers: 1, echoes: 0, bytesReceived: helloBytes + 300_000, bytesSent: all.length })
  })

t.test('whoever says no hello is echoed', async t => {
  const { responder, dial } = await start(t)
  for (const text of ['GET / HTTP/1.1\r\n\r\n', 'C', 'CSWX', `CSWY\x01\x01\x00\x08`, 'CSWY\x01\x01\x00\x10not json']) {
    const socket = await dial()
    socket.end(text)
    // `C` may become a hello until it ends.
    t.equal((await readAll(socket)).toString(), text === 'C' ? '' : text)
  }
  t.equal(responder.stats().transfers, 0)
})

t.test('nobody gets more back than they sent, whatever they send and ask for', async t => {
  const { dial } = await start(t, { limits: { connects: 1e6, connectsPerSource: 1e6, idleMs: 150 } })
  const asked = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }).map(bytes => Buffer.from(bytes)),
    fc
      .record({ payload: fc.nat(200_000), want: fc.option(fc.nat(100_000_000), { nil: undefined }), cut: fc.nat(204_096) })
      .map(({ payload, want, cut }) => Buffer.concat([hello(payload, want), Buffer.alloc(payload)]).subarray(0, cut)),
    fc.tuple(fc.nat(8), fc.json({ maxDepth: 2 }), fc.nat(4096)).map(([type, text, bytes]) => {
      const frame = Buffer.alloc(Math.max(bytes, 8 + Buffer.byteLength(text)), ' ')
      frame.write('CSWY\x01', 'latin1')
      frame[5] = type
      frame.writeUInt16BE(frame.length, 6)
      frame.write(text, 8)
      return frame
    }),
  )
  await fc.assert(
    fc.asyncProperty(asked, async data => {
      const socket = await dial()
      socket.end(data)
      const back = await readAll(socket)
      socket.destroy()
      if (back.length > data.length) throw new Error(`${back.length} bytes for ${data.length}`)
    }),
    { numRuns: 60 },
  )
})

t.test('a wish for more than was sent is not granted to strangers', async t => {
  const { dial } = await start(t)
  const socket = await dial()
  socket.write(Buffer.concat([hello(10_000, 50_000_000), Buffer.alloc(10_000)]))
  const all = await readAll(socket)
  t.ok(all.length <= helloBytes + 10_000, `${all.length} bytes`)
})

t.test('half-open and silent connections end by themselves, and leave room', async t => {
  const { responder, dial } = await start(t, { limits: { idleMs: 100, connectionsPerSource: 5 } })
  const silent = await Promise.all(Array.from({ length: 5 }, () => dial()))
  const sixth = await dial()
  await ended(sixth)
  t.equal(responder.stats().connectionsRefused, 1)
  const other = await dial('127.0.0.1', '127.0.0.9')
  other.end('hello?')
  t.equal((await readAll(other)).toString(), 'hello?', 'another source is let in')
  await Promise.all(silent.map(ended))
  t.ok(responder.stats().connectionsTimedOut >= 5)
  const again = await dial()
  again.end('and now?')
  t.equal((await readAll(again)).toString(), 'and now?')
})

t.test('a caller that sends a byte now and then is not kept for ever', async t => {
  const { responder, dial } = await start(t, { limits: { idleMs: 60_000, totalMs: 200 } })
  const socket = await dial()
  const timer = setInterval(() => socket.write('x'), 20)
  socket.resume()
  await ended(socket)
  clearInterval(timer)
  t.equal(responder.stats().connectionsTimedOut, 1)
})

t.test('a caller that does not read what it gets back is not read from for ever', async t => {
  const { responder, dial } = await start(t, { limits: { idleMs: 200 } })
  const socket = await dial()
  socket.write(Buffer.alloc(30_000_000, 'x'))
  await ended(socket)
  const { bytesReceived } = responder.stats()
  t.ok(bytesReceived < 30_000_000, `${bytesReceived} bytes read`)
})

t.test('connections have a rate, for a source and for all', async t => {
  const { responder, dial } = await start(t, { limits: { connectsPerSource: 3, connects: 5 } })
  const results = await Promise.all(
    [1, 1, 1, 1, 1, 2, 2, 2].map(async last => {
      const socket = await dial('127.0.0.1', `127.0.0.${last + 10}`)
      socket.end('x')
      return (await readAll(socket)).toString()
    }),
  )
  t.equal(results.filter(Boolean).length, 5)
  t.equal(responder.stats().connectionsRefused, 3)
})

t.test('a transfer over the byte rate is slowed down, and the report says so', async t => {
  const { dial } = await start(t, { limits: { bytesPerSource: 1_000_000 } })
  const socket = await dial()
  const startMs = performance.now()
  socket.write(Buffer.concat([hello(1_300_000), Buffer.alloc(1_300_000)]))
  const all = await readAll(socket)
  t.ok(performance.now() - startMs >= 150, `${performance.now() - startMs} ms for 300 kB over what was there, at 1 MB/s`)
  const report = readFrame(all.subarray(-mostReportBytes))
  t.match(report.kind === 'frame' && readReport(report.body), { slowed: true, receivedBytes: 1_300_000 })
})

t.test('a payload over the cap, or longer than announced, ends the conversation', async t => {
  const { dial } = await start(t, { limits: { payloadBytes: 10_000 } })
  for (const data of [Buffer.concat([hello(20_000), Buffer.alloc(20_000)]), Buffer.concat([hello(10), Buffer.alloc(1000)])]) {
    const socket = await dial()
    socket.write(data)
    const all = await readAll(socket)
    t.notOk(all.includes('receivedBytes'), 'no report')
  }
})

t.test('closing ends what is open', async t => {
  const { responder, dial } = await start(t)
  const socket = await dial()
  socket.resume()
  await Promise.all([ended(socket), responder.close()])
  t.equal(responder.stats().openConnections, 0)
})
