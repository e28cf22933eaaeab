import type { TlsMeasured } from './measured.ts'

/** `to` without its query, which may hold secrets. */
export type HttpRedirect = { status: number; to: string; crossScheme: boolean }

export type HttpMeasured = {
  /** What was asked last, without its query. */
  url: string
  method: string
  status: number | null
  /** `HTTP/1.1` or `HTTP/2`. */
  protocol: string | null
  /** The address that answered last, after redirects another one than the target's. */
  address: string
  /** The kernel's shortest round trip on the connection: the network's part of every wait. */
  rttMs: number | null
  /** From the request to the answer's first bytes. */
  firstByteMs: number | null
  /** `firstByteMs` less one round trip: what the service took. */
  serverMs: number | null
  /** What the service says of its own time (W3C Server Timing). */
  serverTiming: { name: string; durationMs: number | null }[]
  /** The peer's kernel has acknowledged the whole request: what is missing is the service's. */
  requestAcked: boolean | null
  retransmits: number | null
  bodyBytes: number
  /** The body is longer than what was read of it. */
  truncated: boolean
  contentType: string | null
  redirects: HttpRedirect[]
  /** TLS of the last connection; null for plain HTTP. */
  tls: TlsMeasured | null
  /** Answer of the gRPC health service: the call's status (0 is OK), and SERVING or not. */
  grpc?: { status: number | null; health: string | null }
  /** W3C trace context as sent: the service's own spans have this parent. */
  traceId: string
  spanId: string
}
