import tls, { type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import { inPieces } from './in-pieces.ts'
import { alpnOf, type ContextOptions, type Hello, secureContext } from './secure-context.ts'
import type { TcpInfo } from './tcp-info.ts'
import { type DialOptions, dial, holdInfo } from './tcp-socket.ts'

export type HandshakeOptions = DialOptions &
  ContextOptions & {
    hello: Hello
    sni?: string
    alpn: readonly string[]
    /** Send in pieces of so many bytes. */
    pieceBytes?: number
    /** How much a `large` hello is to be filled up with. */
    fillBytes?: number
    /** Find out whether the server asks for a client certificate, also when it then hangs up: it costs a listener to every key of the handshake. */
    heedRequest?: boolean
  }

/** Looks at a connection's TCP_INFO every so often, from when it is connected, and ends the handshake by answering true. */
export type Watch = { everyMs: number; from: (connected: TcpInfo) => (now: TcpInfo, nowMs: number) => boolean }

/**
 * What OpenSSL reported: the reason number of its TLS library, and the alert that the peer sent, if it was one (reason − 1000; RFC 8446 §6).
 * `library` is another part of OpenSSL, whose reasons have meanings of their own.
 */
export type TlsError = { code: string; message: string; reason?: number; alert?: number; library?: number }

/** How far a handshake came. `stopped`: the signal or the watcher ended it. */
export type HandshakeEnd = { kind: 'done' } | { kind: 'error'; error: TlsError } | { kind: 'closed' } | { kind: 'stopped' }

export type Handshake = {
  end: HandshakeEnd
  tls: TLSSocket
  handshakeMs: number
  /** With `heedRequest`: the server asked for a client certificate; it listed the signature algorithms that it takes, which nothing else makes it do. */
  requested: boolean
  /** TCP_INFO directly after connecting, and at the end. */
  connected?: TcpInfo
  last?: TcpInfo
  /** TCP_INFO now, for what is done with the connection afterwards. */
  info: () => TcpInfo | undefined
}

/** ERR_LIB_SSL (err.h). */
const sslLibrary = 20

/** The hex number that OpenSSL puts into its messages is stable; the names of the codes are not: library in bits 23–30, reason in the low 23. */
export const parseTlsError = (error: NodeJS.ErrnoException): TlsError => {
  const code = error.code ?? 'unknown'
  const hex = /error:([0-9A-Fa-f]{8})/.exec(error.message)?.[1]
  const message = error.message
    .replace(/^.*?error:[0-9A-Fa-f]{8}:/s, '')
    .replace(/^SSL routines:/, '')
    .split(':../')[0]!
    .replace(/\s+/g, ' ')
    .trim()
  if (!hex) return { code, message }
  const library = (Number.parseInt(hex, 16) >>> 23) & 0xff
  if (library !== sslLibrary) return { code, message, library }
  const reason = Number.parseInt(hex, 16) & 0x7fffff
  const alert = reason - 1000
  return alert >= 0 && alert <= 255 ? { code, message, reason, alert } : { code, message, reason }
}

/**
 * Dials and shakes hands once, with nothing verified and no session reused: the caller judges the certificate. Rejects with a `DialError`
 * when the connection fails, with a `ContextError` when our own PEM is bad. `watch` may end it early. `use` gets the outcome while the socket is still open; the socket is gone afterwards,
 * by RST when the handshake did not finish, so that a server that serves one client at a time is free for the next.
 */
export const shakeHands = async <T>(
  options: HandshakeOptions,
  signal: AbortSignal,
  watch: Watch,
  use: (handshake: Handshake) => T | Promise<T>,
): Promise<T> => {
  const context = secureContext(options.hello, options)
  const alpn = alpnOf(options.hello, options.alpn, options.fillBytes)
  const socket = await dial(options, signal)
  const info = holdInfo(socket)
  let finished = false
  try {
    const connected = info.read()
    const start = performance.now()
    const secure = tls.connect({
      socket: options.pieceBytes ? inPieces(socket, options.pieceBytes) : socket,
      secureContext: context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(options.sni ? { servername: options.sni } : {}),
      ALPNProtocols: alpn,
    })
    // Node would make an object of the peer's chain for checkServerIdentity, which takes a fifth of the whole handshake; ours does not look at it.
    secure.getPeerCertificate = () => ({}) as DetailedPeerCertificate
    socket.on('error', () => {})
    secure.on('error', () => {})
    let requested = false
    // The keys are there once the server's flight has been read, and before it can hang up on ours.
    const heed = (): void => {
      requested ||= secure.getSharedSigalgs().length > 0
    }
    if (options.heedRequest) secure.on('keylog', heed)
    const end = await ended(secure, info.read, signal, watch.everyMs, connected && watch.from(connected))
    finished = end.kind === 'done'
    if (finished && options.heedRequest) heed()
    const seen = await use({
      end,
      tls: secure,
      requested,
      handshakeMs: performance.now() - start,
      connected,
      last: info.read(),
      info: info.read,
    })
    secure.destroy()
    return seen
  } finally {
    if (finished) socket.destroy()
    else socket.resetAndDestroy()
    info.release()
  }
}

const ended = (
  secure: TLSSocket,
  read: () => TcpInfo | undefined,
  signal: AbortSignal,
  everyMs: number,
  ends: ReturnType<Watch['from']> | undefined,
): Promise<HandshakeEnd> =>
  new Promise(resolve => {
    const settle = (end: HandshakeEnd): void => {
      clearInterval(timer)
      signal.removeEventListener('abort', stop)
      resolve(end)
    }
    const stop = (): void => settle({ kind: 'stopped' })
    const timer = ends
      ? setInterval(() => {
          const info = read()
          if (info && ends(info, performance.now())) stop()
        }, everyMs)
      : undefined
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    secure.once('secureConnect', () => settle({ kind: 'done' }))
    secure.once('error', (error: NodeJS.ErrnoException) => {
      const closed = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      settle(closed ? { kind: 'closed' } : { kind: 'error', error: parseTlsError(error) })
    })
    secure.once('close', () => settle({ kind: 'closed' }))
  })
