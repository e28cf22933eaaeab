import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { readFirstRecord } from './client-hello.ts'
import { type At, type Listening, listen } from './listening.ts'

type Behaviour = (socket: Socket) => void

const behaving = (behave: Behaviour) => (at?: At) => listen(createServer(behave), at)

/** No protocol starts like this: neither a TLS record, nor a digit, nor a letter. */
const garbage = Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 73 + 200) & 0xff))

/** A handshake record of 16 kB in which a ServerHello starts (RFC 8446 §4.1.3, §5.1); the rest never comes. */
const startOfServerHello = Buffer.from('160303400002003ffc0303', 'hex')

const endlessGarbageBytes = 64 * 1024 * 1024

/** Garbage as fast as the client reads, then a FIN after 64 MB, so that a forgotten client can't run for ever. */
function sendEndlessGarbage(socket: Socket): void {
  const block = Buffer.concat(Array.from({ length: 128 }, () => garbage))
  let leftBytes = endlessGarbageBytes
  const fill = () => {
    while (leftBytes > 0) {
      leftBytes -= block.length
      if (!socket.write(block)) return
    }
    socket.end()
  }
  socket.on('drain', fill)
  socket.resume()
  fill()
}

function dribble(socket: Socket, intervalMs: number): void {
  let sent = 0
  const timer = setInterval(() => {
    const next = startOfServerHello[sent++] ?? 0
    if (socket.writable) socket.write(Buffer.of(next))
  }, intervalMs)
  socket.once('close', () => clearInterval(timer))
  socket.resume()
}

/** Like `one byte a second`, in a rhythm of choice. */
export const startDribbling = (intervalMs: number, at?: At): Promise<Listening> => behaving(socket => dribble(socket, intervalMs))(at)

function speakSmtp(socket: Socket): void {
  socket.write('220 mail.test ESMTP ready\r\n')
  socket.on('data', data => {
    const word = data.toString('latin1', 0, 8).trim().toUpperCase()
    if (word.startsWith('EHLO')) socket.write('250-mail.test\r\n250 STARTTLS\r\n')
    else if (word === 'QUIT') socket.end('221 2.0.0 bye\r\n')
    else socket.write('500 5.5.1 command unrecognized\r\n')
  })
}

/** Node's own HTTP/1.1 server: a request gets 200, anything else the usual "400 Bad Request" and a close. */
const startHttp = (at?: At) =>
  listen(
    createHttpServer((_request, response) => response.end('hello\n')),
    at,
  )

/** One misbehaviour per server, by name. */
export const tcpServers = {
  /** Does not even read, as a hung process: the kernel alone acknowledges. */
  'accepts and says nothing': behaving(() => {}),
  'sends garbage': behaving(socket => socket.resume().write(garbage)),
  /** A clean FIN; what the client sends is still read, or the kernel would reset. */
  'closes at once': behaving(socket => socket.resume().end()),
  'resets at once': behaving(socket => socket.resetAndDestroy()),
  'one byte a second': behaving(socket => dribble(socket, 1000)),
  'resets in the middle of the handshake': behaving(socket =>
    readFirstRecord(socket, () => socket.write(startOfServerHello, () => socket.resetAndDestroy())),
  ),
  'closes after the ClientHello': behaving(socket => readFirstRecord(socket, () => socket.resume().end())),
  'plaintext http': startHttp,
  'smtp greeting': behaving(speakSmtp),
  echo: behaving(socket => socket.pipe(socket)),
  sink: behaving(socket => socket.resume()),
  'endless garbage': behaving(sendEndlessGarbage),
} as const satisfies Record<string, (at?: At) => Promise<Listening>>

export type TcpVariant = keyof typeof tcpServers
