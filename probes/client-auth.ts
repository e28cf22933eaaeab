import type { TLSSocket } from 'node:tls'
import type { ClientAuth } from '../wire/measured-identity.ts'
import type { Violation } from '../wire/result.ts'
import { parseTlsError } from './net/handshake.ts'
import { alertNames } from './tls-errors.ts'

/** What a server did after the handshake finished on our side. */
export type ClientAnswer =
  /** A session ticket, or application data: it has accepted us, then. `hungUp`: and closed at once, without a byte of data. */
  { kind: 'proof'; atMs: number; hungUp: boolean } | { kind: 'alert'; alert: number } | { kind: 'closed' } | { kind: 'silence' }

/**
 * How long a proof is waited for: two round trips, and never less than a server on a busy machine may take: with ten at work on two cores, all of a
 * verdict took up to 0.8 s. Only who gives no sign at all is waited for so long.
 */
const graceMs = (rttMs: number): number => Math.max(1000, 2 * rttMs)

/** How long a server that hangs up right after the handshake may take to do so. */
const hangUpMs = (rttMs: number): number => 20 + 1.5 * rttMs
/** A server that knows us and refuses us ends the connection with its ticket or right behind it: on the same way, so that no round trip is added to every verdict. */
const behindTicketMs = 5

/**
 * Waits for the server's answer to our certificate. A TLS 1.3 client has finished before the server has looked at it (RFC 8446 §2): servers send
 * a session ticket only after they have accepted, an alert or a plain close when they have not.
 */
export const waitForAnswer = (tls: TLSSocket, rttMs: number, signal: AbortSignal): Promise<ClientAnswer> =>
  new Promise(resolve => {
    const finishedByBoth = tls.getProtocol() !== 'TLSv1.3'
    let provedAtMs: number | undefined
    let timer: NodeJS.Timeout
    const settle = (answer: ClientAnswer): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(answer)
    }
    const prove = (hungUp: boolean): void => settle({ kind: 'proof', atMs: provedAtMs ?? performance.now(), hungUp })
    /** What has arrived while this thread was busy is read before the time is up. */
    const waitAtMost = (ms: number, onTime: () => void): void => {
      clearTimeout(timer)
      timer = setTimeout(() => setImmediate(onTime), ms)
    }
    const onAbort = (): void => (provedAtMs === undefined ? settle({ kind: 'silence' }) : prove(false))
    const onEnd = (): void => (provedAtMs === undefined ? settle({ kind: 'closed' }) : prove(true))
    // In TLS 1.2 the server's Finished is the proof (RFC 5246 §7.4.9), unless it hangs up with it.
    waitAtMost(finishedByBoth ? hangUpMs(rttMs) : graceMs(rttMs), () => (finishedByBoth ? prove(false) : settle({ kind: 'silence' })))
    signal.addEventListener('abort', onAbort, { once: true })
    tls.once('session', () => {
      // It knows who we are; whether we may come in it may decide only then.
      provedAtMs ??= performance.now()
      waitAtMost(behindTicketMs, () => prove(false))
    })
    tls.once('data', () => prove(false))
    tls.once('error', error => {
      const { alert } = parseTlsError(error)
      if (alert === undefined) onEnd()
      else settle({ kind: 'alert', alert })
    })
    tls.once('end', onEnd)
    tls.once('close', onEnd)
  })

/** Alerts that stacks send about a client certificate. 40 and 42 also mean that none was sent. */
const certificateAlerts = new Set([40, 42, 43, 44, 45, 46, 48, 49, 51, 116])

/** What stacks mean by an alert, as a hint: OpenSSL is precise, Java and Envoy send 42 or 46 for almost everything. */
const hints: Record<number, string> = {
  42: 'Go and Java send it for any certificate that does not verify',
  43: 'the extended key usage does not allow clients',
  44: 'it says revoked',
  45: 'it says expired: compare the clocks',
  46: 'Java and Envoy send it for untrusted, expired and refused identities alike',
  48: 'the server does not know our authority: its trust bundle may be behind',
  49: 'access denied: the identity is known and not allowed',
}

/** "A valid certificate or PSK was received, but when access control was applied, the sender decided not to proceed" (RFC 8446 §6.2). */
const accessDenied = 49
const hungUpDetail = 'the server took our certificate, as its session ticket proves, and hung up at once without a word'

/** The verdict on our side of the handshake. The cause behind an alert is never more than likely. */
export const judgeClientAuth = (
  answer: ClientAnswer,
  requested: boolean,
  sent: boolean,
  version: string | null,
): { clientAuth: ClientAuth; violation?: Violation } => {
  if (answer.kind === 'proof') {
    if (!requested)
      return {
        clientAuth: 'not_requested',
        violation: { code: 'mtls_not_enforced', detail: 'the server asks for no client certificate at all' },
      }
    if (!sent && answer.hungUp)
      return {
        clientAuth: 'rejected',
        violation: { code: 'client_cert_required', detail: 'the server asked for a certificate, got none and hung up' },
      }
    if (sent && answer.hungUp) return { clientAuth: 'accepted', violation: { code: 'authorization_denied', detail: hungUpDetail } }
    if (sent) return { clientAuth: 'accepted' }
    return {
      clientAuth: 'not_requested',
      violation: { code: 'mtls_not_enforced', detail: 'the server asked for a certificate, got none and let us in' },
    }
  }
  if (answer.kind === 'alert') {
    const named = `alert ${answer.alert} ${alertNames[answer.alert] ?? ''}`.trim()
    if (!sent || answer.alert === 116)
      return {
        clientAuth: 'rejected',
        violation: { code: 'client_cert_required', detail: `${named}: the server demands a client certificate` },
      }
    if (answer.alert === accessDenied)
      return { clientAuth: 'accepted', violation: { code: 'authorization_denied', detail: `${named}: ${hints[accessDenied]}` } }
    const hint = hints[answer.alert]
    const what = certificateAlerts.has(answer.alert)
      ? 'the server refused our certificate'
      : 'the server ended the connection after our certificate'
    return {
      clientAuth: 'rejected',
      violation: { code: 'client_cert_rejected', detail: `${what} with ${named}${hint ? `: ${hint}` : ''}` },
    }
  }
  if (answer.kind === 'closed') {
    if (!sent && requested)
      return {
        clientAuth: 'rejected',
        violation: { code: 'client_cert_required', detail: 'the server asked for a certificate, got none and hung up' },
      }
    if (!requested)
      return {
        clientAuth: 'not_requested',
        violation: {
          code: 'mtls_not_enforced',
          detail: 'the server asks for no client certificate at all, and hung up after the handshake',
        },
      }
    const detail = `the server hung up when it had our certificate (${version}), without an alert, a session ticket or data`
    return { clientAuth: 'rejected', violation: { code: 'client_cert_rejected_silent', detail } }
  }
  if (!requested)
    return {
      clientAuth: 'not_requested',
      violation: { code: 'mtls_not_enforced', detail: 'the server asks for no client certificate at all' },
    }
  const detail = 'the connection stays open, with neither a session ticket nor data nor a refusal in time'
  return { clientAuth: 'unconfirmed', violation: { code: 'client_auth_unconfirmed', detail } }
}
