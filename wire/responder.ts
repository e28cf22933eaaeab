/**
 * What a caller and a responder say to one another over TCP, TLS and mTLS. The datagrams are in `responder-udp.ts`.
 *
 * The caller speaks first, so that the responder never sends more than it got: a hello frame of `helloBytes`, then the payload that the hello
 * announces. The responder answers with a welcome frame, sends back as many bytes as it receives, and, when the caller's kernel has
 * acknowledged them all, a report frame. Welcome and report together are no larger than the hello.
 *
 * A frame is 8 bytes (magic, version, type, length of the whole frame; big-endian) and a JSON object, padded with spaces. Versions: fields are
 * only ever added. Who reads takes the fields that it knows, ignores the others, and accepts every version from 1 on; a type that it does not
 * know ends the conversation. Whoever sends no frame first is echoed as it is: a plain echo service.
 */

/** Where an agent's responder listens unless told. */
export const responderPorts = { tcp: 7460, udp: 7460, tls: 7461, mtls: 7462 } as const
export type ResponderPort = keyof typeof responderPorts

/** `CSWY`: no text protocol and no TLS record begins with it. */
export const magic = 0x43_53_57_59
export const protocolVersion = 1

export const frameTypes = { hello: 1, welcome: 2, report: 3 } as const
export type FrameType = keyof typeof frameTypes

export const frameHeaderBytes = 8
/** A hello is padded to this, so that no answer to it is larger: no amplification. */
export const helloBytes = 4096
export const mostWelcomeBytes = 3072
export const mostReportBytes = helloBytes - mostWelcomeBytes
/** A frame of a later version may be larger than today's; more than this is nobody's frame. */
const mostFrameBytes = 16_384
/** Of an agent's name for itself, in bytes of UTF-8: what fits both protocols. */
export const mostAgentIdBytes = 128

/** `payloadBytes` follow the hello; `wantBytes` are to be sent back, no more than those unless the caller has authenticated itself. */
export type Hello = { payloadBytes: number; wantBytes?: number }

/** TCP_INFO as the responder's kernel has it of this connection. Segments are those with data. */
export type ResponderTcp = {
  retransmits: number
  segmentsOut: number
  segmentsIn: number
  rttMs: number
  sndMss: number
  rcvMss: number
  /** Segments that arrived behind a gap: something of the caller's was lost or overtaken. */
  outOfOrder: number | null
  deliveryRateBytesPerSecond: number | null
}

/** What the responder thinks of the certificate that the caller showed. `verified`: a valid X509-SVID of a trust domain that it holds the bundle of. */
export type SvidVerdict = { id: string | null; verified: boolean; violations: { code: string; detail: string }[] }

export type Welcome = {
  agentId: string | null
  /** Where the caller's packets come from, as seen here: behind a NAT, the NAT. */
  source: { address: string; port: number }
  /** TTL or hop limit left in the caller's packets. */
  ttl: number | null
  /** The MSS that this side may send: what the caller advertised, or a gateway on the way made of it. */
  mss: number | null
  tcp: ResponderTcp | null
  /** Null without TLS, or when no certificate was shown. */
  svid: SvidVerdict | null
  /** ISO 8601, UTC, by the responder's clock. */
  receivedAt: string
}

/** `slowed`: the responder's rate caps held the transfer back, so its rate says nothing about the path. */
export type Report = { receivedBytes: number; sentBytes: number; slowed: boolean; tcp: ResponderTcp | null; sentAt: string }

/** One frame, padded to `bytes` when given. Throws when the body does not fit: bodies are bounded by whoever makes them. */
export const buildFrame = (type: FrameType, body: Hello | Welcome | Report, bytes = 0): Buffer => {
  const text = Buffer.from(JSON.stringify(body))
  const length = Math.max(bytes, frameHeaderBytes + text.length)
  if (length > mostFrameBytes) throw new RangeError(`a frame of ${length} bytes, at most ${mostFrameBytes} are allowed`)
  const frame = Buffer.alloc(length, ' ')
  frame.writeUInt32BE(magic, 0)
  frame[4] = protocolVersion
  frame[5] = frameTypes[type]
  frame.writeUInt16BE(length, 6)
  text.copy(frame, frameHeaderBytes)
  return frame
}

/** `partial`: what is there may become a frame. `other`: it never will. */
export type ReadFrame =
  | { kind: 'frame'; type: number; bytes: number; body: Record<string, unknown> }
  | { kind: 'partial' }
  | { kind: 'other' }

const magicBytes = Buffer.from([magic >>> 24, (magic >>> 16) & 0xff, (magic >>> 8) & 0xff, magic & 0xff])

/** The frame at the start of what was received so far. */
export const readFrame = (received: Buffer): ReadFrame => {
  const start = Math.min(received.length, magicBytes.length)
  if (magicBytes.compare(received, 0, start, 0, start) !== 0) return { kind: 'other' }
  if (received.length < frameHeaderBytes) return { kind: 'partial' }
  const bytes = received.readUInt16BE(6)
  if (received[4]! < 1 || bytes < frameHeaderBytes || bytes > mostFrameBytes) return { kind: 'other' }
  if (received.length < bytes) return { kind: 'partial' }
  try {
    const body: unknown = JSON.parse(received.toString('utf8', frameHeaderBytes, bytes))
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return { kind: 'other' }
    return { kind: 'frame', type: received[5]!, bytes, body: body as Record<string, unknown> }
  } catch {
    return { kind: 'other' }
  }
}
