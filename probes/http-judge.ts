/** Every decision about an HTTP exchange. Pure. Details never quote what the service sent: an answer may be anybody's secret. */
import { isExpectedStatus, type StatusRange } from '../judge/http.ts'
import type { HttpMeasured } from '../wire/measured-http.ts'
import type { Outcome } from '../wire/result.ts'
import { quote } from '../wire/values.ts'
import { aborted, fail, ok, timedOut, unmeasured } from './finding.ts'
import type { Exchange } from './http-exchange.ts'
import { type GrpcExchange, grpcStatusNames } from './http-grpc.ts'
import { parseTlsError } from './net/handshake.ts'
import { judgeTlsError } from './tls-errors.ts'

const closing = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED', 'ERR_HTTP2_SESSION_ERROR'])

const sayMs = (ms: number | null): string => `${ms === null ? '?' : Number(ms.toPrecision(3))} ms`

/** Whose fault the waiting is, as far as TCP knows. */
const sayWait = ({ requestAcked, retransmits, rttMs }: HttpMeasured): string => {
  if (requestAcked === null) return ''
  if (requestAcked && !retransmits)
    return `; its kernel acknowledged the request, the round trip is ${sayMs(rttMs)}: the service takes the time`
  return `; ${retransmits ?? 0} segments sent again, request ${requestAcked ? 'acknowledged' : 'not acknowledged'}: the network takes the time`
}

const sayArrival = ({ requestAcked }: HttpMeasured): string => (requestAcked ? '; its kernel had acknowledged the request' : '')

/** What ended an exchange before its end; undefined when nothing did. */
export const judgeEnd = (
  seen: Exchange,
  measured: HttpMeasured,
  sentCertificate: boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Outcome | undefined => {
  if (seen.end === 'complete' || seen.end === 'bounded') return undefined
  if (seen.end === 'signal') {
    if (!timedOut(signal)) return aborted
    const got =
      seen.status === null
        ? 'no answer'
        : `status ${seen.status} after ${sayMs(seen.firstByteMs)}, then ${seen.bodyBytes} bytes of a body without an end`
    return fail('http_timeout', `${got} within ${timeoutMs} ms${sayWait(measured)}`)
  }
  const { problem } = seen.end
  const code = problem.code ?? problem.name
  const http = seen.status === null ? 'http_status' : 'http_body'
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return judgeTlsError(parseTlsError(problem), sentCertificate)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return fail('http_status', 'the headers are longer than 32 KiB')
  if (code === 'UND_ERR_INVALID_ARG')
    return unmeasured('config_invalid', `the request cannot be sent as it is configured: ${problem.message}`)
  if (problem.name === 'HTTPParserError')
    return fail(http, seen.status === null ? `what came back is not HTTP (${code})` : `the body is not framed as HTTP frames it (${code})`)
  if (seen.status !== null)
    return fail('http_body', `the connection ended after ${seen.bodyBytes} bytes of the body, before its end (${code})`)
  if (closing.has(code) || problem.message === 'the connection was closed')
    return fail('tcp_reset', `the service hung up after the request, without an answer${sayArrival(measured)}`)
  return fail('http_status', `no HTTP answer (${problem.code ?? problem.message})`)
}

export type Wanted = { statuses: readonly StatusRange[]; statusText: string; body?: string; pattern?: RegExp }

/** What Envoy, and with it Istio, answers whom its policy refuses (source/extensions/filters/http/rbac/rbac_filter.cc). */
const envoyRefusal = 'RBAC: access denied'

/** `isKnown`: the service has verified a certificate of ours. 403 is for who is known and may not, 401 for who is not known (RFC 9110 §15.5). */
export const judgeStatus = (
  status: number,
  { statuses, statusText }: Wanted,
  { isKnown, body }: { isKnown: boolean; body: Buffer },
): Outcome => {
  if (isExpectedStatus(status, statuses)) return ok
  const isRefused = status === 403 && (isKnown || body.subarray(0, envoyRefusal.length).toString('latin1') === envoyRefusal)
  return fail(isRefused ? 'authorization_denied' : 'http_status', `status was ${status}, want ${statusText}`)
}

/** The body, or why it could not be unpacked, against what is wanted of it. */
export const judgeBody = (
  body: string | { problem: string },
  { body: wanted, pattern }: Wanted,
  { bodyBytes, truncated }: Pick<HttpMeasured, 'bodyBytes' | 'truncated'>,
  match: (pattern: RegExp, text: string) => boolean | 'slow',
): Outcome => {
  if (wanted === undefined && !pattern) return ok
  if (typeof body !== 'string') return fail('http_body', body.problem)
  const where = truncated ? `the first ${bodyBytes} bytes of the body do` : `the body (${bodyBytes} bytes) does`
  if (wanted !== undefined && !body.includes(wanted)) return fail('http_body', `${where} not contain ${quote(wanted)}`)
  const matched = pattern ? match(pattern, body) : true
  if (matched === 'slow')
    return unmeasured('config_invalid', `the pattern ${quote(pattern!.source)} takes too long on this body: it backtracks`)
  return matched ? ok : fail('http_body', `${where} not match ${quote(pattern!.source)}`)
}

/** gRPC's own status comes in the headers or after the message, whatever HTTP's says (gRPC over HTTP/2). */
export const judgeHealth = ({ status, grpcStatus, health, headers }: GrpcExchange, service: string): Outcome => {
  const asked = service === '' ? 'the server' : `the service ${quote(service)}`
  if (status !== 200) return fail('http_status', `HTTP status was ${status}, want 200 of a gRPC service`)
  if (grpcStatus === null) return fail('http_status', `no gRPC status came back, content type ${quote(headers['content-type'] ?? 'none')}`)
  const name = grpcStatusNames[grpcStatus] ?? 'unknown'
  if (grpcStatus === 7) return fail('authorization_denied', `gRPC status was 7 ${name}, want 0 OK`)
  if (grpcStatus === 12) return fail('http_status', 'gRPC status was 12 UNIMPLEMENTED: the server has no health service')
  if (grpcStatus === 5) return fail('http_status', `gRPC status was 5 NOT_FOUND: the health service does not know ${asked}`)
  if (grpcStatus !== 0) return fail('http_status', `gRPC status was ${grpcStatus} ${name}, want 0 OK`)
  if (health === 'SERVING') return ok
  return fail('http_body', health === null ? 'the answer is no HealthCheckResponse' : `the health of ${asked} is ${health}, want SERVING`)
}
