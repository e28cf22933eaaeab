/**
 * The services of one cloud as a process: `node services-program.ts <services.json>` serves mutual TLS, the trust domain's bundle endpoint, the private DNS zone, and
 * where the cloud has them its cluster's issuer and its token service, as the file says, and as it says later. Prints a line when all listen.
 */
import { once } from 'node:events'
import { readFileSync, watchFile } from 'node:fs'
import { createServer as createHttpsServer, get } from 'node:https'
import { json, text } from 'node:stream/consumers'
import { createServer, type TlsOptions } from 'node:tls'
import { startNames } from './names.ts'
import type { ServicesFile } from './services-file.ts'
import { answerForm } from './token-service.ts'

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

type Certified = { port: number; chainPem: string; keyPem: string }
type Said = { status: number; type: string; body: string }
/** HTTPS; `answer` is given what was asked for, and the body. */
const serve = ({ port, chainPem, keyPem }: Certified, answer: (path: string, body: string) => Promise<Said> | Said) => {
  const server = createHttpsServer({ cert: chainPem, key: keyPem }, async (request, response) => {
    try {
      const { status, type, body } = await answer(request.url ?? '/', await text(request))
      response.writeHead(status, { 'content-type': type }).end(body)
    } catch {
      response.destroy()
    }
  })
  return { server, port }
}
const asJson = (body: string | undefined): Said => ({
  status: body === undefined ? 404 : 200,
  type: 'application/json',
  body: body ?? '{}',
})

/** As a cloud fetches an issuer's documents: with its own authorities, and not for ever. */
const fetchTimeoutMs = 5000
const fetchJson = async (url: string): Promise<unknown> => {
  const request = get(url, { ca: file.tokens!.authorityPem, agent: false, signal: AbortSignal.timeout(fetchTimeoutMs) })
  const [response] = await once(request, 'response')
  return json(response)
}

const web = [
  serve(file.bundle, () => asJson(file.bundle.document)),
  ...(file.issuer ? [serve(file.issuer, asked => asJson(file.issuer!.documents[asked]))] : []),
  ...(file.tokens
    ? [
        serve(file.tokens, async (_asked, body) => ({
          type: 'text/xml',
          ...(await answerForm(new URLSearchParams(body), { policy: file.tokens!.policy, fetchJson, nowMs: Date.now() })),
        })),
      ]
    : []),
]

for (const { server, port } of [...mutual, ...web]) {
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
