import type { Family } from '../../wire/result.ts'
import * as libc from './libc.ts'

/**
 * Before the socket is bound to a port of the caller's choice, one for every run and every target: connected sockets are told apart by their other end, and what is in
 * TIME-WAIT does not hold it (socket(7), SO_REUSEADDR). Routers share IPv6 traffic by the flow label too (RFC 6438), which is random per connection otherwise, and
 * another one after each lost SYN (net/core/sock.c, sk_rethink_txhash).
 */
export const pinFlow = (fd: number, family: Family): void => {
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_REUSEADDR, libc.int32(1), 4)
  if (family === 6) libc.setsockopt(fd, libc.IPPROTO_IPV6, libc.IPV6_AUTOFLOWLABEL, libc.int32(0), 4)
}
