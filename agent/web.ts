/**
 * The agent's own page: `/metrics` for Prometheus, `/healthz` (this process works) and `/readyz` (it measures). Plain node:http: an agent loads no
 * web framework. Answers GET and HEAD of these three and nothing else; reads no bodies.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export type Page = { type: string; parts: () => AsyncIterable<string> }
/** `problems` empty: ready. */
export type Pages = { metrics: () => Promise<Page>; problems: () => readonly string[] }

export type WebLimits = {
  /** How long somebody may take to ask, and may take nothing of what is answered: a slow one must not hold the agent's memory. */
  idleMs: number
  /** For a whole page: no scraper waits longer (Prometheus: scrape_timeout, 10 s unless told). */
  pageMs: number
}
const defaultLimits: WebLimits = { idleMs: 10_000, pageMs: 60_000 }
const mostConnections = 32

/** Starts to listen; rejects with the system's error when it can't. */
export const startWeb = (
  at: { host: string; port: number },
  pages: Pages,
  limits = defaultLimits,
): Promise<{ port: number; close: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const { idleMs } = limits
    const server = createServer({ requestTimeout: idleMs, headersTimeout: idleMs, maxHeaderSize: 8192 }, (request, response) => {
      answer(request, response, pages, limits).catch(() => response.destroy())
    })
    server.maxConnections = mostConnections
    server.timeout = idleMs
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

const answer = async (request: IncomingMessage, response: ServerResponse, pages: Pages, limits: WebLimits): Promise<void> => {
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
  await stream(page, response, limits)
}

/**
 * Writes as fast as it is read. The socket's own timeout would count the time that making a part takes too, which on a busy machine may be longer than
 * any reader's.
 */
const stream = async (page: Page, response: ServerResponse, { idleMs, pageMs }: WebLimits): Promise<void> => {
  response.socket?.setTimeout(0)
  const startMs = performance.now()
  for await (const part of page.parts()) {
    if (response.destroyed) return
    if (performance.now() - startMs > pageMs || !(response.write(part) || (await isDrained(response, idleMs))))
      return void response.destroy()
  }
  response.end()
  response.socket?.setTimeout(idleMs)
}

/** False when a part was not taken in time. */
const isDrained = (response: ServerResponse, withinMs: number): Promise<boolean> =>
  new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      response.off('drain', end).off('close', end)
      resolve(!response.writableNeedDrain)
    }
    const timer = setTimeout(end, withinMs)
    response.once('drain', end).once('close', end)
  })

const say = (response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text)
