import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type ResponderOptions, startResponder } from '../../agent/responder/responder.ts'
import { at, datagramTypes } from '../../wire/responder-udp.ts'
import { run, targetOf, word } from './targets.ts'

const ports = { tcp: null, tls: null, mtls: null, udp: 0 }

const start = async (t: Test, options: Partial<ResponderOptions> = {}) => {
  const responder = await startResponder({ agentId: 'agent-1', bind: ['127.0.0.1', '::1'], ports, ...options })
  t.teardown(() => responder.close())
  return responder
}

/** What happens to a datagram on its way: how often it is delivered. `number` counts those of this direction, from 0. */
type Way = (data: Buffer, number: number, port: number) => 0 | 1 | 2
type Path = { forward?: Way; reverse?: Way }

/** A path between the probe and a responder, on one port, that loses and doubles what it is told to; each source port has an outlet of its own. */
const startPath = async (t: Test, responderPort: number, { forward = () => 1, reverse = () => 1 }: Path) => {
  const front = createSocket('udp4')
  const outlets = new Map<number, Socket>()
  let [there, back] = [0, 0]
  const outletOf = (from: RemoteInfo): Socket => {
    const known = outlets.get(from.port)
    if (known) return known
    const outlet = createSocket('udp4').on('message', data => {
      for (let i = reverse(data, back++, from.port); i > 0; i--) front.send(data, from.port, from.address)
    })
    outlet.on('error', () => {})
    outlets.set(from.port, outlet)
    return outlet
  }
  front.on('message', (data, from) => {
    const outlet = outletOf(from)
    for (let i = forward(data, there++, from.port); i > 0; i--) outlet.send(data, responderPort, '127.0.0.1')
  })
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  t.teardown(() => {
    front.close()
    for (const outlet of outlets.values()) outlet.close()
  })
  return { host: '127.0.0.1', port: (front.address() as AddressInfo).port }
}

const typeOf = (data: Buffer): number => data[at.type]!
const quick = { count: 100, intervalMs: 0.5, replyTimeoutMs: 300 }
/** Of the probes and echoes alone: what opens and closes a session passes. */
const lose = (type: number, every: number): Way => {
  let seen = 0
  return data => (typeOf(data) === type && seen++ % every === 0 ? 0 : 1)
}

for (const host of ['127.0.0.1', '::1'])
  t.test(`${host}: every datagram of every source port is counted both ways, and timed`, async t => {
    const responder = await start(t)
    const { outcome, measured, warnings, phasesMs } = await run('udp', targetOf({ host, port: responder.ports.udp! }), quick)
    t.same(outcome, { kind: 'ok' })
    t.match(measured, {
      sent: 100,
      received: 100,
      lossRatio: 0,
      forward: { sent: 100, received: 100, lossRatio: 0, duplicates: 0, reordered: 0 },
      reverse: { sent: 100, received: 100, lossRatio: 0, duplicates: 0, reordered: 0 },
      ttl: 64,
      suppressed: 0,
      responder: { agentId: 'agent-1', source: host, ttl: 64 },
    })
    t.equal(new Set(measured.flows.map(flow => flow.sourcePort)).size, 4)
    t.ok(measured.flows.every(flow => flow.sent === 25 && flow.received === 25))
    t.ok(measured.rttMs!.min > 0 && measured.rttMs!.p50 < 100, JSON.stringify(measured.rttMs))
    t.ok(measured.forward.jitterMs! < 100 && measured.reverse.jitterMs! < 100)
    t.ok(phasesMs['hello']! > 0)
    t.same(warnings, [])
  })

t.test('loss on the way there and loss on the way back are told apart', async t => {
  const responder = await start(t)
  const there = await startPath(t, responder.ports.udp!, { forward: lose(datagramTypes.probe, 20) })
  const one = await run('udp', targetOf(there), quick)
  t.same(one.outcome, { kind: 'ok' })
  t.match(one.measured, {
    received: 95,
    forward: { sent: 100, received: 95, lossRatio: 0.05 },
    reverse: { sent: 95, received: 95, lossRatio: 0 },
  })
  t.match(one.warnings, [
    { code: 'packet_loss', detail: 'forward 5 of 100 datagrams lost (5.0 %), reverse 0 of 95 datagrams lost (0.0 %)' },
  ])
  const back = await startPath(t, responder.ports.udp!, { reverse: lose(datagramTypes.echo, 5) })
  const two = await run('udp', targetOf(back), quick)
  t.match(two.measured, { received: 80, forward: { sent: 100, received: 100 }, reverse: { sent: 100, received: 80, lossRatio: 0.2 } })
  t.match(two.outcome, {
    kind: 'fail',
    reason: 'packet_loss',
    detail: /reverse 20 of 100 datagrams lost \(20\.0 %\), at most 10\.0 % allowed/,
  })
})

t.test('hellos, welcomes and queries may be lost too', async t => {
  const responder = await start(t)
  const first = (types: number[]): Way => {
    const seen = new Set<string>()
    return (data, _number, port) => {
      const key = `${typeOf(data)} ${port}`
      if (!types.includes(typeOf(data)) || seen.has(key)) return 1
      seen.add(key)
      return 0
    }
  }
  const path = await startPath(t, responder.ports.udp!, {
    forward: first([datagramTypes.hello, datagramTypes.query, datagramTypes.probe]),
    reverse: first([datagramTypes.welcome, datagramTypes.counters]),
  })
  const { measured } = await run('udp', targetOf(path), { ...quick, replyTimeoutMs: 1500, timeoutMs: 10_000 })
  t.match(measured, { forward: { sent: 100, received: 96 }, reverse: { sent: 96, received: 96 } })
})

t.test('without the counters the loss is told, and that its direction is not known', async t => {
  const responder = await start(t)
  const path = await startPath(t, responder.ports.udp!, {
    forward: data => (typeOf(data) === datagramTypes.query ? 0 : 1),
    reverse: lose(datagramTypes.echo, 2),
  })
  const { measured, outcome } = await run('udp', targetOf(path), { ...quick, flows: 1 })
  t.match(measured, { received: 50, lossRatio: 0.5, forward: { lossRatio: null }, reverse: { lossRatio: null } })
  t.match(outcome, { reason: 'packet_loss', detail: /in which direction is not known/ })
})

t.test('duplicates and overtaking are counted for each way', async t => {
  const responder = await start(t)
  const twice =
    (type: number): Way =>
    data =>
      typeOf(data) === type ? 2 : 1
  const there = await run('udp', targetOf(await startPath(t, responder.ports.udp!, { forward: twice(datagramTypes.probe) })), quick)
  t.match(there.measured, { received: 100, reverse: { duplicates: 0 } })
  t.ok(there.measured.forward.duplicates! >= 90, 'those behind the last echo of a source port come when it is over')
  t.match(there.warnings, [{ code: 'duplicates', detail: /\d+ on the way there, 0 on the way back/ }])
  const back = await run('udp', targetOf(await startPath(t, responder.ports.udp!, { reverse: twice(datagramTypes.echo) })), quick)
  t.match(back.measured, { received: 100, lossRatio: 0, forward: { duplicates: 0 } })
  t.ok(back.measured.reverse.duplicates! >= 98, 'the last may come when it is over')
})

t.test('one source port of four gets no answer: one of several paths is broken', async t => {
  const responder = await start(t)
  let dead: number | undefined
  const path = await startPath(t, responder.ports.udp!, {
    forward: (_data, _number, port) => {
      dead ??= port
      return port === dead ? 0 : 1
    },
  })
  const { measured, outcome } = await run('udp', targetOf(path), quick)
  t.match(outcome, { kind: 'fail', reason: 'packet_loss', detail: `nothing sent from source port ${dead} is answered` })
  t.match(
    measured.flows.find(flow => flow.sourcePort === dead),
    { received: 0, forwardLost: null, reverseLost: null },
  )
  t.equal(measured.flows.filter(flow => flow.received > 30).length, 3)
})

t.test('what is not a responder is told from a closed port and from silence', async t => {
  const responder = await start(t)
  await responder.close()
  const closed = await run('udp', targetOf({ host: '127.0.0.1', port: responder.ports.udp! }), quick)
  t.match(closed.outcome, { kind: 'fail', reason: 'tcp_refused', detail: /nothing listens on UDP 127\.0\.0\.1 port \d+/ })
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  const echo = createSocket('udp4').on('message', (data, from) => echo.send(data, from.port, from.address))
  echo.bind(0, '127.0.0.1')
  await Promise.all([once(silent, 'listening'), once(echo, 'listening')])
  t.teardown(() => {
    silent.close()
    echo.close()
  })
  const at = (socket: Socket) => targetOf({ host: '127.0.0.1', port: socket.address().port })
  t.match((await run('udp', at(silent), quick)).outcome, {
    reason: 'no_reply',
    detail: /^8 hellos to UDP .*: no Causeway responder there, or UDP is dropped on the way$/,
  })
  t.match((await run('udp', at(echo), quick)).outcome, {
    reason: 'no_reply',
    detail: /not a Causeway responder's: something else listens there/,
  })
})

t.test('answers of someone who cannot read our datagrams count for nothing', async t => {
  const responder = await start(t)
  let forged = 0
  const path = await startPath(t, responder.ports.udp!, {
    // The right address, port and form, with everything but the session or the token: as good as it gets off the path.
    reverse: data => {
      if (typeOf(data) !== datagramTypes.echo) return 1
      const offset = forged++ % 2 === 0 ? at.session : at.token
      data[offset]! ^= 1
      return 1
    },
  })
  const { measured } = await run('udp', targetOf(path), quick)
  t.match(measured, { sent: 100, received: 0, forward: { sent: 100, received: 100 }, reverse: { sent: 100, received: 0 } })
})

t.test('another agent is not this target', async t => {
  const responder = await start(t)
  const target = targetOf({ host: '127.0.0.1', port: responder.ports.udp! })
  t.same((await run('udp', target, { ...quick, expectAgent: 'agent-1' })).outcome, { kind: 'ok' })
  const { outcome, measured } = await run('udp', target, { ...quick, expectAgent: 'agent-2' })
  t.match(outcome, { kind: 'unmeasured', reason: 'config_invalid', detail: /^agent "agent-1" answers at .*, want "agent-2"$/ })
  t.equal(measured.sent, 0, 'and nothing is sent to it')
  const nameless = await start(t, { agentId: null })
  const other = await run('udp', targetOf({ host: '127.0.0.1', port: nameless.ports.udp! }), { ...quick, expectAgent: 'agent-2' })
  t.match(other.outcome, { reason: 'config_invalid', detail: /^agent without a name answers/ })
})

t.test("what a responder's rate cap left out is not called loss", async t => {
  const responder = await start(t, { limits: { datagramsPerSource: 40 } })
  const { measured, outcome, warnings } = await run('udp', targetOf({ host: '127.0.0.1', port: responder.ports.udp! }), quick)
  t.same(outcome, { kind: 'ok' })
  t.ok(measured.suppressed > 20, `${measured.suppressed}`)
  t.match(measured, { lossRatio: 0, forward: { lossRatio: 0 }, reverse: { lossRatio: 0 } })
  t.ok(warnings.some(({ code }) => code === 'rate_limited'))
})

t.test('a responder that is full says so, and it is no failure', async t => {
  const responder = await start(t, { limits: { sessions: 0 } })
  const { outcome } = await run('udp', targetOf({ host: '127.0.0.1', port: responder.ports.udp! }), quick)
  t.match(outcome, { kind: 'unmeasured', reason: 'unsupported', detail: /no room for another session/ })
})

t.test('the source asked for is used', async t => {
  const responder = await start(t)
  const target = targetOf({ host: '127.0.0.1', port: responder.ports.udp! })
  t.match((await run('udp', target, { ...quick, source: '127.0.0.42' })).measured, { responder: { source: '127.0.0.42' } })
  t.equal(word((await run('udp', target, { ...quick, source: '198.51.100.7' })).outcome), 'config_invalid')
})

t.test('a pinned flow keeps its port in every run, to several targets at once: all good or all bad where one way is broken', async t => {
  const responder = await start(t)
  const free = createSocket('udp4').bind(0, '127.0.0.1')
  await once(free, 'listening')
  const sourcePort = Math.min(free.address().port, 65_000)
  await new Promise<void>(done => free.close(done))
  const [good, broken] = [
    await startPath(t, responder.ports.udp!, {}),
    await startPath(t, responder.ports.udp!, { forward: (_, __, port) => (port === sourcePort ? 0 : 1) }),
  ]
  const options = { count: 8, intervalMs: 1, replyTimeoutMs: 300, timeoutMs: 2000 }
  const probePinned = (to: Parameters<typeof targetOf>[0], more: object) => run('udp', targetOf(to), { ...options, ...more })
  const both = await Promise.all(
    [0, 1].map(async () => await probePinned(await startPath(t, responder.ports.udp!, {}), { flows: 1, sourcePort })),
  )
  for (const { outcome, measured } of both)
    t.match([outcome, measured.flows[0]], [{ kind: 'ok' }, { sourcePort }], 'to two targets at once')
  t.match((await probePinned(good, { flows: 1, sourcePort })).outcome, { kind: 'ok' }, 'and again')
  t.match((await probePinned(broken, { flows: 1, sourcePort })).outcome, { kind: 'fail' })
  t.match((await probePinned(broken, { flows: 1, sourcePort: sourcePort + 1 })).outcome, { kind: 'ok' })
})
