/** One flow of a trace by echoes or datagrams: a socket whose packets differ in nothing that a router shares traffic by, each with a TTL of its own. */
import { randomBytes } from 'node:crypto'
import type { Family, Outcome } from '../../wire/result.ts'
import { permissionAdvice } from './echo-socket.ts'
import * as libc from './libc.ts'
import { localPort } from './local-port.ts'
import { drainErrors, Mailbox, type QueuedError, type Received } from './mailbox.ts'
import { type Realtime, realtimeNs } from './realtime.ts'
import { anyAddress, familyOf, sockaddr } from './sockaddr.ts'
import { balanceNonce, buildDatagram, buildEcho, nonceBytes, readQuote, readReply } from './trace-packet.ts'

export type TraceSocketOptions = {
  protocol: 'icmp' | 'udp'
  address: string
  family: Family
  port: number
  source?: string
  flowId: number
}

/** What came back for one packet: the target's own answer, or an error of whoever says it is one. */
export type TraceAnswer = { index: number; receivedNs: number; ttl: number; error: QueuedError | undefined }

export type TraceListener = {
  answer: (answer: TraceAnswer) => void
  /** An error that quotes too little, or a packet that is not ours. */
  stray: (what: 'foreign' | 'unidentified', error: QueuedError) => void
}

export type TraceSocket = {
  fd: number
  /** Source port, or the identifier of the echoes. */
  id: number
  send: (index: number, ttl: number) => { sentNs: number; errno: number }
  collect: (listener: TraceListener) => void
}

/** One for all: it is emptied in one go. */
let mailbox: Mailbox | undefined

const levelOf = (family: Family): number => (family === 4 ? libc.IPPROTO_IP : libc.IPPROTO_IPV6)

/** Sets what a trace needs of a socket of any protocol. Without automatic flow labels all packets of all flows have none (RFC 6437 §3). */
export const setUpTrace = (fd: number, family: Family): void => {
  const set = (l: number, name: number, value: number): number => libc.setsockopt(fd, l, name, libc.int32(value), 4)
  const level = levelOf(family)
  const v4 = family === 4
  set(libc.SOL_SOCKET, libc.SO_TIMESTAMPNS, 1)
  set(level, v4 ? libc.IP_RECVERR : libc.IPV6_RECVERR, 1)
  set(level, v4 ? libc.IP_RECVERR_RFC4884 : libc.IPV6_RECVERR_RFC4884, 1)
  set(level, v4 ? libc.IP_RECVTTL : libc.IPV6_RECVHOPLIMIT, 1)
  if (!v4) set(level, libc.IPV6_AUTOFLOWLABEL, 0)
}

export const setTtl = (fd: number, family: Family, ttl: number): void =>
  void libc.setsockopt(fd, levelOf(family), family === 4 ? libc.IP_TTL : libc.IPV6_UNICAST_HOPS, libc.int32(ttl), 4)

/** Opens a flow, or says as an outcome why this process can't. The caller closes the descriptor. */
export const openTraceSocket = (o: TraceSocketOptions, clock: Realtime): TraceSocket | Outcome => {
  const domain = o.family === 4 ? libc.AF_INET : libc.AF_INET6
  const protocol = o.protocol === 'udp' ? libc.IPPROTO_UDP : o.family === 4 ? libc.IPPROTO_ICMP : libc.IPPROTO_ICMPV6
  if (o.source && !familyOf(o.source)) return unable('config_invalid', `source address ${o.source}: not an address`)
  const fd = libc.socket(domain, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, protocol)
  if (fd < 0) return refused(libc.errno())
  setUpTrace(fd, o.family)
  // Two ping sockets may share an identifier otherwise, and take each other's answers (net/ipv4/af_inet.c, INET_PROTOSW_REUSE).
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_REUSEADDR, libc.int32(0), 4)
  if (!bindFlow(fd, o)) return closed(fd, o.source ? 'config_invalid' : 'local_resource', `source address ${o.source ?? 'any'}`)
  // A connected socket gets errors about its own packets only, and answers of nobody else (icmp(7), udp(7)).
  const to = sockaddr(o.address, o.protocol === 'udp' ? o.port : 0)
  if (libc.connect(fd, to, to.length) < 0) return unreachable(fd, o.address)
  return build(fd, o, clock)
}

/** On the flow's own port or identifier; on any, where somebody else has it: another trace to the same target. */
export const bindFlow = (fd: number, { source, family, flowId }: Pick<TraceSocketOptions, 'source' | 'family' | 'flowId'>): boolean =>
  [flowId, 0].some(port => {
    const from = sockaddr(source ?? anyAddress(family), port)
    return libc.bind(fd, from, from.length) >= 0
  })

const unable = (reason: 'config_invalid' | 'local_permission' | 'local_resource' | 'unsupported', detail: string): Outcome => ({
  kind: 'unmeasured',
  reason,
  detail,
})

const refused = (code: number): Outcome => {
  if (code === libc.EACCES || code === libc.EPERM) return unable('local_permission', permissionAdvice)
  return unable(code === libc.EAFNOSUPPORT ? 'unsupported' : 'local_resource', `socket: ${libc.errnoName(code)}`)
}

const closed = (fd: number, reason: 'config_invalid' | 'local_resource', what: string): Outcome => {
  const problem = libc.errnoName(libc.errno())
  libc.close(fd)
  return unable(reason, `${what}: ${problem}`)
}

const unreachable = (fd: number, address: string): Outcome => {
  const code = libc.errno()
  libc.close(fd)
  const reason = code === libc.ENETUNREACH ? 'network_unreachable' : code === libc.EHOSTUNREACH ? 'host_unreachable' : undefined
  if (reason) return { kind: 'fail', reason, detail: `no route from here to ${address}: ${libc.errnoName(code)}` }
  return unable(code === libc.EADDRNOTAVAIL ? 'config_invalid' : 'local_resource', `connect to ${address}: ${libc.errnoName(code)}`)
}

const build = (fd: number, { protocol, family }: TraceSocketOptions, clock: Realtime): TraceSocket => {
  const nonce = balanceNonce(randomBytes(nonceBytes))
  const id = localPort(fd)
  let ttlNow = -1
  const box = (mailbox ??= new Mailbox(2048))
  const takeErrors = (listener: TraceListener): void => {
    const onError = (error: QueuedError): void => {
      // What this machine says of its own sending is told by the send.
      if (error.origin === 1) return
      const index = readQuote(protocol, family, error.packet, nonce)
      if (typeof index !== 'number') listener.stray(index, error)
      else listener.answer({ index, receivedNs: error.receivedNs, ttl: error.ttl, error })
    }
    drainErrors(fd, 4096, onError, clock.baseSeconds)
  }
  const indexOf = ({ data, offset, length }: Received): number | undefined => {
    const bytes = data.subarray(offset, offset + length)
    if (protocol === 'icmp') return readReply(family, bytes, nonce)
    // Who sends our own datagram back has got it: an echo service.
    const index = readQuote('udp', family, bytes, nonce)
    return typeof index === 'number' ? index : undefined
  }
  return {
    fd,
    id,
    send: (index, ttl) => {
      if (ttl !== ttlNow) setTtl(fd, family, ttl)
      ttlNow = ttl
      const packet = protocol === 'icmp' ? buildEcho(family, index, nonce) : buildDatagram(index, nonce)
      // An ICMP error for an earlier packet is told to whoever sends next (ip(7), IP_RECVERR), as its error number: once, and nothing is sent.
      for (let tries = 0; ; tries++) {
        const sentNs = realtimeNs(clock.baseSeconds)
        if (libc.sendto(fd, packet, packet.length, libc.MSG_DONTWAIT, null, 0) >= 0) return { sentNs, errno: 0 }
        const errno = libc.errno()
        if (tries >= 3 || errno === libc.EAGAIN || errno === libc.ENOBUFS) return { sentNs, errno }
      }
    },
    collect: listener => {
      const onMessage = (m: Received): void => {
        const index = indexOf(m)
        if (index !== undefined) listener.answer({ index, receivedNs: m.receivedNs, ttl: m.ttl, error: undefined })
      }
      // A pending error makes one ordinary read fail (ip(7)): the error queue is read, and then the rest.
      for (let i = 0; i < 64 && box.drain(fd, clock.baseSeconds, onMessage) !== 0; i++) takeErrors(listener)
      takeErrors(listener)
    },
  }
}
