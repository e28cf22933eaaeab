/**
 * Sends one TCP message to port 7000 and waits for the same to come back; prints as JSON what came of it and what the kernel knows of the connection.
 * Argument: { address, bytes, waitMs, second? }; `second` bytes are sent as a further message once the first was answered.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import * as libc from '../../../../probes/net/libc.ts'

export type Seen = { connected: boolean; received: number; connectMs?: number; sndMss?: number; pathMtu?: number; retransmits?: number }

const {
  address,
  bytes,
  waitMs,
  second = 0,
} = JSON.parse(process.argv[2]!) as { address: string; bytes: number; waitMs: number; second?: number }
const seen: Seen = { connected: false, received: 0 }
const startedAt = performance.now()
const socket = connect({ host: address, port: 7000, noDelay: true })
const fd = () => (socket as unknown as { _handle: { fd: number } })._handle.fd

function message(length: number): Buffer {
  const buffer = Buffer.alloc(4 + length)
  buffer.writeUInt32BE(length)
  return buffer
}

/** Offsets of struct tcp_info: linux/tcp.h. */
function finish(): never {
  if (seen.connected) {
    const info = Buffer.alloc(256)
    libc.getsockopt(fd(), libc.IPPROTO_TCP, libc.TCP_INFO, info, libc.int32(info.length))
    Object.assign(seen, { sndMss: info.readUInt32LE(16), pathMtu: info.readUInt32LE(60), retransmits: info.readUInt32LE(100) })
  }
  process.stdout.write(JSON.stringify(seen))
  process.exit(0)
}

setTimeout(finish, waitMs)
socket.on('error', finish)
await once(socket, 'connect')
Object.assign(seen, { connected: true, connectMs: performance.now() - startedAt })
socket.on('data', (data: Buffer) => {
  const before = seen.received
  seen.received += data.length
  if (second && before < 4 + bytes && seen.received >= 4 + bytes) socket.write(message(second))
  if (seen.received >= 4 + bytes + (second && 4 + second)) finish()
})
socket.write(message(bytes))
