import { createServer } from 'node:http'
import t from 'tap'
import { listen } from '../../servers/listening.ts'
import { eventText, openStream, problem, startFakeController, until } from './fake-controller.ts'
import { follower } from './following.ts'

const assignment = (revision: string): object => ({ revision, generation: 1, targets: [], checks: [] })

t.test('events arrive; what is unknown is passed over; the next stream says what runs', async t => {
  const controller = await startFakeController(t)
  const one = follower(t, controller.url, { revision: 'r1' })
  await until(() => controller.streams.size === 1)
  t.match(controller.asked.stream[0]!.headers, { authorization: 'Bearer credential-0', 'last-event-id': 'r1', accept: 'text/event-stream' })
  controller.say('moon', { full: true })
  controller.say('assignment', assignment('r2'), 'r2')
  controller.say('message', 'no JSON')
  controller.say('run', { id: '1' })
  await until(() => one.runs.length === 1)
  t.same(
    one.assignments.map(text => JSON.parse(text)),
    [assignment('r2')],
  )
  t.match(
    one.said.map(({ message }) => message),
    ['enrolled', 'listens to the controller'],
  )
})

t.test('a controller that falls silent is dialled anew, and heartbeats keep one that has nothing to say', async t => {
  const controller = await startFakeController(t, { heartbeatMs: 50 })
  const one = follower(t, controller.url, { silenceMs: 1_000 })
  await until(() => controller.streams.size === 1)
  const startMs = performance.now()
  await until(() => performance.now() - startMs > 2_500)
  t.equal(controller.asked.stream.length, 1)
  controller.on.stream = (_asked, response, nth) => {
    openStream(response)
    if (nth > 2) response.write(eventText('assignment', assignment('late')))
  }
  for (const stream of controller.streams) stream.destroy()
  await until(() => one.assignments.length === 1)
  t.ok(performance.now() - startMs > 3_000, 'each silence was waited out')
})

t.test('whatever becomes of a stream, there is another', async t => {
  const controller = await startFakeController(t)
  controller.on.stream = ({ request }, response, nth) => {
    if (nth === 0) request.socket.resetAndDestroy()
    else if (nth === 1) {
      openStream(response)
      response.write(eventText('assignment', assignment('half')).slice(0, 40), () => request.socket.resetAndDestroy())
    } else if (nth === 2) {
      openStream(response)
      response.write('event: assignment\ndata: {"half":', () => response.end())
    } else if (nth === 3) response.writeHead(200, { 'content-type': 'text/event-stream' }).end(Buffer.alloc(100_000, 0x80))
    else if (nth === 4) problem(response, 503, 'starting', { 'retry-after': '0' })
    else if (nth === 5) problem(response, 429, 'too many', { 'retry-after': '0' })
    else if (nth === 6) response.writeHead(302, { location: 'http://192.0.2.1/' }).end()
    else if (nth === 7) problem(response, 500, 'a fault')
    else {
      openStream(response)
      response.write(eventText('assignment', assignment('whole')))
    }
  }
  const one = follower(t, controller.url)
  await until(() => one.assignments.length === 1)
  t.match(JSON.parse(one.assignments[0]!), { revision: 'whole' })
  t.equal(controller.asked.stream.length, 9)
  t.equal(controller.asked.enrol.length, 1, 'with the same credential')
})

t.test('an event of 100 MB is cut off long before, and costs no memory', async t => {
  const controller = await startFakeController(t)
  let sentBytes = 0
  controller.on.stream = (_asked, response, nth) => {
    openStream(response)
    if (nth > 0) return void response.write(eventText('assignment', assignment('after')))
    const chunk = Buffer.alloc(2 ** 20, 'x')
    response.write('data: ')
    const more = (): void => {
      if (response.destroyed || sentBytes >= 100 * 2 ** 20) return
      sentBytes += chunk.length
      response.write(chunk, more)
    }
    more()
  }
  const one = follower(t, controller.url)
  await until(() => one.assignments.length === 1)
  t.ok(sentBytes < 64 * 2 ** 20, `${sentBytes} bytes were sent`)
  t.match(one.said, [{}, {}, { level: 'warn', facts: { problem: /an event of more than 16777216 bytes/ } }])
})

t.test('a credential that is refused is replaced, and then it goes on; a ban is said once', async t => {
  const controller = await startFakeController(t)
  controller.on.stream = ({ headers }, response) => {
    if (headers.authorization === 'Bearer credential-0') return problem(response, 401, 'credential_unknown: replaced')
    openStream(response)
    response.write(eventText('assignment', assignment('x')))
  }
  const one = follower(t, controller.url)
  await until(() => one.assignments.length === 1)
  t.equal(controller.asked.enrol.length, 2)

  const strict = await startFakeController(t)
  strict.on.stream = (_asked, response) => problem(response, 401, 'credential_unknown: banned')
  strict.on.enrol = undefined
  strict.on.renew = (_asked, response) => problem(response, 401, 'credential_unknown: banned')
  const banned = follower(t, strict.url, { random: 0.0005 })
  await until(() => strict.asked.enrol.length > 0)
  strict.on.enrol = (_asked, response) => problem(response, 403, 'banned: by ann')
  await until(() => strict.asked.enrol.length >= 4)
  t.equal(banned.said.filter(({ level }) => level === 'error').length, 1)
})

t.test('a controller that ends says when to come back', async t => {
  const controller = await startFakeController(t)
  const one = follower(t, controller.url)
  await until(() => controller.streams.size === 1)
  const startMs = performance.now()
  controller.say('drain', { afterMs: 700, why: 'unknown' })
  await until(() => controller.asked.stream.length === 2)
  t.ok(performance.now() - startMs >= 695)
  controller.say('drain', 'garbage')
  await until(() => controller.asked.stream.length === 3)
  t.equal(one.said.filter(({ level }) => level !== 'info').length, 0, 'which is nothing to warn of')
})

t.test('where streams do not come through it asks, and says so once', async t => {
  const controller = await startFakeController(t)
  // A proxy that holds back what is not whole.
  controller.on.stream = (_asked, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  controller.on.poll = (_asked, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(assignment('polled')))
  const one = follower(t, controller.url, { silenceMs: 150, revision: 'r0' })
  await until(() => one.assignments.length === 1)
  t.equal(controller.asked.stream.length, 3)
  t.match(controller.asked.poll[0]!.headers, { authorization: /^Bearer /, 'if-none-match': '"r0"' })
  t.match(JSON.parse(one.assignments[0]!), { revision: 'polled' })
  t.equal(one.said.filter(({ message }) => message.includes('no stream comes through')).length, 1)
})

t.test('a server that accepts and never answers, and one that is no controller', async t => {
  const silent = await listen(createServer(() => {}))
  t.teardown(silent.close)
  const html = await startFakeController(t)
  html.on.stream = (_asked, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello')
  const one = follower(t, html.url)
  await until(() => one.said.some(({ facts }) => /text\/html, which is no stream/.test(String(facts['problem']))))
  t.ok(one.membership.now(), 'nothing is wrong with who we are')
})

t.test('the controller goes and comes back; what it says then arrives', async t => {
  const first = await startFakeController(t)
  const one = follower(t, first.url)
  await until(() => first.streams.size === 1)
  await first.close()
  await until(() => one.said.some(({ message }) => message.startsWith('the controller is away')))
  const second = await startFakeController(t, { port: first.port })
  await until(() => second.streams.size === 1)
  second.say('assignment', assignment('new'))
  await until(() => one.assignments.length === 1)
  t.equal(second.asked.enrol.length, 0, 'with the credential that it had')
  t.match(
    one.said.map(({ message }) => message),
    ['enrolled', 'listens to the controller', /is away/, 'listens to the controller'],
  )
})

t.test('ending it leaves nothing open', async t => {
  const controller = await startFakeController(t)
  const one = follower(t, controller.url)
  await until(() => controller.streams.size === 1)
  await one.end()
  await until(() => controller.streams.size === 0)
  t.pass()
})
