import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import fastify from 'fastify'
import t from 'tap'
import { openSse, type Sse, type SseOptions } from '../../../controller/web/sse.ts'

/** A server with one stream, and a client that reads only when it is told to. */
const openOne = async (t: Test, options: SseOptions) => {
  const app = fastify()
  const { promise: opened, resolve } = Promise.withResolvers<Sse>()
  app.get('/', (_request, reply) => resolve(openSse(reply, options)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(async () => {
    client.destroy()
    await app.close()
  })
  client.pause()
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  return { client, sse: await opened }
}
type Test = { teardown(after: () => Promise<void>): void }

t.test('a reader that does not read is let go: at once when too much waits, else after a heartbeat', async t => {
  const big = 'x'.repeat(2 ** 20)
  const limited = await openOne(t, { heartbeatMs: 60_000, maxWaitingBytes: 4 * 2 ** 20 })
  let sent = 0
  while (limited.sse.send({ data: big })) sent++
  t.ok(sent >= 3 && sent < 100, `${sent} MiB`)
  await limited.sse.closed
  t.notOk(limited.sse.isOpen)
  const slow = await openOne(t, { heartbeatMs: 20, maxWaitingBytes: 2 ** 30 })
  // More than the kernel keeps for both of them.
  for (let mib = 0; mib < 64; mib++) slow.sse.send({ data: big })
  await slow.sse.closed
  t.equal(slow.sse.send({ data: 'more' }), false)
})

t.test('a reader that reads is told all, is kept alive, and hears the last word', async t => {
  const { client, sse } = await openOne(t, { heartbeatMs: 5 })
  let text = ''
  client.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  client.resume()
  while (!text.includes(':\n\n')) await once(client, 'data')
  sse.send({ id: '7', event: 'assignment', data: '{}' })
  sse.end({ event: 'drain', data: '{"afterMs":1}' })
  await once(client, 'end')
  t.match(text, /HTTP\/1.1 200 OK\r\ncontent-type: text\/event-stream\r\nconnection: close\r\ncache-control: no-store, no-transform/)
  t.match(text, 'id: 7\nevent: assignment\ndata: {}\n\n')
  t.match(text, 'event: drain\ndata: {"afterMs":1}\n\n')
})
