import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2, createSecureServer, type Http2SecureServer, type Http2Server } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Issued } from './authority.ts'
import { type At, type Listening, listen } from './listening.ts'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Node's own server with an answer of choice. */
export const startHttp = (answer: Answer, at?: At): Promise<Listening> => listen(createServer(answer), at)

export type Pems = Pick<Issued, 'chainPem' | 'keyPem'> & { ca?: string }

/** The same over TLS; with `ca` it demands a client certificate. */
export const startHttps = (answer: Answer, { chainPem, keyPem, ca }: Pems, at?: At): Promise<Listening> =>
  listen(createHttps({ cert: chainPem, key: keyPem, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) }, answer), at)

/** HTTP/2 over TLS, and HTTP/1.1 for who does not ask for it. */
export const startHttp2 = (answer: Answer, { chainPem, keyPem }: Pems, at?: At): Promise<Listening> =>
  listen(createSecureServer({ cert: chainPem, key: keyPem, allowHTTP1: true }, answer as never), at)

/** Writes bytes of choice once a whole request head has come. */
const afterHead =
  (behave: (socket: Socket) => void) =>
  (at?: At): Promise<Listening> =>
    listen(
      createTcp(socket => {
        let head = ''
        socket.on('data', data => {
          const before = head
          head += data.toString('latin1')
          if (head.includes('\r\n\r\n') && !before.includes('\r\n\r\n')) behave(socket)
        })
      }),
      at,
    )

const bombMember = gzipSync(Buffer.alloc(2 ** 20))
const bigBytes = 100 * 2 ** 20
const interim = Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(1000))
/** 400 kB that hold 400 MB: members of a gzip file follow one another (RFC 1952 §2.2). */
const bomb = Buffer.concat(Array.from({ length: 400 }, () => bombMember))

/** Sends pieces as fast as they are taken, at most `most` bytes. */
function pour(socket: Socket, piece: Buffer, most: number): void {
  let sent = 0
  const fill = (): void => {
    while (sent < most && !socket.destroyed) {
      sent += piece.length
      if (!socket.write(piece)) return
    }
    socket.end()
  }
  socket.on('drain', fill)
  fill()
}

/** One misbehaviour per server, by name. */
export const httpServers = {
  'answers at once': (at?: At) => startHttp((_request, response) => response.end('hello\n'), at),
  'answers after 300 ms': (at?: At) => startHttp((_request, response) => setTimeout(() => response.end('hello\n'), 300), at),
  'accepts the request and says nothing': afterHead(() => {}),
  'sends garbage': afterHead(socket => socket.write(Buffer.from(randomBytes(2048).map(byte => byte | 0x80)))),
  'closes after the request': afterHead(socket => socket.end()),
  'resets after the request': afterHead(socket => socket.resetAndDestroy()),
  'one byte of the head a second': afterHead(socket => {
    const timer = setInterval(() => socket.write('H'), 1000)
    socket.once('close', () => clearInterval(timer))
  }),
  'one byte of the body a second': afterHead(socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
    const timer = setInterval(() => socket.write('x'), 100)
    socket.once('close', () => clearInterval(timer))
  }),
  'a body of 100 MB': afterHead(socket => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bigBytes}\r\n\r\n`)
    pour(socket, Buffer.alloc(65_536, 'x'), bigBytes)
  }),
  'endless headers': afterHead(socket => {
    socket.write('HTTP/1.1 200 OK\r\n')
    pour(socket, Buffer.from(`x-filler: ${'x'.repeat(1000)}\r\n`), bigBytes)
  }),
  'endless interim answers': afterHead(socket => pour(socket, interim, bigBytes)),
  'chunks that are garbage': afterHead(socket => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n')),
  'a body that is cut': afterHead(socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello')),
  'a gzip bomb': (at?: At) =>
    startHttp((_request, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(bomb)
    }, at),
  'gzip that is none': (at?: At) =>
    startHttp((_request, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end('hello')
    }, at),
  'redirects for ever': (at?: At) =>
    startHttp((request, response) => {
      response.writeHead(302, { location: `${request.url}x` }).end()
    }, at),
} as const satisfies Record<string, (at?: At) => Promise<Listening>>

export type HttpVariant = keyof typeof httpServers

export type GrpcHealth = { status?: number; health?: number; services?: string[]; httpStatus?: number; raw?: Buffer; silent?: boolean }

/** A gRPC server with the health service and nothing else; over TLS when it has a certificate. */
export const startGrpc = (
  { health = 1, status = 0, httpStatus = 200, ...more }: GrpcHealth = {},
  pems?: Pems,
  at?: At,
): Promise<Listening> => {
  const server: Http2Server | Http2SecureServer = pems ? createSecureServer({ cert: pems.chainPem, key: pems.keyPem }) : createHttp2()
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('end', () => {
      if (more.silent) return
      const service = Buffer.concat(pieces).subarray(7).toString()
      const known = headers[':path'] === '/grpc.health.v1.Health/Check'
      const code = !known ? 12 : service !== '' && !more.services?.includes(service) ? 5 : status
      const type = { ':status': httpStatus, 'content-type': 'application/grpc' }
      // Without a message the status comes in the headers: "Trailers-Only".
      if (code !== 0) return stream.respond({ ...type, 'grpc-status': String(code) }, { endStream: true })
      stream.respond(type, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(more.raw ?? Buffer.of(0, 0, 0, 0, 2, 8, health))
    })
  })
  return listen(server, at)
}
