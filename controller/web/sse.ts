/** Server-sent events (HTML Living Standard, §9.2) on a reply that stays open. A reader that does not read is let go: what it missed it asks for when it comes again. */
import type { FastifyReply } from 'fastify'

export type SseEvent = { id?: string; event?: string /** One line: JSON. */; data: string }
export type Sse = {
  /** False: it is not open any more. */
  send(event: SseEvent): boolean
  /** Whether everything that was written has left this process. */
  readonly isDrained: boolean
  readonly isOpen: boolean
  /** Says a last event, and ends it as soon as that has left. */
  end(last?: SseEvent): void
  /** Resolves once it has ended, for whatever reason. */
  readonly closed: Promise<void>
}
export type SseOptions = {
  /** A comment goes out so often, so that both ends know that the other is there. */
  heartbeatMs: number
  /** A heartbeat has left this process, or is about to. */
  onHeartbeat?: (sse: Sse) => void
  /** More than this is not kept for a reader that is slow. */
  maxWaitingBytes?: number
  headers?: Readonly<Record<string, string>>
}

const defaultMaxWaitingBytes = 8 * 2 ** 20

/** Takes the reply over: nothing else may be sent on it. */
export const openSse = (reply: FastifyReply, options: SseOptions): Sse => {
  const { heartbeatMs, onHeartbeat, maxWaitingBytes = defaultMaxWaitingBytes, headers } = options
  const { raw } = reply.hijack()
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    ...headers,
    'content-type': 'text/event-stream',
    // What comes next comes on another: an ending controller waits for no connection that could be used again.
    connection: 'close',
    // Proxies are not to change it or to keep it back.
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  raw.flushHeaders()
  raw.socket?.setNoDelay(true)
  let waited = false
  const write = (text: string): boolean => {
    if (raw.destroyed || raw.writableEnded) return false
    raw.write(text)
    if (raw.writableLength > maxWaitingBytes) raw.destroy()
    return !raw.destroyed
  }
  const beat = (): void => {
    // A whole period, and it has taken nothing or not all: it does not read.
    if (waited && raw.writableLength > 0) return void raw.destroy()
    onHeartbeat?.(sse)
    write(':\n\n')
    waited = raw.writableLength > 0
  }
  const timer = setInterval(beat, heartbeatMs)
  raw.once('close', () => {
    clearInterval(timer)
    resolve()
  })
  raw.on('error', () => {})
  const sse: Sse = {
    send: event => write(textOf(event)),
    get isDrained() {
      return raw.writableLength === 0
    },
    get isOpen() {
      return !raw.destroyed && !raw.writableEnded
    },
    end: last => {
      if (last) write(textOf(last))
      clearInterval(timer)
      raw.end()
      // Ends it also when the other side takes nothing any more.
      setTimeout(() => raw.destroy(), lingerMs).unref()
    },
    closed,
  }
  return sse
}

const lingerMs = 2000

const textOf = ({ id, event, data }: SseEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`
