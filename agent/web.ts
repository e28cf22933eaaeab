/**
 * The agent's own page: `/metrics` for Prometheus, `/healthz` (this process works) and `/readyz` (it measures). Plain node:http: an agent loads no
 * web framework. Answers GET and HEAD of these three and nothing else; reads no bodies.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export type Page = { type: string; parts: () => AsyncIterable<string> }
/** `problems` empty: ready. */
export type Pages = { metrics: () => Promise<Page>; problems: () => readonly string[] }

/** A scraper that reads slowly must not hold the agent's memory. */
const requestMs = 10_000
const mostConnections = 32

/** Starts to listen; rejects with the system's error when it can't. */
export const startWeb = (at: { host: string; port: number }, pages: Pages): Promise<{ port: number; close: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs, maxHeaderSize: 8192 }, (request, response) => {
      answer(request, response, pages).catch(() => response.destroy())
    })
    server.maxConnections = mostConnections
    server.timeout = requestMs
    server.once('error', reject)
    server.listen(at.port, at.host, () => {
      const bound = server.address()
      resolve({ port: typeof bound === 'object' && bound ? bound.port : at.port, close: () => closeServer(server) })
    })
  })

const closeServer = (server: Server): Promise<void> =>
  new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

const answer = async (request: IncomingMessage, response: ServerResponse, pages: Pages): Promise<void> => {
  const path = request.url?.split('?')[0]
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'want GET or HEAD\n', { allow: 'GET, HEAD' })
  if (path === '/healthz') return say(response, 200, 'ok\n')
  if (path === '/readyz') {
    const problems = pages.problems()
    return say(response, problems.length > 0 ? 503 : 200, problems.length > 0 ? `${problems.join('\n')}\n` : 'ready\n')
  }
  if (path !== '/metrics') return say(response, 404, 'this agent has /metrics, /healthz and /readyz\n')
  const page = await pages.metrics()
  response.writeHead(200, { 'content-type': page.type })
  if (request.method === 'HEAD') return void response.end()
  for await (const part of page.parts()) {
    if (response.destroyed) return
    if (!response.write(part)) await new Promise(resolve => response.once('drain', resolve).once('close', resolve))
  }
  response.end()
}

const say = (response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text)
