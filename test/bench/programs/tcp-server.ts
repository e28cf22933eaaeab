/** Accepts connections on loopback and reads until they end: the peer of TCP benchmarks, in a process of its own. Ends with its stdin. */
import { tcpServers } from '../../servers/tcp-servers.ts'

const { port } = await tcpServers.sink()
process.stdin.once('end', () => process.exit(0)).resume()
process.stdout.write(`${JSON.stringify({ port })}\n`)
