import type { Family, Outcome } from '../../wire/result.ts'
import * as libc from './libc.ts'
import { Mailbox, type QueuedError, type Received, takeError } from './mailbox.ts'
import { Realtime } from './realtime.ts'
import { anyAddress, familyOf, sockaddr } from './sockaddr.ts'
import { balanceOf } from './trace-packet.ts'

/** `identifier`: pins the flow of all echoes of the socket. */
export type EchoSocketOptions = { source?: string; dontFragment?: boolean; largestBytes?: number; identifier?: number }

/** A reply: which echo of which session, and what the kernel noted of it. `bytes` of data are told up to 2,048. */
export type EchoReply = { session: number; index: number; receivedNs: number; ttl: number; bytes: number }

const icmpHeader = 8
const ECHO = { 4: { request: 8, reply: 0, protocol: libc.IPPROTO_ICMP }, 6: { request: 128, reply: 129, protocol: libc.IPPROTO_ICMPV6 } }

/** What SO_MEMINFO fills in: an array of u32. */
const memory = Buffer.alloc(64)
const memoryLength = Buffer.alloc(4)

/** RFC 1071. */
const checksum = (b: Buffer, length: number): number => {
  let sum = 0
  for (let i = 0; i + 1 < length; i += 2) sum += b.readUInt16BE(i)
  if (length % 2) sum += b[length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/**
 * An ICMP or ICMPv6 socket for echoes: datagram (no privilege: ping(7), net.ipv4.ping_group_range), else raw (CAP_NET_RAW).
 * Every echo carries its session and index in its data, so any number of sessions share a socket. The sequence number is the socket's own
 * counter: an ICMP error that quotes no more than 8 bytes (RFC 792) is matched by it.
 */
export class EchoSocket {
  readonly fd: number
  readonly family: Family
  readonly mode: 'datagram' | 'raw'
  readonly clock = new Realtime()
  readonly #mailbox: Mailbox
  readonly #packet: Buffer
  readonly #words: DataView
  readonly #sessionBySequence = new Uint32Array(65_536)
  readonly #indexBySequence = new Uint32Array(65_536)
  readonly #reply: EchoReply = { session: 0, index: 0, receivedNs: 0, ttl: -1, bytes: 0 }
  readonly #identifier: number
  readonly #isPinned: boolean
  #sequence = 0

  constructor(fd: number, family: Family, mode: 'datagram' | 'raw', { largestBytes = 1500, identifier }: EchoSocketOptions) {
    this.fd = fd
    this.family = family
    this.mode = mode
    this.#isPinned = identifier !== undefined
    this.#identifier = identifier ?? (process.pid ^ (performance.now() * 1000)) & 0xffff
    this.#mailbox = new Mailbox(Math.max(128, Math.min(largestBytes, 2048) + 68))
    this.#packet = Buffer.alloc(largestBytes + icmpHeader)
    this.#packet[0] = ECHO[family].request
    this.#words = new DataView(this.#packet.buffer, this.#packet.byteOffset)
  }

  /** Sends one echo with `dataBytes` of data (at least 8; of a pinned socket 10). Returns 0, or the error number. */
  send(to: Buffer, session: number, index: number, dataBytes: number): number {
    const p = this.#packet
    const sequence = this.#sequence
    this.#sequence = (sequence + 1) & 0xffff
    this.#sessionBySequence[sequence] = session
    this.#indexBySequence[sequence] = index
    p[6] = sequence >>> 8
    p[7] = sequence
    this.#words.setUint32(8, session)
    this.#words.setUint32(12, index)
    const length = icmpHeader + dataBytes
    if (this.#isPinned) this.#words.setUint16(16, balanceOf(this.family, length, [sequence, session >>> 16, session, index >>> 16, index]))
    if (this.mode === 'raw') {
      p.writeUInt16BE(this.#identifier, 4)
      p.writeUInt16BE(0, 2)
      if (this.family === 4) p.writeUInt16BE(checksum(p, length), 2)
    }
    return libc.sendto(this.fd, p, length, 0, to, to.length) < 0 ? libc.errno() : 0
  }

  /** Hands over the replies that have arrived; the reply is valid during the call only. Returns a pending error number, or 0. */
  receive(onReply: (reply: EchoReply) => void): number {
    this.#onReply = onReply
    return this.#mailbox.drain(this.fd, this.clock.baseSeconds, this.#onMessage)
  }

  #onReply: (reply: EchoReply) => void = () => {}
  readonly #onMessage = ({ data, offset, length, receivedNs, ttl }: Received): void => {
    const ip = this.mode === 'raw' && this.family === 4 ? (data[offset]! & 0xf) * 4 : 0
    const o = offset + ip
    if (length < ip + icmpHeader + 8 || data[o] !== ECHO[this.family].reply) return
    const reply = this.#reply
    reply.session = data.readUInt32BE(o + 8)
    reply.index = data.readUInt32BE(o + 12)
    reply.receivedNs = receivedNs
    reply.ttl = ttl
    reply.bytes = length - ip - icmpHeader
    this.#onReply(reply)
  }

  /** Hands over the errors that have arrived for echoes sent here. */
  receiveErrors(onError: (session: number, index: number, error: QueuedError) => void): void {
    for (let i = 0; i < 4096; i++) {
      const error = takeError(this.fd)
      if (!error) return
      const p = error.packet
      const last = (this.#sequence + 0xffff) & 0xffff
      // What this machine itself refuses is not quoted (ip_local_error): it is the echo just sent, as the error is read at once.
      if (error.origin === 1 && p.length === 0) onError(this.#sessionBySequence[last]!, this.#indexBySequence[last]!, error)
      else if (p.length >= icmpHeader + 8 && p[0] === ECHO[this.family].request) onError(p.readUInt32BE(8), p.readUInt32BE(12), error)
      else if (p.length >= icmpHeader && p[0] === ECHO[this.family].request) {
        const sequence = p.readUInt16BE(6)
        onError(this.#sessionBySequence[sequence]!, this.#indexBySequence[sequence]!, error)
      }
    }
  }

  /**
   * Messages that the kernel has dropped because this process read too slowly, since the socket was opened: SK_MEMINFO_DROPS
   * (linux/sock_diag.h). SO_RXQ_OVFL would tell it with each message, but not for ping sockets (net/ipv4/ping.c, ping_recvmsg).
   */
  drops(): number {
    memoryLength.writeUInt32LE(memory.length)
    return libc.getsockopt(this.fd, libc.SOL_SOCKET, libc.SO_MEMINFO, memory, memoryLength) < 0 ? 0 : memory.readUInt32LE(8 * 4)
  }

  close(): void {
    libc.close(this.fd)
  }
}

const setUp = (fd: number, family: Family, options: EchoSocketOptions): void => {
  const level = family === 4 ? libc.IPPROTO_IP : libc.IPPROTO_IPV6
  const set = (l: number, name: number, value: number): number => libc.setsockopt(fd, l, name, libc.int32(value), 4)
  set(libc.SOL_SOCKET, libc.SO_TIMESTAMPNS, 1)
  set(libc.SOL_SOCKET, libc.SO_RCVBUF, 4 << 20)
  set(libc.SOL_SOCKET, libc.SO_SNDBUF, 4 << 20)
  set(level, family === 4 ? libc.IP_RECVERR : libc.IPV6_RECVERR, 1)
  set(level, family === 4 ? libc.IP_RECVTTL : libc.IPV6_RECVHOPLIMIT, 1)
  if (family === 6 && options.identifier !== undefined) set(level, libc.IPV6_AUTOFLOWLABEL, 0)
  if (options.dontFragment) {
    set(level, family === 4 ? libc.IP_MTU_DISCOVER : libc.IPV6_MTU_DISCOVER, libc.PMTUDISC_PROBE)
    if (family === 6) set(level, libc.IPV6_DONTFRAG, 1)
  }
}

/** The identifier of a datagram socket is its port: nobody else on this machine may have the same (net/ipv4/ping.c, ping_get_port). */
const bindEchoes = (
  fd: number,
  family: Family,
  mode: 'datagram' | 'raw',
  { source, identifier = 0 }: EchoSocketOptions,
): Outcome | undefined => {
  if (!source && identifier === 0) return undefined
  // Two may share one otherwise, and take each other's replies: these sockets are born with SO_REUSEADDR (net/ipv4/af_inet.c, INET_PROTOSW_REUSE).
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_REUSEADDR, libc.int32(0), 4)
  const from = sockaddr(source ?? anyAddress(family), mode === 'datagram' ? identifier : 0)
  if (libc.bind(fd, from, from.length) >= 0) return undefined
  const code = libc.errno()
  if (code === libc.EADDRINUSE)
    return {
      kind: 'unmeasured',
      reason: 'local_resource',
      detail: `echo identifier ${identifier} is in use by another program of this machine`,
    }
  return { kind: 'unmeasured', reason: 'config_invalid', detail: `source address ${source ?? 'any'}: ${libc.errnoName(code)}` }
}

/** The sysctl that a closed host needs, in the words of an administrator's shell. IPv6 ping sockets are governed by the IPv4 name too. */
export const permissionAdvice =
  'neither a datagram nor a raw ICMP socket is allowed: sysctl -w net.ipv4.ping_group_range="0 2147483647" (in Kubernetes: pod securityContext.sysctls), or grant CAP_NET_RAW'

/** Opens an echo socket, or says as an outcome why this process can't. */
export const openEchoSocket = (family: Family, options: EchoSocketOptions = {}): EchoSocket | Outcome => {
  const domain = family === 4 ? libc.AF_INET : libc.AF_INET6
  if (options.source && !familyOf(options.source))
    return { kind: 'unmeasured', reason: 'config_invalid', detail: `source address ${options.source}: not an address` }
  let code = 0
  for (const [mode, type] of [
    ['datagram', libc.SOCK_DGRAM],
    ['raw', libc.SOCK_RAW],
  ] as const) {
    const fd = libc.socket(domain, type | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, ECHO[family].protocol)
    if (fd < 0) {
      code = libc.errno()
      continue
    }
    setUp(fd, family, options)
    const refusal = bindEchoes(fd, family, mode, options)
    if (refusal) {
      libc.close(fd)
      return refusal
    }
    return new EchoSocket(fd, family, mode, options)
  }
  if (code === libc.EACCES || code === libc.EPERM) return { kind: 'unmeasured', reason: 'local_permission', detail: permissionAdvice }
  const reason = code === libc.EAFNOSUPPORT ? 'unsupported' : 'local_resource'
  return { kind: 'unmeasured', reason, detail: `ICMP socket: ${libc.errnoName(code)}` }
}
