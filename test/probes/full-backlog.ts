import koffi from 'koffi'
import * as libc from '../../probes/net/libc.ts'
import { sockaddr } from '../../probes/net/sockaddr.ts'

export type Silent = { host: string; port: number; close(): void }

/**
 * A port that answers no SYN, as one behind a filter: a listener whose queue of one is full, and which nobody empties (listen(2), tcp(7):
 * the kernel drops the SYN). Needs no privilege.
 */
export function startFullBacklog(host = '127.0.0.1'): Silent {
  const listen = koffi.load(null).func('int listen(int, int)')
  const open = () => libc.socket(host.includes(':') ? libc.AF_INET6 : libc.AF_INET, libc.SOCK_STREAM | libc.SOCK_CLOEXEC, 0)
  const server = open()
  const at = sockaddr(host)
  if (libc.bind(server, at, at.length) < 0) throw new Error(libc.errnoName(libc.errno()))
  if (listen(server, 0) < 0) throw new Error(libc.errnoName(libc.errno()))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(at.length)
  libc.getsockname(server, at, length)
  const filler = open()
  if (libc.connect(filler, at, at.length) < 0) throw new Error(libc.errnoName(libc.errno()))
  return {
    host,
    port: at.readUInt16BE(2),
    close: () => {
      libc.close(filler)
      libc.close(server)
    },
  }
}
