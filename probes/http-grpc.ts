import { type ClientHttp2Stream, connect } from 'node:http2'
import type { Socket } from 'node:net'
import type { Exchange, ExchangeEnd } from './http-exchange.ts'
import type { TcpInfo } from './net/tcp-info.ts'

/** The call's own status comes after the message, or in its place (gRPC over HTTP/2, "Responses"). */
export type GrpcExchange = Exchange & { grpcStatus: number | null; health: string | null }

/** Statuses of a call (grpc/doc/statuscodes.md). */
export const grpcStatusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]
/** HealthCheckResponse.ServingStatus (grpc.health.v1). */
const healthNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const mostBytes = 4096

/** HealthCheckRequest: field 1 is the service's name; before it one byte for "not compressed" and four for the length. */
export const buildHealthRequest = (service: string): Buffer => {
  const name = Buffer.from(service)
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7]
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, ...length), name])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** The status in a HealthCheckResponse: field 1, a varint. Null for what is not one. */
export const parseHealthResponse = (body: Buffer): string | null => {
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return null
  const message = body.subarray(5)
  if (message.length === 0) return healthNames[0]!
  return message.length === 2 && message[0] === 0x08 ? (healthNames[message[1]!] ?? null) : null
}

const noAnswer = (): GrpcExchange => ({
  end: 'signal',
  status: null,
  headers: {},
  body: Buffer.alloc(0),
  bodyBytes: 0,
  firstByteMs: null,
  bodyMs: null,
  grpcStatus: null,
  health: null,
})

/** Asks `grpc.health.v1.Health/Check` over HTTP/2 on a connection that is open already; in plain text with prior knowledge. Never rejects. */
export const checkGrpcHealth = (
  socket: Socket,
  { service, headers }: { service: string; headers: Record<string, string> },
  readInfo: () => TcpInfo | undefined,
  signal: AbortSignal,
): Promise<GrpcExchange> =>
  new Promise(resolve => {
    const { host = 'localhost', ...fields } = headers
    const scheme = 'encrypted' in socket ? 'https' : 'http'
    const seen = noAnswer()
    socket.setNoDelay(true)
    const session = connect(`${scheme}://causeway.invalid`, { createConnection: () => socket })
    let isOver = false
    const settle = (end: ExchangeEnd): void => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', stop)
      seen.end = end
      seen.info = readInfo()
      session.destroy()
      socket.destroy()
      resolve(seen)
    }
    const stop = (): void => settle('signal')
    session.on('error', problem => settle({ problem }))
    session.on('close', () => settle({ problem: new Error('the connection was closed') }))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    const stream = session.request({
      ...fields,
      ':method': 'POST',
      ':scheme': scheme,
      ':authority': host,
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    readAnswer(stream, seen, settle)
    stream.end(buildHealthRequest(service))
  })

const readAnswer = (stream: ClientHttp2Stream, seen: GrpcExchange, settle: (end: ExchangeEnd) => void): void => {
  let start = performance.now()
  const pieces: Buffer[] = []
  const takeStatus = (value: unknown): void => {
    if (typeof value === 'string' && /^\d{1,3}$/.test(value)) seen.grpcStatus = Number(value)
  }
  const finish = (end: ExchangeEnd): void => {
    seen.body = Buffer.concat(pieces)
    seen.health = parseHealthResponse(seen.body)
    if (seen.firstByteMs !== null) seen.bodyMs = performance.now() - start - seen.firstByteMs
    settle(end)
  }
  stream.on('ready', () => {
    start = performance.now()
  })
  stream.on('response', fields => {
    seen.status = fields[':status'] ?? null
    seen.firstByteMs = performance.now() - start
    seen.headers = { 'content-type': fields['content-type'] }
    takeStatus(fields['grpc-status'])
  })
  stream.on('trailers', fields => takeStatus(fields['grpc-status']))
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece)
    seen.bodyBytes += piece.length
    if (seen.bodyBytes > mostBytes) finish('bounded')
  })
  stream.on('error', problem => settle({ problem }))
  stream.on('end', () => finish('complete'))
}
