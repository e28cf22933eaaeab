/**
 * The services of one cloud as a process: `node services-program.ts <services.json>` serves mutual TLS, the trust domain's bundle endpoint and the private
 * DNS zone as the file says, and as it says later. Prints a line when all listen.
 */
import { once } from 'node:events'
import { readFileSync, watchFile } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type TlsOptions } from 'node:tls'
import { startNames } from './names.ts'
import type { ServicesFile } from './services-file.ts'

/** A file that is replaced on a shared volume tells nobody: it is looked at. */
const lookEveryMs = 300

const path = process.argv[2]!
const read = (): ServicesFile => JSON.parse(readFileSync(path, 'utf8')) as ServicesFile
let file = read()

/** The server asks for a certificate and hangs up without a word on who is not taken, as Node does. */
const optionsOf = ({ chainPem, keyPem, accepts }: ServicesFile['services'][number]): TlsOptions => ({
  cert: chainPem,
  key: keyPem,
  ca: accepts,
  requestCert: true,
  rejectUnauthorized: true,
})

const mutual = file.services.map(({ name }) => {
  const find = () => file.services.find(service => service.name === name)!
  const server = createServer(optionsOf(find()), socket => {
    socket.on('error', () => {})
    // Its policy, which is asked when the handshake is over: who is known and may not come in is hung up on.
    const domain = /URI:spiffe:\/\/([^/,]+)/.exec(socket.getPeerCertificate().subjectaltname ?? '')?.[1]
    if (domain === undefined || !find().admits.includes(domain)) return void setImmediate(() => socket.end())
    socket.resume().write(`${name}\n`)
  })
  server.on('tlsClientError', () => {})
  return { name, server, renew: () => server.setSecureContext(optionsOf(find())), port: find().port }
})

const bundle = createHttpsServer({ cert: file.bundle.chainPem, key: file.bundle.keyPem }, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(file.bundle.document)
})

for (const { server, port } of [...mutual, { server: bundle, port: file.bundle.port }]) {
  server.listen(port, file.host)
  await once(server, 'listening')
}
await startNames({ host: file.host, port: file.dns.port, addressOf: name => file.dns.names[name] })

watchFile(path, { interval: lookEveryMs }, () => {
  file = read()
  for (const { renew } of mutual) renew()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
process.stdout.write(`${JSON.stringify({ listening: mutual.map(({ name, port }) => ({ name, port })) })}\n`)
