/** An OTLP endpoint that keeps what it takes, and does to its clients what it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { type ReadPoint, readLogs, readMetrics } from '../agent/otlp-reading.ts'
import { type Listening, listen } from '../servers/listening.ts'

/** A request that was answered with 200. */
export type Batch = {
  agent: string
  boot: string
  sequence: number
  atMs: number
  points: ReadPoint[]
  logs: ReturnType<typeof readLogs>
}

export type OtlpSink = {
  url: string
  port: number
  batches: Batch[]
  /** What it does from now on: takes everything, never answers, or is not there. */
  become(manner: 'taking' | 'hanging' | 'away'): Promise<void>
  /** Requests that were never answered. */
  unanswered(): number
  close(): Promise<void>
}

/** Listens; `onBatch` hears of each batch. */
export const startOtlpSink = async (
  at: { host?: string; port?: number } = {},
  onBatch: (batch: Batch) => void = () => {},
): Promise<OtlpSink> => {
  const batches: Batch[] = []
  let manner = 'taking'
  let unanswered = 0
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('end', () => {
      if (manner === 'hanging') return void unanswered++
      const batch = readBatch(request, Buffer.concat(parts))
      batches.push(batch)
      onBatch(batch)
      response.writeHead(200, { 'content-type': String(request.headers['content-type']) }).end()
    })
  }
  const start = (port: number | undefined): Promise<Listening> => listen(createServer(answer), { host: at.host, port })
  let listening: Listening | undefined = await start(at.port)
  const { host, port } = listening
  return {
    url: `http://${host}:${port}`,
    port,
    batches,
    async become(next) {
      manner = next
      if (next === 'away') {
        await listening?.close()
        listening = undefined
      } else listening ??= await start(port)
    },
    unanswered: () => unanswered,
    close: async () => listening?.close(),
  }
}

const readBatch = ({ url, headers }: IncomingMessage, sent: Buffer): Batch => {
  const body = headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
  const encoding = headers['content-type'] === 'application/json' ? 'json' : 'protobuf'
  return {
    agent: String(headers['causeway-agent']),
    boot: String(headers['causeway-boot']),
    sequence: Number(headers['causeway-sequence']),
    atMs: Date.now(),
    points: url === '/v1/metrics' ? readMetrics(body, encoding) : [],
    logs: url === '/v1/logs' ? readLogs(body, encoding) : [],
  }
}

if (import.meta.main) {
  const [host, port] = process.argv.slice(2)
  const sink = await startOtlpSink({ host, port: Number(port ?? 0) }, batch => process.stdout.write(`${JSON.stringify(batch)}\n`))
  process.stdin.once('close', () => process.exit(0)).resume()
  process.stdout.write(`${JSON.stringify({ url: sink.url })}\n`)
}
