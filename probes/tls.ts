import { isIP } from 'node:net'
import type { TlsMeasured, TlsStall } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { chainAsSent, describeCertificate, judgeChain } from './chain.ts'
import { aborted, type Finding, fail, ok, type Probe, type Resolved, timedOut, unmeasured } from './finding.ts'
import { climbLadder, judgeLadder } from './ladder.ts'
import { type Handshake, type HandshakeEnd, type HandshakeOptions, shakeHands } from './net/handshake.ts'
import type { ContextOptions } from './net/secure-context.ts'
import { ContextError, type Hello } from './net/secure-context.ts'
import { DialError } from './net/tcp-socket.ts'
import { stallOf, watchForStall } from './stall.ts'
import { judgeDial } from './tcp-errors.ts'
import { describeStall, judgeTlsError } from './tls-errors.ts'

/** How often a handshake's TCP_INFO is looked at for a stall. */
const watchMs = 50

/**
 * One TLS handshake on a fresh connection, with no session to resume: phases, version, cipher, ALPN, the chain as sent and all its dates, also
 * when verification fails; on a stall which flight was lost, which way. `ladder` adds handshakes with larger ClientHellos. Proves nothing
 * about a client certificate: a TLS 1.3 server may refuse it after the handshake.
 */
export const probeTls: Probe<'tls'> = async (target, options, signal) => {
  const dialling = { ...handshakeOptions(target, options), hello: 'small' as Hello }
  let finding: Finding<'tls'>
  try {
    finding = await shakeOnce(dialling, target, options, signal)
  } catch (error) {
    if (error instanceof DialError)
      return { outcome: judgeDial(error, target, signal), measured: noTls(options, target), phasesMs: {}, warnings: [] }
    if (!(error instanceof ContextError)) throw error
    const detail = `our certificate, key, authorities or protocols: ${error.message}`
    return { outcome: unmeasured('config_invalid', detail), measured: noTls(options, target), phasesMs: {}, warnings: [] }
  }
  if (!options.ladder || finding.measured.handshakeMs === null) return finding
  finding.measured.ladder = await climbLadder(dialling, finding.measured.bytesSent, signal)
  const judged = judgeLadder(finding.measured.ladder)
  return {
    ...finding,
    outcome: finding.outcome.kind === 'ok' && judged.outcome ? judged.outcome : finding.outcome,
    warnings: [...finding.warnings, ...judged.warnings],
  }
}

const serverName = (target: Resolved, options: Pick<Options['tls'], 'sni'>): string => options.sni ?? target.host

export const handshakeOptions = (
  target: Resolved,
  options: Pick<Options['tls'], 'sni' | 'alpn' | 'source'> & ContextOptions,
): Omit<HandshakeOptions, 'hello'> => {
  const name = options.sni ?? target.host
  const { ca, cert, key } = options
  return {
    address: target.address,
    family: target.family,
    port: target.port!,
    source: options.source,
    alpn: options.alpn,
    ca,
    cert,
    key,
    // RFC 6066 §3: an address is not a server name.
    ...(isIP(name) ? {} : { sni: name }),
  }
}

const shakeOnce = async (
  dialling: HandshakeOptions,
  target: Resolved,
  options: Options['tls'],
  signal: AbortSignal,
): Promise<Finding<'tls'>> => {
  let found: TlsStall | undefined
  const watch = watchForStall(watchMs, stall => {
    found = stall
  })
  return shakeHands({ ...dialling, heedRequest: options.cert === undefined }, signal, watch, handshake => {
    const measured = noTls(options, target)
    measureTls(measured, handshake)
    const stall = found ?? (handshake.end.kind === 'stopped' && handshake.last ? stallOf(handshake.last, handshake.connected) : undefined)
    if (stall) measured.stall = stall
    const phasesMs: Record<string, number> = {}
    if (handshake.connected) phasesMs['connect'] = handshake.connected.rttMs
    if (measured.handshakeMs !== null) phasesMs['tls'] = measured.handshakeMs
    if (handshake.end.kind === 'done') return { ...judgeDone(handshake, measured, target, options), measured, phasesMs }
    if (handshake.end.kind === 'error' && handshake.end.error.alert !== undefined) measured.alert = handshake.end.error.alert
    const outcome = judgeUnfinished(handshake.end, measured, { ...options, requested: handshake.requested }, signal)
    return { outcome, measured, phasesMs, warnings: [] }
  })
}

/** What a handshake that has not begun has measured. */
export const noTls = (options: Pick<Options['tls'], 'sni'>, target: Resolved): TlsMeasured => ({
  version: null,
  cipher: null,
  alpn: null,
  sni: isIP(serverName(target, options)) ? null : serverName(target, options),
  handshakeMs: null,
  bytesSent: 0,
  bytesReceived: 0,
  chain: [],
  verified: false,
})

/** Fills in what a handshake has shown, finished or not. */
export const measureTls = (measured: TlsMeasured, { end, tls, last, handshakeMs }: Handshake): void => {
  measured.bytesSent = last?.bytesSent ?? tls.bytesWritten
  measured.bytesReceived = last?.bytesReceived ?? tls.bytesRead
  if (end.kind !== 'done') return
  measured.version = tls.getProtocol()
  measured.cipher = tls.getCipher().name
  measured.alpn = tls.alpnProtocol || null
  measured.handshakeMs = Math.round(handshakeMs * 1e3) / 1e3
}

const judgeDone = (
  handshake: Handshake,
  measured: TlsMeasured,
  target: Resolved,
  options: Options['tls'],
): { outcome: Outcome; violations: Violation[]; warnings: Warning[] } => {
  const chain = chainAsSent(handshake.tls)
  measured.chain = chain.map(describeCertificate)
  const verifyError = handshake.tls.authorizationError as unknown as string | undefined
  const { violations, warnings } = judgeChain(chain, {
    name: serverName(target, options),
    ca: options.ca,
    nowMs: Date.now(),
    verifyError: verifyError ?? undefined,
  })
  measured.verified = violations.length === 0
  if (violations.length === 0) return { outcome: ok, violations, warnings }
  measured.verifyError = verifyError ?? violations[0]!.code
  return { outcome: fail(violations[0]!.code, violations[0]!.detail), violations, warnings }
}

/** A handshake that did not finish; `requested`: a client certificate was asked for before that. A stall needs proof of lost packets; a silent peer is only late. */
export const judgeUnfinished = (
  end: HandshakeEnd,
  measured: TlsMeasured,
  options: Pick<Options['tls'], 'cert' | 'timeoutMs'> & { requested?: boolean },
  signal: AbortSignal,
): Outcome => {
  const counts = `${measured.bytesSent} bytes sent, ${measured.bytesReceived} received`
  if (end.kind === 'error') return judgeTlsError(end.error, options.cert !== undefined, options.requested)
  if (end.kind === 'closed') return fail('tls_reset', `the connection was closed during the handshake, without an alert: ${counts}`)
  if (measured.stall) return fail('tls_stalled', describeStall(measured.stall))
  if (signal.aborted && !timedOut(signal)) return aborted
  return fail('tls_timeout', `connected, and the handshake did not finish within ${options.timeoutMs} ms: ${counts}`)
}
