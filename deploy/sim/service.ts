/**
 * A service of a simulated cloud, as a process: `node service.ts <address> <port> <cloud> <name>…` serves TLS with a fresh certificate, prints its
 * root as the JSON line {"port":…,"rootPem":"…"} when it listens, and ends when its standard input does.
 */
import tls from 'node:tls'
import { mintService } from './certificates.ts'

const [address, port, cloud, ...names] = process.argv.slice(2)
const { rootPem, chainPem, keyPem } = mintService(cloud!, names, Date.now())
const server = tls.createServer({ cert: chainPem, key: keyPem, ALPNProtocols: ['h2', 'http/1.1'] }, socket => {
  socket.on('error', () => {})
  socket.end()
})
server.on('tlsClientError', () => {})
server.listen(Number(port), address, () => {
  const bound = server.address() as { port: number }
  process.stdout.write(`${JSON.stringify({ port: bound.port, rootPem })}\n`)
})
process.stdin.on('end', () => process.exit(0)).resume()
