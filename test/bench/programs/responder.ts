/** A responder on loopback without rate caps: what the benchmark of the responder measures the CPU of. Ends with its stdin. */
import { startResponder } from '../../../agent/responder/responder.ts'

const unlimited = {
  datagrams: 1e9,
  datagramsPerSource: 1e9,
  hellos: 1e9,
  connects: 1e9,
  connectsPerSource: 1e9,
  connections: 1e6,
  connectionsPerSource: 1e6,
}
const { ports } = await startResponder({ agentId: 'bench', bind: ['127.0.0.1'], ports: { tcp: 0, udp: 0 }, limits: unlimited })
process.stdin.once('end', () => process.exit(0)).resume()
process.stdout.write(`${JSON.stringify(ports)}\n`)
