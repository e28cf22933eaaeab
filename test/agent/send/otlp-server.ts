/** HTTP servers that take OTLP, or do to it what endpoints do. Each remembers whole requests. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { listen } from '../../servers/listening.ts'

export type Got = { path: string; headers: IncomingMessage['headers']; body: Buffer }
export type OtlpServer = { url: string; got: Got[]; connections(): number }
/** `nth` is 0 for the first request. */
export type Reply = (response: ServerResponse, nth: number, got: Got) => void

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

export const startOtlp = async (t: Test, reply: Reply = response => void response.end(), tls?: ServerOptions): Promise<OtlpServer> => {
  const got: Got[] = []
  const handle: RequestListener = (request, response) => {
    readBody(request).then(
      body => {
        got.push({ path: request.url ?? '', headers: request.headers, body })
        reply(response, got.length - 1, got.at(-1)!)
      },
      () => {},
    )
  }
  const listening = await listen(tls ? createTlsServer(tls, handle) : createServer(handle))
  t.teardown(listening.close)
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${listening.port}`, got, connections: listening.connections }
}

/** Answers the n-th connection with the first n bytes of a good answer and then a reset, until an answer is whole. */
export const startResetting = async (t: Test, answer: string): Promise<{ url: string; connections(): number }> => {
  let nth = 0
  const server = createTcpServer(socket => {
    const upTo = nth++
    let seen = ''
    socket.on('error', () => {})
    socket.on('data', text => {
      seen += text.toString('latin1')
      if (!isWhole(seen)) return
      if (upTo >= answer.length) socket.end(answer)
      else socket.write(answer.slice(0, upTo), () => socket.resetAndDestroy())
    })
  })
  const listening = await listen(server)
  t.teardown(listening.close)
  return { url: `http://127.0.0.1:${listening.port}`, connections: listening.connections }
}

const isWhole = (request: string): boolean => {
  const [, length] = /content-length: (\d+)/i.exec(request) ?? []
  const end = request.indexOf('\r\n\r\n')
  return end > 0 && length !== undefined && request.length >= end + 4 + Number(length)
}
