/**
 * What Node itself takes for a verified TLS 1.3 handshake, with nothing measured, described or judged: `tls.connect` with one secure context,
 * until `secureConnect`, then `destroy`. `node tls-floor.ts '{"port": 1, "probes": 1000, "ca": "/file.pem", "servername": "svc.test"}'`, with
 * `cert` and `key` where there is a client certificate. Prints the CPU per handshake of the second half in µs.
 */
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, connect, createSecureContext } from 'node:tls'
import { printWarmHalf } from './warm-half.ts'

type Asked = { port: number; probes: number; ca: string; cert?: string; key?: string; servername?: string }
const { port, probes, ca, cert, key, servername } = JSON.parse(process.argv[2]!) as Asked
const read = (file: string): string => readFileSync(file, 'utf8')
const own = cert && key ? { cert: read(cert), key: read(key) } : {}
const secureContext = createSecureContext({ ca: read(ca), ecdhCurve: 'X25519', ...own })
// A SPIFFE ID is no name of a host: without a server name, the chain alone is verified.
const name: ConnectionOptions = servername ? { servername } : { checkServerIdentity: () => undefined }

await printWarmHalf(
  probes,
  () =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, secureContext, ...name })
      socket.once('error', reject)
      socket.once('close', () => resolve())
      socket.once('secureConnect', () => {
        if (!socket.authorized || socket.getProtocol() !== 'TLSv1.3') reject(new Error(`not verified: ${socket.authorizationError}`))
        socket.destroy()
      })
    }),
)
