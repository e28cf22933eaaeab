/** A controller that does what a test says: by default it lets everybody in, streams nothing but heartbeats, and takes all that it is told. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { gunzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { listen } from '../../servers/listening.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever was sent is looked at with t.match.
export type Asked = { path: string; headers: IncomingMessage['headers']; raw: Buffer; body: any; request: IncomingMessage }
export type Handler = (asked: Asked, response: ServerResponse, nth: number) => void
const routes = {
  enrol: 'POST /v1/enrol',
  renew: 'POST /v1/enrol/renew',
  stream: 'GET /v1/assignments',
  poll: 'GET /v1/assignments?poll',
  ack: 'POST /v1/assignments/ack',
  metrics: 'POST /v1/metrics',
  logs: 'POST /v1/logs',
} as const
export type Route = keyof typeof routes | 'results'

export type FakeController = {
  url: string
  port: number
  /** May be replaced at any time. */
  on: Partial<Record<Route, Handler>>
  asked: Record<Route, Asked[]>
  /** Streams that are open. */
  streams: Set<ServerResponse>
  /** To every stream. */
  say(event: string, data: unknown, id?: string): void
  close(): Promise<void>
}

export type FakeOptions = { tls?: ServerOptions; port?: number; lifeMs?: number; agentId?: string; heartbeatMs?: number }

export const eventText = (event: string, data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

export const problem = (response: ServerResponse, status: number, detail: string, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
  response.end(JSON.stringify({ status, detail }))
}

export const credentialAnswer = (nth: number, { lifeMs = 3_600_000, agentId = 'cluster/node-1' }: FakeOptions = {}): object => ({
  agentId,
  credential: `credential-${nth}`,
  expiresAt: new Date(Date.now() + lifeMs).toISOString(),
  location: { cloud: 'aws', region: 'us-east-1', zone: 'us-east-1a', cluster: 'cluster', node: 'node-1', moon: 'unknown' },
  fromTheFuture: true,
})

export const answerJson = (response: ServerResponse, body: object): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export const openStream = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(':\n\n')
}

export const startFakeController = async (t: Test, options: FakeOptions = {}): Promise<FakeController> => {
  const { tls, heartbeatMs = 20 } = options
  const streams = new Set<ServerResponse>()
  const names = [...Object.keys(routes), 'results'] as Route[]
  const asked = Object.fromEntries(names.map(name => [name, []])) as unknown as FakeController['asked']
  const usual: Record<Route, Handler> = {
    enrol: (_asked, response, nth) => answerJson(response, credentialAnswer(nth, options)),
    renew: (_asked, response, nth) => answerJson(response, credentialAnswer(1000 + nth, options)),
    stream: (_asked, response) => {
      openStream(response)
      streams.add(response)
      const beat = setInterval(() => response.write(':\n\n'), heartbeatMs)
      response.once('close', () => {
        clearInterval(beat)
        streams.delete(response)
      })
    },
    poll: (_asked, response) => void response.writeHead(204).end(),
    ack: (_asked, response) => void response.writeHead(204).end(),
    results: (_asked, response) => void response.writeHead(204).end(),
    metrics: (_asked, response) => void response.end(),
    logs: (_asked, response) => void response.end(),
  }
  const fake: Pick<FakeController, 'on'> = { on: {} }
  const handle: RequestListener = (request, response) => {
    const words = `${request.method} ${request.url}`
    const route =
      names.find(name => name !== 'results' && routes[name] === words) ??
      (/^POST \/v1\/runs\/[^/]+\/results$/.test(words) ? 'results' : undefined)
    if (!route) return void response.writeHead(404).end()
    void readBody(request).then(
      raw => {
        const one = { path: request.url ?? '', headers: request.headers, raw, body: parse(raw), request }
        asked[route].push(one)
        ;(fake.on[route] ?? usual[route])(one, response, asked[route].length - 1)
      },
      () => {},
    )
  }
  const listening = await listen(tls ? createTlsServer(tls, handle) : createServer(handle), { port: options.port })
  t.teardown(listening.close)
  return Object.assign(fake, {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${listening.port}`,
    port: listening.port,
    asked,
    streams,
    say: (event: string, data: unknown, id?: string) => {
      for (const stream of streams) stream.write(eventText(event, data, id))
    },
    close: listening.close,
  })
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

const parse = (raw: Buffer): unknown => {
  try {
    return JSON.parse(raw.toString())
  } catch {
    return undefined
  }
}

/** Resolves when it is so; the test's own time limit ends it. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5))
}
