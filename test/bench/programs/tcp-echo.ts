/** The plainest TCP echo of node:net: what the benchmark compares the responder with. Ends with its stdin. */
import { type AddressInfo, createServer } from 'node:net'

const server = createServer(socket => socket.on('error', () => {}).pipe(socket))
server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ tcp: (server.address() as AddressInfo).port })}\n`))
process.stdin.once('end', () => process.exit(0)).resume()
