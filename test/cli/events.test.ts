/** `probe get events` against a server that streams, is cut off, and comes back. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { readEventStream } from '../../cli/event-stream.ts'
import { main } from '../../cli/main.ts'
import { worldOf } from './canned.ts'

const event = (id: number) => ({
  id,
  at: '2026-11-22T08:00:00.000Z',
  kind: 'agent_cordoned',
  subject: `vm-${id}`,
  body: { author: 'ops', reason: 'a\u001b[2J' },
})
const written = (id: number): string => `id: ${id}\ndata: ${JSON.stringify(event(id))}\n\n`

t.test('each event is told once, also when the stream was cut off in between', async t => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': nothing yet\n\n')
    if (asked.length === 1) response.end(`${written(4)}${written(5)}`)
    else response.write(`${written(5)}${written(6)}`)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.closeAllConnections())
  t.teardown(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { promise, resolve } = Promise.withResolvers<void>()
  const env = { LANG: 'C.UTF-8', HOME: '/nonexistent', CAUSEWAY_CONTROLLER: url, CAUSEWAY_TOKEN: 'cwp_x' }
  const world = worldOf(env, {}, text => {
    if (text.includes('vm-6')) resolve()
  })
  const ended = main(['get', 'events', '--kind', 'agent_cordoned', '--after', '3'], world)
  await promise
  world.send('SIGINT')
  t.equal(await ended, 0)
  t.same(asked, ['/v1/events?kind=agent_cordoned&after=3', '/v1/events?kind=agent_cordoned&after=5'])
  t.same(
    world
      .out()
      .trim()
      .split('\n')
      .map(line => line.split('  ')[2]),
    ['vm-4', 'vm-5', 'vm-6'],
  )
  t.match(world.out(), '2026-11-22T08:00:00.000Z  agent_cordoned  vm-4  author=ops reason=a\\x1b[2J')
})

t.test('a stream is read the same in whatever pieces it comes', t => {
  const text = `retry: 5\nid: 1\nevent: x\ndata: a\r\ndata: b\n\n: beat\n\n${written(7)}data\n\n`
  const whole = readEventStream()(text)
  t.same(whole, [{ id: '1', event: 'x', data: 'a\nb' }, { id: '7', data: JSON.stringify(event(7)) }, { data: '' }])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 8 }), cuts => {
      const read = readEventStream()
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length].filter(place => text.slice(place - 1, place + 1) !== '\r\n')
      const pieces = places.slice(1).map((end, index) => text.slice(places[index], end))
      t.strictSame(pieces.flatMap(read), whole)
    }),
  )
  t.end()
})
