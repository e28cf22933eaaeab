import net from 'node:net'
import type { Family } from '../../wire/result.ts'
import * as libc from './libc.ts'
import { localPort } from './local-port.ts'
import { pinFlow } from './pin-flow.ts'
import { anyAddress, familyOf, sockaddr } from './sockaddr.ts'
import { arrivedTtl, socketError, type TcpInfo, tcpInfo, tcpState } from './tcp-info.ts'

export type DialOptions = {
  address: string
  family: Family
  port: number
  source?: string
  /** Pins the flow: this port, and what else routers share traffic by is the same for every connection. */
  sourcePort?: number
  /** Told the port, once there is one. */
  bound?: (port: number) => void
  /** The MSS to advertise: it bounds the peer's segments, and ours (tcp(7), TCP_MAXSEG). */
  mss?: number
}

/** A socket that could not be made, or a connect that failed: `code` is the system's name, `ECONNREFUSED`. */
export class DialError extends Error {
  readonly code: string
  constructor(call: string, code: string) {
    super(`${call}: ${code}`)
    this.code = code
  }
}

const makeSocket = (o: DialOptions): number => {
  if (!Number.isInteger(o.port) || o.port < 1 || o.port > 65_535) throw new DialError(`port ${o.port}`, 'ERR_SOCKET_BAD_PORT')
  // Node would look a name up, and take an empty one for this machine.
  if (!familyOf(o.address)) throw new DialError(`address ${o.address}`, 'EINVAL')
  const from = o.source || o.sourcePort ? sourceOf(o) : undefined
  const domain = o.family === 4 ? libc.AF_INET : libc.AF_INET6
  const fd = libc.socket(domain, libc.SOCK_STREAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, 0)
  if (fd < 0) throw new DialError('socket', libc.errnoName(libc.errno()))
  if (o.mss) libc.setsockopt(fd, libc.IPPROTO_TCP, libc.TCP_MAXSEG, libc.int32(o.mss), 4)
  if (o.sourcePort) {
    pinFlow(fd, o.family)
    // Our own end leaves no TIME-WAIT behind.
    resetOnClose(fd)
  }
  if (from && libc.bind(fd, from, from.length) < 0) {
    const code = libc.errnoName(libc.errno())
    libc.close(fd)
    throw new DialError(`bind to ${o.source ?? `port ${o.sourcePort}`}`, code)
  }
  return fd
}

const sourceOf = ({ source, sourcePort, family }: DialOptions): Buffer => {
  if (source && !familyOf(source)) throw new DialError(`bind to ${source}`, 'EINVAL')
  return sockaddr(source || anyAddress(family), sourcePort)
}

/** SO_LINGER with a time of 0: closing resets the connection, and neither side keeps it for a minute (tcp(7); RFC 9293 §3.6.1, TIME-WAIT). */
const lingerNot = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
export const resetOnClose = (fd: number): void => void libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_LINGER, lingerNot, lingerNot.length)

/** `_handle.fd` is not documented; this is its only use. */
const fdOf = (socket: net.Socket): number | undefined => {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd
  return libc.supported && fd !== undefined && fd >= 0 ? fd : undefined
}

/** TCP_INFO of an open stream; undefined when it is closed, or on a system without it. */
export const infoOf = (socket: net.Socket): TcpInfo | undefined => {
  const fd = fdOf(socket)
  return fd === undefined ? undefined : tcpInfo(fd)
}

/** TTL or hop limit that was left in the packet that completed the handshake of an accepted stream; null where the kernel does not tell. */
export const ttlOf = (socket: net.Socket): number | null => {
  const fd = fdOf(socket)
  return fd === undefined ? null : (arrivedTtl(fd) ?? null)
}

/** TCP_INFO that can be read after Node has closed the stream. The connection stays open until `release` is called. */
export const holdInfo = (socket: net.Socket): { read: () => TcpInfo | undefined; release: () => void } => {
  const fd = fdOf(socket)
  const held = fd === undefined ? -1 : libc.dup(fd)
  return { read: () => (held < 0 ? undefined : tcpInfo(held)), release: () => void (held < 0 || libc.close(held)) }
}

/**
 * Connects a stream to one address. Resolves when it is connected; rejects with a `DialError` (`code` is the system's, `ABORT_ERR` when the
 * signal fired). The caller destroys the stream.
 */
export const dial = (o: DialOptions, signal: AbortSignal): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    // An aborted signal would let net.Socket connect anyway.
    if (signal.aborted) return reject(new DialError('connect', 'ABORT_ERR'))
    const socket = libc.supported
      ? new net.Socket({ fd: makeSocket(o), readable: true, writable: true, manualStart: true } as net.SocketConstructorOpts)
      : new net.Socket()
    const stop = (): void => void socket.destroy(new DialError('connect', 'ABORT_ERR'))
    signal.addEventListener('abort', stop, { once: true })
    const settle = (error?: NodeJS.ErrnoException): void => {
      signal.removeEventListener('abort', stop)
      socket.removeListener('connect', connected)
      socket.removeListener('error', settle)
      if (!error) {
        resolve(socket)
        return
      }
      socket.on('error', () => {})
      socket.destroy()
      reject(error instanceof DialError ? error : new DialError('connect', error.code ?? error.message))
    }
    const connected = (): void => settle()
    socket.once('connect', connected)
    socket.once('error', settle)
    const local = !libc.supported && o.source ? { localAddress: o.source } : {}
    try {
      socket.connect({ host: o.address, port: o.port, autoSelectFamily: false, ...local })
    } catch (error) {
      // The descriptor is ours already.
      settle(error as Error)
    }
  })

type Pending = { fd: number; settle: (code: number) => void }
const pending = new Set<Pending>()
let timer: NodeJS.Timeout | undefined
/** How often outstanding connects are looked at. The RTT is the kernel's own, so it costs no accuracy. */
const lookMs = 2

/** State 1 is established; 8 is close-wait: established too, and the peer has hung up since. */
const isUp = (state: number): boolean => state === 1 || state === 8

/** State 2 is SYN sent; what is neither that nor up has failed, and SO_ERROR says how. */
const look = (): void => {
  for (const p of pending) {
    const state = tcpState(p.fd)
    if (state === 2) continue
    p.settle(isUp(state) ? 0 : socketError(p.fd) || libc.EHOSTUNREACH)
  }
  if (pending.size > 0) return
  clearInterval(timer)
  timer = undefined
}

/**
 * Connects and nothing more, the cheapest way: one shared timer looks at the state of every outstanding connect.
 * Returns the descriptor, which the caller closes, and the kernel's facts about the connection. Rejects as `dial` does.
 */
export const connectOnly = async (o: DialOptions, signal: AbortSignal): Promise<{ fd: number; info: TcpInfo }> => {
  if (signal.aborted) throw new DialError('connect', 'ABORT_ERR')
  const fd = makeSocket(o)
  try {
    const to = sockaddr(o.address, o.port)
    let code = libc.connect(fd, to, to.length) < 0 ? libc.errno() : 0
    o.bound?.(localPort(fd))
    if (code === libc.EINPROGRESS) code = isUp(tcpState(fd)) ? 0 : await settled(fd, signal)
    if (code !== 0) throw new DialError('connect', code < 0 ? 'ABORT_ERR' : libc.errnoName(code))
    const info = tcpInfo(fd)
    if (!info) throw new DialError('TCP_INFO', libc.errnoName(libc.errno()))
    return { fd, info }
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

const settled = (fd: number, signal: AbortSignal): Promise<number> =>
  new Promise(resolve => {
    const stop = (): void => entry.settle(-1)
    const entry: Pending = {
      fd,
      settle: code => {
        pending.delete(entry)
        signal.removeEventListener('abort', stop)
        resolve(code)
      },
    }
    pending.add(entry)
    signal.addEventListener('abort', stop, { once: true })
    timer ??= setInterval(look, lookMs)
  })

/** Closes a descriptor that `connectOnly` returned. */
export const closeFd = (fd: number): void => void libc.close(fd)
