/** One stream of events, from the dial to its end. */
import { type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { silenceMs as usualSilenceMs } from '../../wire/api/assignments.ts'
import { mostAnswerBytes, sayError } from '../send/post.ts'
import { sayAnswer } from './credential.ts'
import { createEventReader, type ServerEvent } from './event-reader.ts'

/**
 * How it ended. `mute`: somebody answered or at least let us in, and then not one byte of the stream came: as behind a proxy that holds back what is not whole.
 */
export type StreamEnd =
  | { kind: 'unreachable'; detail: string }
  | { kind: 'refused'; status: number; detail: string; retryAfter?: string }
  | { kind: 'mute'; detail: string }
  | { kind: 'ended'; detail: string; livedMs: number }

export type StreamRequest = {
  url: string
  headers: Record<string, string>
  agent: HttpAgent
  /** After so long without a byte, comments included, the other side is taken for dead. */
  silenceMs?: number
  mostEventBytes?: number
}

/** `onFirst`: the first byte is here, a comment perhaps. */
export type Listener = { onEvent: (event: ServerEvent) => void; onFirst?: () => void }

/** Gives each event as it comes. Never rejects; when it resolves the connection is closed. */
export const followStream = (request: StreamRequest, { onEvent, onFirst }: Listener, signal: AbortSignal): Promise<StreamEnd> => {
  const { url, headers, agent, silenceMs = usualSilenceMs, mostEventBytes } = request
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise(resolve => {
    let isIn = false
    let firstMs: number | undefined
    const accept = { ...headers, accept: 'text/event-stream', 'cache-control': 'no-cache' }
    const outgoing = send(url, { method: 'GET', agent, headers: accept, signal })
    const silence = setTimeout(() => end(`nothing for ${silenceMs} ms`), silenceMs)
    const end = (detail: string, refusal?: StreamEnd): void => {
      clearTimeout(silence)
      if (refusal) resolve(refusal)
      else if (firstMs !== undefined) resolve({ kind: 'ended', detail, livedMs: performance.now() - firstMs })
      else resolve({ kind: isIn ? 'mute' : 'unreachable', detail })
      outgoing.destroy()
    }
    outgoing.on('error', error => end(sayError(error)))
    // TLS has its event of its own only after this one: a handshake that hangs is a server that let us in.
    outgoing.on('socket', socket => {
      const letIn = (): void => void (isIn = true)
      if (socket.connecting) socket.once('connect', letIn)
      else letIn()
    })
    outgoing.on('response', response => {
      response.on('error', error => end(sayError(error)))
      response.on('close', () => end('the controller closed the stream'))
      if (response.statusCode !== 200) return void readRefusal(response, refusal => end('', refusal))
      const type = response.headers['content-type'] ?? 'nothing'
      if (!/^text\/event-stream\b/i.test(type)) return end(`answered 200 with ${type}, which is no stream of events`)
      const read = createEventReader(mostEventBytes)
      response.on('data', (chunk: Buffer) => {
        if (firstMs === undefined) {
          firstMs = performance.now()
          onFirst?.()
        }
        silence.refresh()
        try {
          for (const event of read(chunk)) onEvent(event)
        } catch (error) {
          end((error as Error).message)
        }
      })
    })
    outgoing.end()
  })
}

const readRefusal = (response: IncomingMessage, done: (end: StreamEnd) => void): void => {
  const parts: Buffer[] = []
  let bytes = 0
  const finish = (): void => {
    const status = response.statusCode ?? 0
    const { 'retry-after': retryAfter, 'content-type': contentType } = response.headers
    const detail = sayAnswer({ status, body: Buffer.concat(parts), contentType })
    done({ kind: 'refused', status, detail, ...(retryAfter === undefined ? {} : { retryAfter }) })
  }
  response.on('data', (part: Buffer) => {
    parts.push(part.subarray(0, mostAnswerBytes - bytes))
    bytes += part.length
    if (bytes > mostAnswerBytes) finish()
  })
  response.on('end', finish)
}
