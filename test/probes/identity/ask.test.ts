/** Which connection a question goes over: one of its own, or that of the answer which led to it. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { allowAll } from '../../../probes/allow.ts'
import { createAsk, type Question } from '../../../probes/identity/ask.ts'

const never = new AbortController().signal
const ask = createAsk({ kind: 'federation', timeoutMs: 10_000, allow: allowAll })

/** Says over which of its connections, counted from 1, each path was asked for. */
const startServer = async (t: Test, answer: RequestListener) => {
  const asked: string[] = []
  const numbers = new WeakMap<object, number>()
  let connections = 0
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${numbers.get(request.socket)}`)
    answer(request, response)
  })
  server.on('connection', socket => numbers.set(socket, ++connections))
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return { asked, url: (path: string): URL => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`) }
}

const sayPath: RequestListener = (request, response) => void response.end(request.url)
const onwardTo =
  (url: URL): Question['onward'] =>
  ({ status }) =>
    status === 200 ? { url } : undefined

t.test('what an answer leads to goes over its connection', async t => {
  const { asked, url } = await startServer(t, sayPath)
  t.match(await ask({ url: url('/a'), onward: onwardTo(url('/b')) }, never), { answer: { body: '/a' }, onward: { answer: { body: '/b' } } })
  t.match(await ask({ url: url('/c') }, never), { answer: { body: '/c' } })
  t.same(asked, ['/a 1', '/b 1', '/c 2'], 'and nothing is kept for another question')
})

t.test('a service that ends its connections gets a new one, whether it said so or not', async t => {
  const saying = await startServer(t, (request, response) => void response.setHeader('connection', 'close').end(request.url))
  t.match(await ask({ url: saying.url('/a'), onward: onwardTo(saying.url('/b')) }, never), { onward: { answer: { body: '/b' } } })
  t.same(saying.asked, ['/a 1', '/b 2'])
  let hangUps = 1
  const silent = await startServer(t, (request, response) => {
    if (request.url === '/b' && hangUps-- > 0) request.socket.destroy()
    else response.end(request.url)
  })
  t.match(await ask({ url: silent.url('/a'), onward: onwardTo(silent.url('/b')) }, never), { onward: { answer: { body: '/b' } } })
  t.same(silent.asked, ['/a 1', '/b 1', '/b 2'])
})

t.test('what is of another origin gets a connection of its own, and is judged by the policy first', async t => {
  const [here, there] = [await startServer(t, sayPath), await startServer(t, sayPath)]
  t.match(await ask({ url: here.url('/a'), onward: onwardTo(there.url('/b')) }, never), { onward: { answer: { body: '/b' } } })
  t.same([here.asked, there.asked], [['/a 1'], ['/b 1']])
  const strict = createAsk({
    kind: 'federation',
    timeoutMs: 10_000,
    allow: ({ port }) => (String(port) === there.url('/').port ? 'not there' : undefined),
  })
  t.match(await strict({ url: here.url('/a'), onward: onwardTo(there.url('/b')) }, never), {
    answer: { body: '/a' },
    onward: { outcome: { kind: 'unmeasured', reason: 'target_denied', detail: /not there/ } },
  })
  t.same(there.asked, ['/b 1'])
})

t.test('an answer that leads nowhere, and no answer, end there', async t => {
  const { asked, url } = await startServer(t, (_request, response) => void response.writeHead(404).end())
  const reply = await ask({ url: url('/a'), onward: onwardTo(url('/b')) }, never)
  t.match(reply, { answer: { status: 404 } })
  t.notOk('onward' in reply && reply.onward)
  t.same(asked, ['/a 1'])
  const stop = AbortSignal.abort()
  t.match(await ask({ url: url('/a'), onward: onwardTo(url('/b')) }, stop), { outcome: { kind: 'unmeasured', reason: 'aborted' } })
})
