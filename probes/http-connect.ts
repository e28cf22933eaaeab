import { isIP, type Socket } from 'node:net'
import type { TlsMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Family, Outcome, Violation, Warning } from '../wire/result.ts'
import { chainAsSent, describeCertificate, judgeChain } from './chain.ts'
import { fail, type Resolved, unmeasured } from './finding.ts'
import { shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import type { TcpInfo } from './net/tcp-info.ts'
import { DialError, dial, infoOf } from './net/tcp-socket.ts'
import { stallOf, watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { handshakeOptions, judgeUnfinished, measureTls, noTls } from './tls.ts'

const watchMs = 50

/** One server of a run: the first, or one that a redirect leads to. Its address has been judged. */
export type Hop = {
  url: URL
  method: 'GET' | 'HEAD' | 'POST'
  host: string
  address: string
  family: Family
  port: number
  isFirst: boolean
}

/** A connection ready for a request. */
export type Open = {
  socket: Socket
  connected?: TcpInfo
  readInfo: () => TcpInfo | undefined
  /** The server has asked for a certificate of ours, got one, and goes on. */
  isKnown: boolean
}

/** What opening the connection showed. Without an outcome it was opened, and `use` has been called. */
export type Opening = {
  outcome?: Outcome
  tls: TlsMeasured | null
  phasesMs: Record<string, number>
  violations: Violation[]
  warnings: Warning[]
}

/** The protocols to offer: HTTP/2 only where it is asked for, since a request alone gains nothing from it. */
const alpnOf = ({ alpn, grpcService }: Options['http']): string[] =>
  alpn.length > 0 ? [...alpn] : grpcService === undefined ? ['http/1.1'] : ['h2']

/** The names that certificates have, and no dot at their end. */
const nameOf = (host: string): string => host.replace(/\.$/, '')

/**
 * Dials the hop's own address, shakes hands where it is HTTPS, and has `use` talk over it. Nothing is asked of a server whose certificate does not
 * verify: the request may hold secrets. Never rejects for expected trouble; the connection is gone afterwards.
 */
export const withConnection = async (
  hop: Hop,
  options: Options['http'],
  signal: AbortSignal,
  use: (open: Open) => Promise<void>,
): Promise<Opening> => {
  const target: Resolved = { host: hop.host, address: hop.address, family: hop.family, port: hop.port }
  try {
    return await (hop.url.protocol === 'https:' ? openTls(hop, target, options, signal, use) : openTcp(target, options, signal, use))
  } catch (error) {
    const nothing = { tls: null, phasesMs: {}, violations: [], warnings: [] }
    if (error instanceof DialError) return { ...nothing, outcome: judgeDial(error, target, signal) }
    if (!(error instanceof ContextError)) throw error
    return { ...nothing, outcome: unmeasured('config_invalid', `our certificate, key, authorities or protocols: ${error.message}`) }
  }
}

const openTcp = async (
  target: Resolved,
  options: Options['http'],
  signal: AbortSignal,
  use: (open: Open) => Promise<void>,
): Promise<Opening> => {
  const start = performance.now()
  const socket = await dial({ address: target.address, family: target.family, port: target.port!, source: options.source }, signal)
  try {
    const connected = infoOf(socket)
    socket.on('error', () => {})
    const phasesMs = { connect: connected?.rttMs ?? performance.now() - start }
    await use({ socket, connected, readInfo: () => infoOf(socket), isKnown: false })
    return { tls: null, phasesMs, violations: [], warnings: [] }
  } finally {
    socket.destroy()
  }
}

const openTls = (
  hop: Hop,
  target: Resolved,
  options: Options['http'],
  signal: AbortSignal,
  use: (open: Open) => Promise<void>,
): Promise<Opening> => {
  const name = (hop.isFirst ? options.sni : undefined) ?? nameOf(hop.host)
  const ours = hop.isFirst ? { cert: options.cert, key: options.key } : {}
  const given = { sni: name, alpn: alpnOf(options), source: options.source, ca: options.ca, ...ours }
  const watch = watchForStall(watchMs, stall => {
    tls.stall = stall
  })
  const tls = noTls({ sni: name }, target)
  const heedRequest = ours.cert !== undefined
  return shakeHands({ ...handshakeOptions(target, given), hello: 'small', heedRequest }, signal, watch, async handshake => {
    measureTls(tls, handshake)
    const phasesMs: Record<string, number> = {}
    if (handshake.connected) phasesMs['connect'] = handshake.connected.rttMs
    if (tls.handshakeMs !== null) phasesMs['tls'] = tls.handshakeMs
    if (handshake.end.kind !== 'done') {
      if (handshake.end.kind === 'stopped' && handshake.last) tls.stall ??= stallOf(handshake.last, handshake.connected)
      if (handshake.end.kind === 'error' && handshake.end.error.alert !== undefined) tls.alert = handshake.end.error.alert
      const outcome = judgeUnfinished(handshake.end, tls, { cert: given.cert, timeoutMs: options.timeoutMs }, signal)
      return { outcome, tls, phasesMs, violations: [], warnings: [] }
    }
    const chain = chainAsSent(handshake.tls)
    tls.chain = chain.map(describeCertificate)
    const verifyError = (handshake.tls.authorizationError as unknown as string | undefined) ?? undefined
    const judged = judgeChain(chain, { name, ca: options.ca, nowMs: Date.now(), verifyError })
    const [first] = judged.violations
    tls.verified = first === undefined
    if (first) {
      tls.verifyError = verifyError ?? first.code
      return { outcome: fail(first.code, first.detail), tls, phasesMs, ...judged }
    }
    const isKnown = heedRequest && handshake.requested
    await use({ socket: handshake.tls, connected: handshake.connected, readInfo: handshake.info, isKnown })
    return { tls, phasesMs, ...judged }
  })
}

/** As a Host field: the port only where it is not the scheme's own (RFC 9110 §7.2); IPv6 in brackets and without its zone (RFC 6874 §4). */
export const hostField = ({ url, host, port }: Pick<Hop, 'url' | 'host' | 'port'>): string => {
  const usual = url.protocol === 'https:' ? 443 : 80
  const name = isIP(host.split('%')[0]!) === 6 ? `[${host.split('%')[0]}]` : host
  return port === usual ? name : `${name}:${port}`
}
