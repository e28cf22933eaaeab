import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { newCounters } from '../../agent/responder/counters.ts'
import { defaultLimits, type ResponderLimits, sourceOf } from '../../agent/responder/limits.ts'
import { startResponder } from '../../agent/responder/responder.ts'
import { type Arrived, buildUdpSessions } from '../../agent/responder/udp-sessions.ts'
import { sockaddr } from '../../probes/net/sockaddr.ts'
import {
  at,
  datagramFlags,
  datagramTypes,
  helloDatagramBytes,
  leastDatagramBytes,
  mostDatagramBytes,
  readAgentId,
  readCounters,
  readSource,
  readTimeNs,
  writeHead,
} from '../../wire/responder-udp.ts'

const reply = Buffer.alloc(mostDatagramBytes)

/** A table of sessions under a clock that the test moves. */
const table = (limits: Partial<ResponderLimits> = {}, agentId: string | null = 'agent-1') => {
  const clock = { ms: 0 }
  const counters = newCounters()
  const secret = Buffer.from('a secret of the test')
  const sessions = buildUdpSessions({
    agentId: () => agentId,
    secret,
    limits: { ...defaultLimits, ...limits },
    counters,
    nowMs: () => clock.ms,
  })
  const from = (address: string, port: number, data: Buffer): Arrived => ({
    data,
    offset: 0,
    length: data.length,
    name: sockaddr(address, port),
    nameOffset: 0,
    ttl: 61,
    seconds: 1_700_000_000,
    nanoseconds: 5,
    kernelTime: true,
  })
  const send = (data: Buffer, address = '192.0.2.1', port = 1000): Buffer =>
    Buffer.from(reply.subarray(0, sessions.answer(from(address, port, data), reply)))
  return { clock, counters, sessions, send }
}

const datagram = (type: number, session: string, bytes: number, token?: Buffer, sequence = 0): Buffer => {
  const b = Buffer.alloc(bytes)
  writeHead(b, bytes, type as never)
  b.write(session.padEnd(8), at.session, 'latin1')
  token?.copy(b, at.token)
  b.writeUInt32BE(sequence, at.sequence)
  return b
}
const hello = (session: string): Buffer => datagram(datagramTypes.hello, session, helloDatagramBytes)
const tokenOf = (welcome: Buffer): Buffer => welcome.subarray(at.token, at.token + 8)
const probe = (session: string, token: Buffer, sequence: number, bytes = leastDatagramBytes): Buffer =>
  datagram(datagramTypes.probe, session, bytes, token, sequence)

t.test('a hello is answered with who we are, what we saw, and a token', async t => {
  const { send, sessions } = table()
  for (const [address, port] of [
    ['192.0.2.7', 4321],
    ['2001:db8::7', 4322],
  ] as const) {
    const welcome = send(hello('one'), address, port)
    t.equal(welcome[at.type], datagramTypes.welcome)
    t.equal(readAgentId(welcome, 0, welcome.length), 'agent-1')
    t.same(readSource(welcome, 0), { address, port })
    t.equal(welcome[at.ttl], 61)
    t.equal(readTimeNs(welcome, at.receivedSeconds, 1_700_000_000), 5)
    t.equal(welcome.toString('latin1', at.session, at.token), 'one     ')
  }
  t.equal(sessions.open(), 0, 'nothing is remembered of whoever only says hello')
})

t.test('each new number is counted and echoed once; what was there before is counted only', async t => {
  const { send } = table()
  const token = tokenOf(send(hello('one')))
  for (const sequence of [0, 1, 3, 2, 2, 5]) send(probe('one', token, sequence))
  t.equal(send(probe('one', token, 1)).length, 0)
  const answer = send(datagram(datagramTypes.query, 'one', leastDatagramBytes, token))
  t.equal(answer[at.type], datagramTypes.counters)
  t.same(readCounters(answer, 0), { received: 5, duplicates: 2, reordered: 1, sent: 5, suppressed: 0 })
})

t.test('counting agrees with a list of all numbers that came, in any order', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6000), { maxLength: 300 }), numbers => {
      const { send } = table()
      const token = tokenOf(send(hello('one')))
      const seen = new Set<number>()
      const wanted = { received: 0, duplicates: 0, reordered: 0, sent: 0, suppressed: 0 }
      let highest = -1
      for (const number of numbers) {
        send(probe('one', token, number))
        if (seen.has(number) || highest - number >= 2048) wanted.duplicates += 1
        else {
          seen.add(number)
          wanted.received += 1
          wanted.sent += 1
          if (number < highest) wanted.reordered += 1
        }
        highest = Math.max(highest, number)
      }
      const answer = send(datagram(datagramTypes.query, 'one', leastDatagramBytes, token))
      return JSON.stringify(readCounters(answer, 0)) === JSON.stringify(wanted)
    }),
  )
})

t.test('no reply is larger than its request, whatever is sent', async () => {
  const { send } = table({ hellos: 1e9, datagrams: 1e9, datagramsPerSource: 1e9 }, 'a'.repeat(128))
  const token = tokenOf(send(hello('one')))
  const noise = fc.uint8Array({ maxLength: mostDatagramBytes + 200 }).map(bytes => Buffer.from(bytes))
  const near = fc
    .tuple(fc.nat(8), fc.integer({ min: 0, max: mostDatagramBytes + 20 }), fc.boolean(), fc.nat(), noise)
    .map(([type, bytes, known, sequence, tail]) => {
      const whole = datagram(type, 'one', Math.max(bytes, leastDatagramBytes), known ? token : undefined, sequence)
      tail.copy(whole, at.family)
      return whole.subarray(0, bytes)
    })
  fc.assert(
    fc.property(fc.oneof(noise, near), data => send(data).length <= data.length),
    { numRuns: 2000 },
  )
})

t.test('a token is good for one address and session alone, and nobody without one is answered', async t => {
  const { send, sessions, counters } = table()
  const token = tokenOf(send(hello('one'), '192.0.2.1', 1000))
  t.equal(send(probe('one', Buffer.alloc(8), 0)).length, 0)
  t.equal(send(probe('two', token, 0)).length, 0, 'another session')
  t.equal(send(probe('one', token, 0), '192.0.2.2', 1000).length, 0, 'another address')
  t.equal(send(probe('one', token, 0), '192.0.2.1', 1001).length, 0, 'another port')
  t.equal(sessions.open(), 0)
  t.equal(send(probe('one', token, 0)).length, leastDatagramBytes)
  t.equal(send(probe('one', token, 1), '192.0.2.2', 1000).length, 0, 'another address, when the session is there')
  t.equal(sessions.open(), 1)
  t.equal(counters.datagramsIgnored, 5)
})

t.test('a later version with more behind its fields is understood, another protocol is not', async t => {
  const { send } = table()
  const later = Buffer.concat([hello('one'), Buffer.from('fields of a later version')])
  later[at.version] = 7
  t.equal(send(later)[at.type], datagramTypes.welcome)
  for (const [offset, value] of [
    [at.magic, 0],
    [at.version, 0],
    [at.type, 99],
    [at.type, datagramTypes.echo],
  ] as const) {
    const other = hello('one')
    other[offset] = value
    t.equal(send(other).length, 0)
  }
})

t.test('a source is answered as often as its cap says, others still are, and what was left out is told', async t => {
  const { send, clock, counters } = table({ datagramsPerSource: 10, datagrams: 15 })
  const token = tokenOf(send(hello('one')))
  const answered = Array.from({ length: 50 }, (_, i) => send(probe('one', token, i)).length).filter(Boolean).length
  t.equal(answered, 9)
  t.equal(send(hello('two'), '192.0.2.2').length > 0, true)
  t.equal(counters.datagramsSuppressed, 41)
  clock.ms += 1000
  t.match(readCounters(send(datagram(datagramTypes.query, 'one', leastDatagramBytes, token)), 0), { received: 50, sent: 9, suppressed: 41 })
  const others = Array.from({ length: 30 }, (_, i) => send(hello('x'), `198.51.100.${i}`).length).filter(Boolean).length
  t.equal(others, 14, 'the cap for all holds too')
})

t.test('hellos have a cap of their own, since anyone can say them in the name of another', async t => {
  const { send } = table({ hellos: 5 })
  t.equal(Array.from({ length: 50 }, (_, i) => send(hello('x'), `198.51.100.${i}`).length).filter(Boolean).length, 5)
})

t.test('sessions are few at a time, and a silent one makes room', async t => {
  const { send, clock, sessions } = table({ sessions: 3, sessionsPerSource: 2, sessionIdleMs: 1000 })
  const open = (session: string, address: string): Buffer => {
    const welcome = send(hello(session), address)
    send(probe(session, tokenOf(welcome), 0), address)
    return welcome
  }
  t.equal(open('a', '192.0.2.1')[at.flags]! & datagramFlags.full, 0)
  open('b', '192.0.2.1')
  t.equal(open('c', '192.0.2.1')[at.flags]! & datagramFlags.full, datagramFlags.full, 'it is said')
  open('d', '192.0.2.2')
  t.equal(open('e', '192.0.2.3')[at.flags]! & datagramFlags.full, datagramFlags.full)
  t.equal(sessions.open(), 3)
  clock.ms += 1500
  t.equal(open('f', '192.0.2.3')[at.flags]! & datagramFlags.full, 0)
  t.equal(sessions.open(), 1)
})

t.test('an IPv6 network of 64 bits is one source, and a mapped address is its IPv4', async t => {
  t.equal(sourceOf('2001:db8:1:2:3:4:5:6'), sourceOf('2001:db8:1:2::9'))
  t.not(sourceOf('2001:db8:1:2::1'), sourceOf('2001:db8:1:3::1'))
  t.equal(sourceOf('2001:db8::1'), sourceOf('2001:0db8::2'))
  t.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(sourceOf('fe80::1%eth0'), sourceOf('fe80::2'))
})

const ports = { tcp: null, tls: null, mtls: null, udp: 0 }

const startUdp = async (t: Test, limits: Partial<ResponderLimits> = {}) => {
  const responder = await startResponder({ agentId: 'agent-1', bind: ['127.0.0.1'], ports, limits })
  const socket: Socket = createSocket('udp4')
  socket.connect(responder.ports.udp!, '127.0.0.1')
  await once(socket, 'connect')
  t.teardown(async () => {
    socket.close()
    await responder.close()
  })
  return { responder, socket }
}

t.test('garbage, oversize and endless datagrams are counted and not answered, and a caller among them is', async t => {
  const { responder, socket } = await startUdp(t)
  const flood = createSocket('udp4')
  flood.connect(responder.ports.udp!, '127.0.0.1')
  await once(flood, 'connect')
  let answered = 0
  flood.on('message', () => answered++)
  for (let i = 0; i < 2000; i++) flood.send(Buffer.alloc(i % 1400, i))
  for (const bytes of [1473, 2000, 9000, 60_000]) flood.send(datagram(datagramTypes.hello, 'big', bytes))
  socket.send(hello('one'))
  const [welcome] = (await once(socket, 'message')) as [Buffer]
  t.equal(readAgentId(welcome, 0, welcome.length), 'agent-1')
  const { datagramsIgnored, datagramsOversize, replies } = responder.stats()
  t.ok(datagramsIgnored > 500, `${datagramsIgnored} ignored`)
  t.equal(datagramsOversize, 4)
  t.equal(replies, 1)
  t.equal(answered, 0)
  flood.close()
})

t.test('closed means closed: nothing is left, and the port is free', async t => {
  const first = await startResponder({ agentId: null, bind: ['127.0.0.1', '::1'], ports })
  t.ok(first.ports.udp! > 0)
  t.same({ ...first.ports, udp: 0 }, { tcp: null, tls: null, mtls: null, udp: 0 })
  await t.rejects(startResponder({ agentId: null, bind: ['127.0.0.1'], ports: { ...ports, udp: first.ports.udp } }), {
    message: /UDP port \d+ of 127\.0\.0\.1: EADDRINUSE/,
  })
  await first.close()
  const second = await startResponder({ agentId: null, bind: ['127.0.0.1', '::1'], ports: { ...ports, udp: first.ports.udp } })
  t.equal(second.ports.udp, first.ports.udp)
  await second.close()
  await t.rejects(startResponder({ agentId: 'a'.repeat(129), ports }), { message: /128 bytes/ })
})
