/** Servers that ask for client certificates, and let in or refuse in each way seen in the wild. One way per server, by name. */
import { createServer as createTcpServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer, type SecureVersion, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls'
import { parseServerName, readFirstRecord } from './client-hello.ts'
import { type At, type Listening, listen } from './listening.ts'
import { startOpenssl } from './openssl-server.ts'
import type { SvidOptions, TestSvid, TrustDomain } from './spiffe.ts'
import { type JudgeClient, refuseWithAlerts } from './tls-alert.ts'

/** What all servers take. `accepts`: PEM of the authorities whose clients are let in. */
export type MtlsOptions = At & {
  svid: Pick<TestSvid, 'chainPem' | 'keyPem'>
  accepts: string
  minVersion?: SecureVersion
  maxVersion?: SecureVersion
  /** SPIFFE IDs that are let in; all unless told. */
  allow?: readonly string[]
  /** For `one alert`. */
  alert?: number
  /** For `Istio gateway`: the server names that have a route. */
  serverNames?: readonly string[]
}

export type MtlsServer = Pick<Listening, 'host' | 'port' | 'close'> & {
  /** Shows another SVID to new connections. Not with OpenSSL. */
  serve(svid: Pick<TestSvid, 'chainPem' | 'keyPem'>): void
  /** Lets other clients in from now on. Not with OpenSSL. */
  accept(pem: string): void
  /** Connections accepted since the start; null where nobody counts. */
  connections(): number | null
}

type Live = { svid: MtlsOptions['svid']; accepts: string; options: MtlsOptions }
type Meet = (socket: TLSSocket, live: Live) => void
type Start = (options: MtlsOptions) => Promise<MtlsServer>

export const greeting = 'welcome\n'

/** URI names of the client's certificate; empty without one. */
const idsOf = (socket: TLSSocket): string[] =>
  (socket.getPeerX509Certificate()?.subjectAltName ?? '').split(', ').flatMap(name => (name.startsWith('URI:') ? [name.slice(4)] : []))
const isAllowed = (socket: TLSSocket, { options: { allow } }: Live): boolean => !allow || idsOf(socket).some(id => allow.includes(id))

/** Of a finished handshake that was not verified. */
type Fault = 'none' | 'untrusted' | 'expired' | 'wrong EKU' | 'ID refused'
function faultOf(socket: TLSSocket, live: Live): Fault | undefined {
  if (!socket.getPeerX509Certificate()) return 'none'
  const code = socket.authorizationError as unknown as string | null
  if (code === 'CERT_HAS_EXPIRED') return 'expired'
  if (code === 'INVALID_PURPOSE') return 'wrong EKU'
  if (code) return 'untrusted'
  return isAllowed(socket, live) ? undefined : 'ID refused'
}

/** reference/identity.md §2.1. Where two numbers stand, TLS 1.3 and 1.2 differ. */
type Alerts = Record<Fault, number | [tls13: number, tls12: number]>
const javaAlerts: Alerts = { none: 42, untrusted: 46, expired: 46, 'wrong EKU': 46, 'ID refused': 46 }
const goSpiffeAlerts: Alerts = { none: [116, 42], untrusted: 42, expired: 42, 'wrong EKU': 42, 'ID refused': 42 }
const envoyAlerts: Alerts = { none: [116, 40], untrusted: 48, expired: 45, 'wrong EKU': 43, 'ID refused': 46 }

const alertsOf =
  (table: Alerts) =>
  (live: Live): JudgeClient =>
  socket => {
    const fault = faultOf(socket, live)
    const alert = fault && table[fault]
    return Array.isArray(alert) ? alert[socket.getProtocol() === 'TLSv1.3' ? 0 : 1] : alert
  }

const tlsOptions = ({ svid, accepts, options: { minVersion, maxVersion } }: Live): TlsOptions => ({
  cert: svid.chainPem,
  key: svid.keyPem,
  ca: accepts,
  allowPartialTrustChain: true,
  ...(minVersion ? { minVersion } : {}),
  ...(maxVersion ? { maxVersion } : {}),
})

function createTls(live: Live, meet: Meet, extra: TlsOptions): TlsServer {
  const server = createServer({ ...tlsOptions(live), ...extra })
  return server.on('secureConnection', socket => {
    socket.on('error', () => {})
    if (!socket.destroyed) meet(socket, live)
  })
}

const demanding: TlsOptions = { requestCert: true, rejectUnauthorized: true }
const asking: TlsOptions = { requestCert: true, rejectUnauthorized: false }

const greet: Meet = socket => void socket.resume().write(greeting)
const stayQuiet: Meet = socket => void socket.resume()
const sayWho: Meet = socket => void socket.resume().write(`${JSON.stringify({ peerId: idsOf(socket)[0] ?? null })}\n`)
const echo: Meet = socket => void socket.pipe(socket)
const hangUp: Meet = socket => void socket.end()
/** When its session tickets are on their way. */
const hangUpLater: Meet = socket => void setImmediate(() => socket.end())
/** Answers the first bytes with a status and ends, as an HTTP server with a policy does. */
const answerHttp =
  (statusOf: (socket: TLSSocket, live: Live) => string): Meet =>
  (socket, live) =>
    void socket.once('data', () => socket.end(`HTTP/1.1 ${statusOf(socket, live)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`))

/** `front` is what listens; `renew` is told when the SVID or the accepted authorities change. */
async function run(live: Live, front: NetServer, renew: () => void): Promise<MtlsServer> {
  const listening = await listen(front, live.options)
  return {
    ...listening,
    serve(svid) {
      live.svid = svid
      renew()
    },
    accept(pem) {
      live.accepts = pem
      renew()
    },
  }
}

const liveOf = (options: MtlsOptions): Live => ({ svid: options.svid, accepts: options.accepts, options })

const node =
  (meet: Meet, extra: TlsOptions): Start =>
  options => {
    const live = liveOf(options)
    const server = createTls(live, meet, extra)
    return run(live, server, () => server.setSecureContext(tlsOptions(live)))
  }

/** A proxy that restarts to take a new certificate: what is open ends then. */
const startRestarting: Start = options => {
  const live = liveOf(options)
  const server = createTls(live, greet, demanding)
  const open = new Set<TLSSocket>()
  server.on('secureConnection', socket => void open.add(socket.once('close', () => open.delete(socket))))
  return run(live, server, () => {
    server.setSecureContext(tlsOptions(live))
    for (const socket of open) socket.end()
  })
}

/** A Node server that refuses as another stack would: `judge` says with which alert. */
const withAlerts =
  (judge: (live: Live) => JudgeClient, meet: Meet = greet): Start =>
  options => {
    const live = liveOf(options)
    const handler = refuseWithAlerts(
      () => createTls(live, meet, asking),
      socket => judge(live)(socket),
    )
    return run(live, createTcpServer(handler), () => {})
  }

/**
 * Verified, and then neither a session ticket nor a byte: what the server says after the handshake is kept back for good. TLS 1.3 only, since
 * the handshake of TLS 1.2 ends with the server's word.
 */
const startSignless: Start = options =>
  withAlerts(live => socket => (faultOf(socket, live) ? 48 : 'silence'), stayQuiet)({ ...options, minVersion: 'TLSv1.3' })

/** Verified by nobody: RST as soon as the handshake is over. */
const startResetting: Start = options => {
  const live = liveOf(options)
  const front = createTcpServer(raw => void createTls(live, () => void raw.resetAndDestroy(), asking).emit('connection', raw))
  return run(live, front, () => {})
}

/** Envoy without a filter chain for the name: the connection is closed before TLS begins. With a route, a workload behind it answers. */
const startIstioGateway: Start = options => {
  const live = liveOf(options)
  const alpn = { ALPNProtocols: ['istio-peer-exchange', 'istio', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'] }
  const secure = createTls(live, sayWho, { ...demanding, ...alpn })
  const routes = new Set(options.serverNames ?? [])
  const front = createTcpServer((socket: Socket) =>
    readFirstRecord(socket, seen => {
      if (!routes.has(parseServerName(seen) ?? '')) return void socket.destroy()
      socket.unshift(seen)
      secure.emit('connection', socket)
    }),
  )
  return run(live, front, () => secure.setSecureContext(tlsOptions(live)))
}

const startOpensslServer: Start = async ({ svid, accepts, maxVersion, host, port }) => {
  const version = maxVersion === 'TLSv1.2' ? { maxVersion } : {}
  const server = await startOpenssl({ ...svid, ca: accepts, ...version, ...(host ? { host } : {}), ...(port ? { port } : {}) })
  const cannot = () => {
    throw new Error('openssl s_server cannot change; start another')
  }
  return { ...server, serve: cannot, accept: cannot, connections: () => null }
}

export const mtlsServers = {
  // let in
  'accepts and greets': node(greet, demanding),
  /** One line of JSON: `{"peerId":"spiffe://…"}`. */
  'says who you are': node(sayWho, demanding),
  /** A session ticket is the only proof. */
  'accepts and says nothing': node(stayQuiet, demanding),
  'accepts and gives no sign': startSignless,
  'accepts and echoes': node(echo, demanding),
  'ends open connections when renewed': startRestarting,
  // not enforced
  'asks for no certificate': node(greet, {}),
  'takes any certificate or none': node(sayWho, asking),
  // refuse
  /** No alert: after the handshake in TLS 1.3 the connection ends; in TLS 1.2 it is cut during the handshake. */
  Node: node(greet, demanding),
  /** A real one. Alerts 116 (40 in TLS 1.2), 48, 45, 43. */
  OpenSSL: startOpensslServer,
  'like Java': withAlerts(alertsOf(javaAlerts)),
  'like go-spiffe': withAlerts(alertsOf(goSpiffeAlerts)),
  'like Envoy': withAlerts(alertsOf(envoyAlerts)),
  /** To everybody. */
  'one alert': withAlerts(live => () => live.options.alert ?? 46),
  'closes after the handshake': node(hangUp, asking),
  'resets after the handshake': startResetting,
  // refuse by policy, above TLS
  'hangs up by policy': node(hangUpLater, demanding),
  /** As nginx with ssl_verify_client. */
  'like nginx': node(
    answerHttp((socket, live) => (faultOf(socket, live) ? '400 Bad Request' : '200 OK')),
    asking,
  ),
  'denies by policy': node(
    answerHttp((socket, live) => (isAllowed(socket, live) ? '200 OK' : '403 Forbidden')),
    demanding,
  ),
  'Istio gateway': startIstioGateway,
} as const satisfies Record<string, Start>
export type MtlsVariant = keyof typeof mtlsServers

export type MtlsMint = { domain: TrustDomain; svid?: SvidOptions; accepts: readonly TrustDomain[] } & Omit<MtlsOptions, 'svid' | 'accepts'>

/** By name, with an SVID of `domain` (`/server` unless told) and the present bundles of those that it `accepts`. */
export async function startMtls(variant: MtlsVariant, { domain, svid, accepts, ...options }: MtlsMint): Promise<MtlsServer> {
  const shown = await domain.issue({ path: '/server', ...svid })
  return mtlsServers[variant]({ ...options, svid: shown, accepts: accepts.map(one => one.bundlePem()).join('') })
}
