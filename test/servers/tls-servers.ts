import { createServer as createTcpServer } from 'node:net'
import { createServer, type SecureVersion, type TLSSocket } from 'node:tls'
import { type Authority, daysFromNow, issueSelfSigned, type LeafOptions, makeAuthority } from './authority.ts'
import { parseServerName, readFirstRecord } from './client-hello.ts'
import { type At, type Listening, listen } from './listening.ts'

export type TlsOptions = At & {
  chainPem: string
  keyPem: string
  /** PEM of the authorities whose client certificates are accepted. */
  ca?: string | string[]
  /** Asks for a client certificate and refuses those that `ca` does not vouch for. */
  requestCert?: boolean
  alpn?: string[]
  minVersion?: SecureVersion
  maxVersion?: SecureVersion
  ciphers?: string
  ecdhCurve?: string
  onConnection?: (socket: TLSSocket) => void
  /** Sent as soon as the handshake is over. */
  greeting?: string
}

/** A real TLS server on `host`:`port`. It reads and drops what clients send unless `onConnection` does something else. */
export const startTls = (options: TlsOptions): Promise<Listening> => listen(createTls(options), options)

function createTls({ chainPem, keyPem, requestCert = false, alpn, onConnection, greeting, ...rest }: TlsOptions) {
  const { ca, minVersion, maxVersion, ciphers, ecdhCurve } = rest
  const versions = { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }
  const choices = { ...versions, ...(ca && { ca }), ...(ciphers && { ciphers }), ...(ecdhCurve && { ecdhCurve }) }
  const options = { cert: chainPem, key: keyPem, requestCert, rejectUnauthorized: requestCert, ...choices }
  const server = createServer({ ...options, ...(alpn && { ALPNProtocols: alpn }) })
  server.on('secureConnection', socket => {
    socket.on('error', () => {})
    if (greeting) socket.write(greeting)
    if (onConnection) onConnection(socket)
    else socket.resume()
  })
  return server
}

/** Who signs, and which names and addresses a good certificate has. `padBytes` overrides the padding of `big chain`. */
export type Mint = { authority: Authority; names?: string[]; addresses?: string[]; padBytes?: number }

type Start = (mint: Mint, at?: At) => Promise<Listening>
type Settings = Omit<TlsOptions, 'chainPem' | 'keyPem' | keyof At>

const namesOf = ({ names = ['svc.test'], addresses = ['127.0.0.1', '::1'] }: Mint): LeafOptions => ({ names, addresses })

/** A good chain of leaf and intermediate, but for what `leaf` and `intermediate` change. */
async function issueChain(mint: Mint, leaf: LeafOptions = {}, intermediate: { notBefore?: Date; notAfter?: Date } = {}) {
  const issuer = await mint.authority.intermediate({ name: 'test intermediate', ...intermediate })
  return issuer.issue({ ...namesOf(mint), ...leaf })
}

const withLeaf =
  (leaf: LeafOptions): Start =>
  async (mint, at) =>
    startTls({ ...(await issueChain(mint, leaf)), ...at })

const withSettings =
  (settings: Settings): Start =>
  async (mint, at) =>
    startTls({ ...(await issueChain(mint)), ...settings, ...at })

const past = () => ({ notBefore: daysFromNow(-40), notAfter: daysFromNow(-10) })

const startExpired: Start = (mint, at) => withLeaf(past())(mint, at)
const startNotYetValid: Start = (mint, at) => withLeaf({ notBefore: daysFromNow(10), notAfter: daysFromNow(40) })(mint, at)
const startBigChain: Start = (mint, at) => withLeaf({ padBytes: mint.padBytes ?? 4096 })(mint, at)
const startSmallChain: Start = async (mint, at) =>
  startTls({ ...(await mint.authority.issue(namesOf(mint))), ecdhCurve: 'X25519:P-256', ...at })
const startSelfSigned: Start = async (mint, at) => startTls({ ...(await issueSelfSigned(namesOf(mint))), ...at })
const startExpiredIntermediate: Start = async (mint, at) => startTls({ ...(await issueChain(mint, {}, past())), ...at })

const startIncompleteChain: Start = async (mint, at) => {
  const { certPem, keyPem } = await issueChain(mint)
  return startTls({ chainPem: certPem, keyPem, ...at })
}

const startUntrustedRoot: Start = async (mint, at) => {
  const stranger = await makeAuthority({ name: 'stranger root' })
  return startTls({ ...(await issueChain({ ...mint, authority: stranger })), ...at })
}

/** A leaf below 199 intermediates, each with a short name: about 80 kB, within OpenSSL's default limit of 100 kB for a chain. */
const start200Certificates: Start = async (mint, at) => {
  let issuer = mint.authority
  for (let i = 1; i < 200; i++) issuer = await issuer.intermediate({ name: `i${i}` })
  return startTls({ ...(await issuer.issue(namesOf(mint))), ...at })
}

/** Fatal alert 112, unrecognized_name (RFC 6066 §3). */
const unrecognizedName = Buffer.from('15030300020270', 'hex')

/** Node's own servers can't send alert 112, so the name is read from the ClientHello before TLS begins. Clients without SNI are let in. */
const startRefusingUnknownNames: Start = async (mint, at) => {
  const secure = createTls(await issueChain(mint))
  const known = new Set(namesOf(mint).names)
  const front = createTcpServer(socket =>
    readFirstRecord(socket, seen => {
      const name = parseServerName(seen)
      if (name !== undefined && !known.has(name)) return socket.resume().end(unrecognizedName)
      socket.unshift(seen)
      secure.emit('connection', socket)
    }),
  )
  return listen(front, at)
}

/** One fault per server, by name. Without another word the leaf is good, P-256, below one intermediate that is sent too. */
export const tlsServers = {
  healthy: withSettings({}),
  expired: startExpired,
  'not yet valid': startNotYetValid,
  'wrong name': withLeaf({ names: ['elsewhere.invalid'], addresses: [] }),
  'self-signed': startSelfSigned,
  'incomplete chain': startIncompleteChain,
  'untrusted root': startUntrustedRoot,
  'expired intermediate': startExpiredIntermediate,
  'TLS 1.2 only': withSettings({ maxVersion: 'TLSv1.2' }),
  /** In OpenSSL, but in nobody's default list. */
  'only a cipher that nobody has': withSettings({ minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_CCM_SHA256' }),
  /** Alert 120 for those who offer others; those who offer none are hung up on after the handshake. */
  "demands ALPN 'other'": withSettings({
    alpn: ['other'],
    onConnection: socket => (socket.alpnProtocol === 'other' ? socket.resume() : socket.destroy()),
  }),
  'refuses unknown SNI': startRefusingUnknownNames,
  /** A server flight of about 6 kB, a post-quantum share less or more. */
  'big chain': startBigChain,
  /** One P-256 leaf right below the root, and no post-quantum share (1.1 kB): a server flight of less than 1 kB. */
  'small EC chain': startSmallChain,
  'huge certificate': withLeaf({ padBytes: 1_000_000 }),
  '200 certificates': start200Certificates,
} as const satisfies Record<string, Start>

export type TlsVariant = keyof typeof tlsServers
