/**
 * What a caller and a responder say to one another over UDP. All numbers are big-endian; sizes and offsets in bytes.
 *
 * A session is one source port of the caller's: it opens with a hello, which the responder answers with a welcome that carries a token made of the
 * caller's address and session (as in RFC 9000 §8.1.1: nothing is remembered of an address that has not shown that it receives). Probes carry
 * the token and a sequence number; each that is new is counted and answered with an echo of the same size, each that is not is counted only. A
 * query asks for the counters and is counted by nobody. No reply is larger than its request.
 *
 * Every reply has the same fields, so that the loss of one costs nothing: when the request arrived and when the reply left, which takes the
 * responder's own time out of the round trip (as in RFC 8762), and the counters of the session so far. Versions: fields are only ever added
 * behind those here. Who reads ignores what it does not know, and accepts every version from 1 on.
 */
import { magic, mostAgentIdBytes, protocolVersion } from './responder.ts'

export const datagramTypes = { hello: 1, welcome: 2, probe: 3, echo: 4, query: 5, counters: 6 } as const
export type DatagramType = (typeof datagramTypes)[keyof typeof datagramTypes]

/** Bits of the flags. `kernelTime`: the arrival time is the kernel's. `full`: no room for another session now. */
export const datagramFlags = { kernelTime: 1, full: 2 } as const

/** Where the fields are. From `ttl` on they are the responder's; a caller sends zeros there. The name of the agent is in welcomes only. */
export const at = {
  magic: 0,
  version: 4,
  type: 5,
  flags: 6,
  ttl: 7,
  session: 8,
  token: 16,
  sequence: 24,
  family: 28,
  agentIdBytes: 29,
  port: 30,
  address: 32,
  receivedSeconds: 48,
  receivedNanoseconds: 52,
  sentSeconds: 56,
  sentNanoseconds: 60,
  received: 64,
  duplicates: 68,
  reordered: 72,
  sent: 76,
  suppressed: 80,
  agentId: 88,
} as const

/** A probe, an echo, a query and its answer have at least this. */
export const leastDatagramBytes = 88
/** A hello has exactly room for the longest welcome. */
export const helloDatagramBytes = at.agentId + mostAgentIdBytes
/** What fits an Ethernet frame with IPv4 and UDP headers (RFC 894, RFC 768). */
export const mostDatagramBytes = 1472
export const tokenBytes = 8
export const sessionBytes = 8

/** Counters of a session. `received` and `sent` count every sequence number once; `suppressed` arrived and were not answered: over a rate cap. */
export type SessionCounters = { received: number; duplicates: number; reordered: number; sent: number; suppressed: number }

/** Whether the bytes are a datagram of this protocol. */
export const isDatagram = (b: Buffer, offset: number, length: number): boolean =>
  length >= leastDatagramBytes && b.readUInt32BE(offset + at.magic) === magic && b[offset + at.version]! >= 1

/** Starts a datagram: everything is zero but the head. */
export const writeHead = (b: Buffer, length: number, type: DatagramType): void => {
  b.fill(0, 0, length)
  b.writeUInt32BE(magic, at.magic)
  b[at.version] = protocolVersion
  b[at.type] = type
}

export const writeCounters = (b: Buffer, counters: SessionCounters): void => {
  b.writeUInt32BE(counters.received, at.received)
  b.writeUInt32BE(counters.duplicates, at.duplicates)
  b.writeUInt32BE(counters.reordered, at.reordered)
  b.writeUInt32BE(counters.sent, at.sent)
  b.writeUInt32BE(counters.suppressed, at.suppressed)
}

export const readCounters = (b: Buffer, o: number): SessionCounters => ({
  received: b.readUInt32BE(o + at.received),
  duplicates: b.readUInt32BE(o + at.duplicates),
  reordered: b.readUInt32BE(o + at.reordered),
  sent: b.readUInt32BE(o + at.sent),
  suppressed: b.readUInt32BE(o + at.suppressed),
})

/** A time by the realtime clock: whole seconds, and nanoseconds of the rest. */
export const writeTime = (b: Buffer, o: number, seconds: number, nanoseconds: number): void => {
  b.writeUInt32BE(seconds >>> 0, o)
  b.writeUInt32BE(nanoseconds >>> 0, o + 4)
}

/** Nanoseconds after `baseSeconds`: a double has room for them for months. */
export const readTimeNs = (b: Buffer, o: number, baseSeconds: number): number =>
  (b.readUInt32BE(o) - baseSeconds) * 1e9 + b.readUInt32BE(o + 4)

/** The text of the agent's name in a welcome; null when it has none. */
export const readAgentId = (b: Buffer, o: number, length: number): string | null => {
  const bytes = b[o + at.agentIdBytes]!
  return bytes === 0 || at.agentId + bytes > length ? null : b.toString('utf8', o + at.agentId, o + at.agentId + bytes)
}

/** Where the caller's datagram came from, as the responder saw it. */
export const readSource = (b: Buffer, o: number): { address: string; port: number } | null => {
  const port = b.readUInt16BE(o + at.port)
  const start = o + at.address
  if (b[o + at.family] === 4) return { address: b.subarray(start, start + 4).join('.'), port }
  if (b[o + at.family] !== 6) return null
  const groups = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(start + 2 * i).toString(16))
  return { address: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port }
}
