/** What the local clouds share: a server that takes a whole request and answers with a whole text. */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type At, type Listening, listen } from './listening.ts'

export type Asked = { method: string; path: string; query: URLSearchParams; headers: IncomingHttpHeaders; body: string; url: string }
export type Said = { status: number; headers?: Record<string, string>; body?: string } | 'hang'
/** With `tls` it is HTTPS. */
export type CloudAt = At & { tls?: { cert: string; key: string } }
export type CloudServer = Listening & { url: string; asked: Asked[] }

const mostBytes = 4 * 2 ** 20

/** Keeps what it was asked, for tests that look at it. */
export const startCloudServer = async (
  answer: (asked: Asked) => Said | Promise<Said>,
  { tls, ...at }: CloudAt = {},
): Promise<CloudServer> => {
  const asked: Asked[] = []
  const onRequest: RequestListener = (request, response) => {
    const pieces: Buffer[] = []
    let size = 0
    request.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > mostBytes) request.destroy()
      else pieces.push(piece)
    })
    request.on('end', async () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://cloud')
      const one: Asked = {
        method: request.method ?? 'GET',
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: Buffer.concat(pieces).toString('utf8'),
        url: request.url ?? '/',
      }
      asked.push(one)
      const said = await answer(one)
      if (said === 'hang') return
      const body = said.body ?? ''
      response.writeHead(said.status, { 'content-length': String(Buffer.byteLength(body)), ...said.headers }).end(body)
    })
  }
  const server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest)
  const listening = await listen(server, at)
  const host = listening.host.includes(':') ? `[${listening.host}]` : listening.host
  return Object.assign(listening, { url: `${tls ? 'https' : 'http'}://${host}:${listening.port}`, asked })
}

export const json = (status: number, value: unknown, headers: Record<string, string> = {}): Said => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
})
export const xml = (status: number, body: string, headers: Record<string, string> = {}): Said => ({
  status,
  headers: { 'content-type': 'text/xml', ...headers },
  body,
})
export const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
