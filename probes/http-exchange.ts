import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import type { TcpInfo } from './net/tcp-info.ts'

/** One request on a connection that is open already. */
export type HttpRequest = {
  method: 'GET' | 'HEAD' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
  maxBodyBytes: number
}

/** How an exchange ended. `bounded`: enough of the body was read. `signal`: stopped or timed out. */
export type ExchangeEnd = 'complete' | 'bounded' | 'signal' | { problem: Error & { code?: string } }

export type Exchange = {
  end: ExchangeEnd
  status: number | null
  headers: IncomingHttpHeaders
  body: Buffer
  bodyBytes: number
  firstByteMs: number | null
  bodyMs: number | null
  /** TCP_INFO at the end, while the connection was still there. */
  info?: TcpInfo
}

/** More header than any service needs; Node's own servers take 16 KiB. */
const maxHeaderBytes = 32 * 1024
/** Interim answers that a service may send before its own. */
const mostInterim = 100
/** Never looked up and never dialled: the Host is a header of its own. */
const anyOrigin = 'http://causeway.invalid'

/**
 * Sends one request over `socket` and reads its answer, as undici speaks it: HTTP/1.1, or HTTP/2 where that was agreed on. Nothing is
 * followed, unpacked, pooled or tried again. Never rejects. The caller's socket is gone afterwards.
 */
export const exchange = async (
  socket: Socket,
  request: HttpRequest,
  readInfo: () => TcpInfo | undefined,
  signal: AbortSignal,
): Promise<Exchange> => {
  let dialled = false
  const client = new Client(anyOrigin, {
    allowH2: (socket as { alpnProtocol?: string }).alpnProtocol === 'h2',
    connect: (_options, callback) => {
      const again = dialled
      dialled = true
      // undici does not look at its queue again when it is called back at once.
      queueMicrotask(() => (again ? callback(new Error('the connection was closed'), null) : callback(null, socket)))
    },
    pipelining: 1,
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  // A small request must not wait until the handshake's last packet is acknowledged (RFC 9293 §3.7.4).
  socket.setNoDelay(true)
  try {
    return await perform(client, request, readInfo, signal)
  } finally {
    await client.destroy().catch(() => {})
    socket.destroy()
  }
}

const perform = (
  client: Dispatcher,
  { method, path, headers, body, maxBodyBytes }: HttpRequest,
  readInfo: () => TcpInfo | undefined,
  signal: AbortSignal,
): Promise<Exchange> =>
  new Promise(resolve => {
    const seen: Exchange = {
      end: 'signal',
      status: null,
      headers: {},
      body: Buffer.alloc(0),
      bodyBytes: 0,
      firstByteMs: null,
      bodyMs: null,
    }
    const pieces: Buffer[] = []
    let start = performance.now()
    let controls: Dispatcher.DispatchController | undefined
    let isOver = false
    let interim = 0
    const settle = (end: ExchangeEnd): void => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', stop)
      seen.end = end
      seen.info = readInfo()
      seen.body = Buffer.concat(pieces)
      if (seen.firstByteMs !== null) seen.bodyMs = performance.now() - start - seen.firstByteMs
      controls?.abort(new Error('enough'))
      resolve(seen)
    }
    const stop = (): void => settle('signal')
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    client.dispatch(
      { method, path, headers, ...(body === undefined ? {} : { body }) },
      {
        onRequestStart: controller => {
          controls = controller
          // Only now is everything loaded and the request about to be written.
          start = performance.now()
        },
        onResponseStart: (_controller, status, fields) => {
          // An interim answer comes before the final one (RFC 9110 §15.2).
          if (status < 200 && (interim += 1) > mostInterim) settle({ problem: new Error('interim answers without an end') })
          if (status < 200) return
          seen.status = status
          seen.headers = fields
          seen.firstByteMs = performance.now() - start
          if (maxBodyBytes === 0) settle('bounded')
        },
        onResponseData: (_controller, piece) => {
          const left = maxBodyBytes - seen.bodyBytes
          // The piece is undici's and used again.
          pieces.push(Buffer.from(piece.subarray(0, left)))
          seen.bodyBytes += Math.min(piece.length, left)
          if (piece.length > left) settle('bounded')
        },
        onResponseEnd: () => settle('complete'),
        onResponseError: (_controller, problem) => settle({ problem }),
      },
    )
  })
