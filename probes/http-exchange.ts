import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import type { TcpInfo } from './net/tcp-info.ts'

/** One request on a connection that is open already. */
export type HttpRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT'
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
/** Told to what still waits when a client is given up. Made once: undici would make one with a stack for each. */
const over = new Error('over')
/** Never looked up and never dialled: the Host is a header of its own. */
const anyOrigin = 'http://causeway.invalid'

/** Requests over one socket, one after another. Each `send` is one attempt; a connection that the service has closed since is a problem of the next. */
export type Conversation = {
  send(request: HttpRequest, readInfo: () => TcpInfo | undefined, signal: AbortSignal): Promise<Exchange>
  /** The socket is gone afterwards. */
  close(): Promise<void>
}

/** Talks as undici does: HTTP/1.1, or HTTP/2 where that was agreed on. Nothing is followed, unpacked, pooled or tried again. */
export const converse = (socket: Socket): Conversation => {
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
  return {
    send: (request, readInfo, signal) => perform(client, request, readInfo, signal),
    close: async () => {
      await client.destroy(over).catch(() => {})
      socket.destroy()
    },
  }
}

/** Sends one request over `socket` and reads its answer. Never rejects. The caller's socket is gone afterwards. */
export const exchange = async (
  socket: Socket,
  request: HttpRequest,
  readInfo: () => TcpInfo | undefined,
  signal: AbortSignal,
): Promise<Exchange> => {
  const conversation = converse(socket)
  try {
    return await conversation.send(request, readInfo, signal)
  } finally {
    await conversation.close()
  }
}

const perform = (
  client: Dispatcher,
  { maxBodyBytes, ...request }: HttpRequest,
  readInfo: () => TcpInfo | undefined,
  signal: AbortSignal,
): Promise<Exchange> =>
  new Promise(resolve => {
    let isOver = false
    const reading = readAnswer(maxBodyBytes, end => settle(end))
    const settle = (end: ExchangeEnd): void => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', stop)
      resolve({ ...reading.seen(), end, info: readInfo() })
      if (end !== 'complete') reading.abort()
    }
    const stop = (): void => settle('signal')
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    client.dispatch(request, reading.handler)
  })

type Reading = { handler: Dispatcher.DispatchHandler; seen(): Omit<Exchange, 'end'>; abort(): void }

/** Takes an answer as it comes, until there is enough of it. */
const readAnswer = (maxBodyBytes: number, settle: (end: ExchangeEnd) => void): Reading => {
  const pieces: Buffer[] = []
  let head: Pick<Exchange, 'status' | 'headers' | 'firstByteMs'> = { status: null, headers: {}, firstByteMs: null }
  let bodyBytes = 0
  let interim = 0
  let start = performance.now()
  let controls: Dispatcher.DispatchController | undefined
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: controller => {
      controls = controller
      // Only now is everything loaded and the request about to be written.
      start = performance.now()
    },
    onResponseStart: (_controller, status, headers) => {
      // An interim answer comes before the final one (RFC 9110 §15.2).
      if (status < 200 && (interim += 1) > mostInterim) settle({ problem: new Error('interim answers without an end') })
      if (status < 200) return
      head = { status, headers, firstByteMs: performance.now() - start }
      if (maxBodyBytes === 0) settle('bounded')
    },
    onResponseData: (_controller, piece) => {
      const left = maxBodyBytes - bodyBytes
      // The piece is undici's and used again.
      pieces.push(Buffer.from(piece.subarray(0, left)))
      bodyBytes += Math.min(piece.length, left)
      if (piece.length > left) settle('bounded')
    },
    onResponseEnd: () => settle('complete'),
    onResponseError: (_controller, problem) => settle({ problem }),
  }
  return {
    handler,
    seen: () => ({
      ...head,
      body: Buffer.concat(pieces),
      bodyBytes,
      bodyMs: head.firstByteMs === null ? null : performance.now() - start - head.firstByteMs,
    }),
    abort: () => controls?.abort(new Error('enough')),
  }
}
