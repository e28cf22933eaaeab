import type { Family } from '../../wire/result.ts'
import * as libc from './libc.ts'
import { localPort } from './local-port.ts'
import { pinFlow } from './pin-flow.ts'
import { anyAddress, familyOf, sockaddr } from './sockaddr.ts'
import { DialError } from './tcp-socket.ts'

export type UdpSocket = { fd: number; port: number }

/**
 * A UDP socket connected to one address and port: the kernel takes from nobody else, and hands over the ICMP errors that its datagrams cause
 * (udp(7)). Throws a `DialError`. The caller closes the descriptor.
 */
export const openUdp = (o: { address: string; family: Family; port: number; source?: string; sourcePort?: number }): UdpSocket => {
  if (!Number.isInteger(o.port) || o.port < 1 || o.port > 65_535) throw new DialError(`port ${o.port}`, 'ERR_SOCKET_BAD_PORT')
  if (!familyOf(o.address)) throw new DialError(`address ${o.address}`, 'EINVAL')
  if (o.source && !familyOf(o.source)) throw new DialError(`bind to ${o.source}`, 'EINVAL')
  const domain = o.family === 4 ? libc.AF_INET : libc.AF_INET6
  const fd = libc.socket(domain, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, 0)
  if (fd < 0) throw new DialError('socket', libc.errnoName(libc.errno()))
  setUp(fd, o.family)
  if (o.sourcePort !== undefined) pinFlow(fd, o.family)
  const isBound = o.source !== undefined || o.sourcePort !== undefined
  const from = isBound ? sockaddr(o.source ?? anyAddress(o.family), o.sourcePort) : undefined
  if (from && libc.bind(fd, from, from.length) < 0) throw failed(fd, `bind to ${o.source ?? `port ${o.sourcePort}`}`)
  const to = sockaddr(o.address, o.port)
  if (libc.connect(fd, to, to.length) < 0) throw failed(fd, 'connect')
  return { fd, port: localPort(fd) }
}

const failed = (fd: number, call: string): DialError => {
  const code = libc.errnoName(libc.errno())
  libc.close(fd)
  return new DialError(call, code)
}

const setUp = (fd: number, family: Family): void => {
  const level = family === 4 ? libc.IPPROTO_IP : libc.IPPROTO_IPV6
  const set = (l: number, name: number, value: number): number => libc.setsockopt(fd, l, name, libc.int32(value), 4)
  set(libc.SOL_SOCKET, libc.SO_TIMESTAMPNS, 1)
  set(libc.SOL_SOCKET, libc.SO_RXQ_OVFL, 1)
  set(libc.SOL_SOCKET, libc.SO_RCVBUF, 1 << 20)
  set(level, family === 4 ? libc.IP_RECVERR : libc.IPV6_RECVERR, 1)
  set(level, family === 4 ? libc.IP_RECVTTL : libc.IPV6_RECVHOPLIMIT, 1)
}
