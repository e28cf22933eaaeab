/** The plainest UDP echo of node:dgram: what the benchmark compares the responder with. Ends with its stdin. */
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (data, { port, address }) => socket.send(data, port, address))
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ udp: socket.address().port })}\n`))
process.stdin.once('end', () => process.exit(0)).resume()
