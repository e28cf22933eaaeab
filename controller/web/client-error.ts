/** What is no HTTP, or comes too slowly, never becomes a request: answered here, as a problem document too. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { problemMediaType } from '../../wire/api/problem-document.ts'
import { problemDocument } from './problem.ts'

/** By code of Node.js and of its parser (llhttp). */
const answers: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: [431, 'the headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too large'],
}

/** For Fastify's `clientErrorHandler`. */
export const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, detail] = answers[error.code ?? ''] ?? [400, 'this is no HTTP request']
  const body = JSON.stringify(problemDocument(status, detail))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  // Once it has left; whoever does not read it is let go by then.
  if (socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}
