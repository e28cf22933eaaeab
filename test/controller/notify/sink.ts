/** An HTTP server in the place of a receiver: keeps what it is sent and answers as it is told. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { type Pems, startHttp, startHttps } from '../../servers/http-servers.ts'
import type { Listening } from '../../servers/listening.ts'

export type Got = { url: string; headers: IncomingHttpHeaders; body: string; json: () => Record<string, unknown> }
export type Reply = { status?: number; headers?: Record<string, string>; body?: string } | 'nothing'
export type Sink = Listening & { url: string; got: Got[]; answer: { next: (got: Got) => Reply } }

export const startSink = async (tls?: Pems): Promise<Sink> => {
  const got: Got[] = []
  const answer: Sink['answer'] = { next: () => ({}) }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8')
      const one: Got = { url: request.url ?? '', headers: request.headers, body, json: () => JSON.parse(body) as Record<string, unknown> }
      got.push(one)
      const reply = answer.next(one)
      if (reply === 'nothing') return
      response.writeHead(reply.status ?? 200, reply.headers).end(reply.body ?? 'ok')
    })
  }
  const server = await (tls ? startHttps(listener, tls) : startHttp(listener))
  return { ...server, url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`, got, answer }
}
