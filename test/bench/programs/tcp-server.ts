/** Accepts connections, on 127.0.0.1 unless told, and reads until they end: the peer of TCP benchmarks, in a process of its own. Ends with its stdin. */
import { tcpServers } from '../../servers/tcp-servers.ts'

const [host] = process.argv.slice(2)
const { port } = await tcpServers.sink({ host })
process.stdin.once('end', () => process.exit(0)).resume()
process.stdout.write(`${JSON.stringify({ port })}\n`)
