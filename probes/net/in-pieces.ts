import type net from 'node:net'
import { Duplex } from 'node:stream'

/**
 * A stream that writes to a socket in pieces of at most `pieceBytes`, each its own segment (TCP_NODELAY), so that what we send fits the path
 * whatever MSS was negotiated. Reading is the socket's own.
 */
export const inPieces = (socket: net.Socket, pieceBytes: number): Duplex => {
  socket.setNoDelay(true)
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      for (let o = 0; o < chunk.length; o += pieceBytes) socket.write(chunk.subarray(o, o + pieceBytes))
      done()
    },
    final: done => {
      socket.end()
      done()
    },
    destroy: (error, done) => {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', data => {
    if (!stream.push(data)) socket.pause()
  })
  socket.on('end', () => stream.push(null))
  socket.on('error', error => stream.destroy(error))
  socket.on('close', () => stream.destroy())
  return stream
}
