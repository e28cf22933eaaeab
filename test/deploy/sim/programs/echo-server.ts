/**
 * Answers on port 7000: a UDP datagram with as many bytes as its first two say (all zero: as many as it has), and a TCP message (four bytes of
 * length, then so many) once all of it is there. Prints "ready".
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const udp = createSocket({ type: 'udp6', recvBufferSize: 1 << 20 })
udp.on('message', (message, from) => {
  const size = message.readUInt16BE(0) || message.length
  const answer = Buffer.alloc(Math.max(size, 6))
  message.copy(answer, 0, 0, 6)
  udp.send(answer, from.port, from.address)
})
udp.bind(7000, '::')
await once(udp, 'listening')

const tcp = createServer(socket => {
  let received = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
    while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
      const end = 4 + received.readUInt32BE(0)
      socket.write(received.subarray(0, end))
      received = received.subarray(end)
    }
  })
})
tcp.listen(7000, '::')
await once(tcp, 'listening')
console.log('ready')
