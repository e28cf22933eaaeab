import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import * as libc from '../../../probes/net/libc.ts'
import { Mailbox, takeError } from '../../../probes/net/mailbox.ts'
import { Realtime } from '../../../probes/net/realtime.ts'
import { sockaddr } from '../../../probes/net/sockaddr.ts'

const ECONNREFUSED = 111

type Udp = { fd: number; port: number; clock: Realtime }

/** A datagram socket with kernel timestamps, TTL and error queue. */
function openUdp(t: Test, host = '127.0.0.1'): Udp {
  const v6 = host.includes(':')
  const fd = libc.socket(v6 ? libc.AF_INET6 : libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, 0)
  t.teardown(() => libc.close(fd))
  const at = sockaddr(host)
  libc.bind(fd, at, at.length)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(at.length)
  libc.getsockname(fd, at, length)
  const level = v6 ? libc.IPPROTO_IPV6 : libc.IPPROTO_IP
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_TIMESTAMPNS, libc.int32(1), 4)
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_RXQ_OVFL, libc.int32(1), 4)
  libc.setsockopt(fd, level, v6 ? libc.IPV6_RECVHOPLIMIT : libc.IP_RECVTTL, libc.int32(1), 4)
  libc.setsockopt(fd, level, v6 ? libc.IPV6_RECVERR : libc.IP_RECVERR, libc.int32(1), 4)
  return { fd, port: at.readUInt16BE(2), clock: new Realtime() }
}

const sendAll = (from: Udp, host: string, port: number, messages: Buffer[]): void => {
  const to = sockaddr(host, port)
  for (const message of messages) libc.sendto(from.fd, message, message.length, 0, to, to.length)
}

type Seen = { text: string; length: number; receivedNs: number; ttl: number; overflow: number }

const drain = (mailbox: Mailbox, { fd, clock }: Udp, most?: number): { code: number; seen: Seen[] } => {
  const seen: Seen[] = []
  const code = mailbox.drain(
    fd,
    clock.baseSeconds,
    m =>
      seen.push({
        text: m.data.toString('latin1', m.offset, m.offset + m.length),
        length: m.length,
        receivedNs: m.receivedNs,
        ttl: m.ttl,
        overflow: m.overflow,
      }),
    most,
  )
  return { code, seen }
}

for (const host of ['127.0.0.1', '::1'])
  t.test(`${host}: more messages than one call takes arrive in order, each with the kernel's time and its TTL`, async t => {
    const to = openUdp(t, host)
    const messages = Array.from({ length: 150 }, (_, i) => Buffer.from(`message ${i}`.padEnd(20 + (i % 90), '.')))
    const beforeNs = to.clock.nowNs()
    sendAll(openUdp(t, host), host, to.port, messages)
    const mailbox = new Mailbox(128)
    const { code, seen } = drain(mailbox, to)
    t.equal(code, 0)
    t.same(
      seen.map(one => one.text),
      messages.map(String),
    )
    const times = seen.map(one => one.receivedNs)
    t.ok(
      times.every((time, i) => i === 0 || time >= times[i - 1]!),
      'in the order of arrival',
    )
    t.ok(
      times.every(time => Math.abs(time - beforeNs) < 1e9),
      'relative to the base that was given',
    )
    t.ok(seen.every(one => one.ttl === 64))
    t.same(drain(mailbox, to), { code: 0, seen: [] }, 'and then there is no more')
  })

t.test('a message larger than its slot is cut, and its neighbours are whole', async t => {
  const to = openUdp(t)
  sendAll(openUdp(t), '127.0.0.1', to.port, [Buffer.from('small'), Buffer.alloc(1000, 'x'), Buffer.from('after')])
  t.same(
    drain(new Mailbox(64), to).seen.map(one => one.text),
    ['small', 'x'.repeat(64), 'after'],
  )
})

t.test('an empty message is one too', async t => {
  const to = openUdp(t)
  sendAll(openUdp(t), '127.0.0.1', to.port, [Buffer.alloc(0)])
  t.match(drain(new Mailbox(64), to).seen, [{ text: '', length: 0 }])
})

t.test('reading stops after about as many as were asked for, and goes on where it stopped', async t => {
  const to = openUdp(t)
  sendAll(
    openUdp(t),
    '127.0.0.1',
    to.port,
    Array.from({ length: 200 }, (_, i) => Buffer.from(String(i))),
  )
  const mailbox = new Mailbox(64)
  const first = drain(mailbox, to, 64).seen
  t.equal(first.length, 64)
  t.equal(drain(mailbox, to).seen[0]?.text, '64')
})

t.test('messages that the kernel dropped for want of room are counted', async t => {
  const to = openUdp(t)
  libc.setsockopt(to.fd, libc.SOL_SOCKET, libc.SO_RCVBUF, libc.int32(4096), 4)
  const from = openUdp(t)
  sendAll(from, '127.0.0.1', to.port, Array(100).fill(Buffer.alloc(1000)))
  const mailbox = new Mailbox(64)
  const got = drain(mailbox, to).seen.length
  t.ok(got < 100)
  sendAll(from, '127.0.0.1', to.port, [Buffer.from('next')])
  t.match(drain(mailbox, to).seen, [{ text: 'next', overflow: 100 - got }])
})

t.test('a refusal stands in the error queue, with the packet that caused it', async t => {
  const closed = createSocket('udp4').bind(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address()
  await new Promise<void>(resolve => closed.close(resolve))
  const from = openUdp(t)
  t.equal(takeError(from.fd), undefined, 'nothing yet')
  sendAll(from, '127.0.0.1', port, [Buffer.from('is anybody there')])
  const mailbox = new Mailbox(64)
  t.equal(drain(mailbox, from).code, ECONNREFUSED, 'an ordinary read says that there is one')
  t.match(takeError(from.fd), {
    errno: ECONNREFUSED,
    origin: 2,
    type: 3,
    code: 3,
    offender: '127.0.0.1',
    packet: Buffer.from('is anybody there'),
  })
  t.equal(takeError(from.fd), undefined)
  t.equal(drain(mailbox, from).code, 0)
})

t.test('a refusal over IPv6 is an ICMPv6 one', async t => {
  const other = openUdp(t, '::1')
  const from = openUdp(t, '::1')
  libc.close(other.fd)
  sendAll(from, '::1', other.port, [Buffer.from('hello')])
  t.match(takeError(from.fd), { errno: ECONNREFUSED, origin: 3, type: 1, code: 4, offender: '::1' })
})

t.test('what is no socket has neither messages nor errors', async t => {
  const mailbox = new Mailbox(64)
  t.equal(
    mailbox.drain(-1, 0, () => t.fail('no message')),
    9,
    'EBADF',
  )
  t.equal(takeError(-1), undefined)
})
