import { randomBytes } from 'node:crypto'
import {
  at,
  type DatagramType,
  datagramFlags,
  datagramTypes,
  helloDatagramBytes,
  isDatagram,
  leastDatagramBytes,
  readAgentId,
  readCounters,
  readSource,
  readTimeNs,
  type SessionCounters,
  sessionBytes,
  tokenBytes,
  writeHead,
} from '../wire/responder-udp.ts'
import * as libc from './net/libc.ts'
import type { QueuedError, Received } from './net/mailbox.ts'
import type { UdpSocket } from './net/udp-socket.ts'

/** One source port's conversation with a responder, and what was seen of it. */
export type UdpFlow = {
  socket: UdpSocket
  session: Buffer
  token: Buffer | undefined
  /** The responder has no room for this session. */
  isFull: boolean
  agentId: string | null
  source: { address: string; port: number } | null
  /** TTL left in our datagrams there, and in the replies here. */
  ttlThere: number | null
  ttlHere: number | null
  hellos: number
  sent: number
  received: number
  duplicates: number
  reordered: number
  counters: SessionCounters | undefined
  /** The counters were asked for after everything was sent and waited for. */
  isFinal: boolean
  /** Datagrams from there that are not of this conversation. */
  foreign: number
  overflow: number
  error: QueuedError | undefined
  sendErrno: number
  transit: Transit
}

/** Differences of the time on the way between one datagram and the next, each way; clocks that differ do not show in them. */
type Transit = {
  count: number
  lastForwardNs: number
  lastReverseNs: number
  forwardSumNs: number
  reverseSumNs: number
  baseSeconds: number
}

export const newFlow = (socket: UdpSocket): UdpFlow => ({
  socket,
  session: randomBytes(sessionBytes),
  token: undefined,
  isFull: false,
  agentId: null,
  source: null,
  ttlThere: null,
  ttlHere: null,
  hellos: 0,
  sent: 0,
  received: 0,
  duplicates: 0,
  reordered: 0,
  counters: undefined,
  isFinal: false,
  foreign: 0,
  overflow: 0,
  error: undefined,
  sendErrno: 0,
  transit: { count: 0, lastForwardNs: 0, lastReverseNs: 0, forwardSumNs: 0, reverseSumNs: 0, baseSeconds: 0 },
})

const packet = Buffer.alloc(2048)

/** Sends one datagram; 0, or the error number. An ICMP error for an earlier one is reported to whoever sends next: only a second refusal is this one's. */
const send = (flow: UdpFlow, type: DatagramType, bytes: number, sequence: number, takeErrors: () => void, stamp = () => {}): number => {
  writeHead(packet, bytes, type)
  flow.session.copy(packet, at.session)
  flow.token?.copy(packet, at.token)
  packet.writeUInt32BE(sequence, at.sequence)
  for (let tries = 0; ; tries++) {
    stamp()
    if (libc.sendto(flow.socket.fd, packet, bytes, libc.MSG_DONTWAIT, null, 0) >= 0) return 0
    const code = libc.errno()
    if (code === libc.EAGAIN || code === libc.ENOBUFS || tries > 0) return code
    takeErrors()
  }
}

export const sendHello = (flow: UdpFlow, takeErrors: () => void): void => {
  const code = send(flow, datagramTypes.hello, helloDatagramBytes, 0, takeErrors)
  if (code === 0) flow.hellos += 1
  else flow.sendErrno = code
}
/** `stamp` is called directly before each try to send. */
export const sendProbe = (flow: UdpFlow, sequence: number, bytes: number, takeErrors: () => void, stamp: () => void): number =>
  send(flow, datagramTypes.probe, bytes, sequence, takeErrors, stamp)
export const sendQuery = (flow: UdpFlow, takeErrors: () => void): number =>
  send(flow, datagramTypes.query, leastDatagramBytes, 0, takeErrors)

/**
 * What an echo tells: its sequence number, and the four times of the exchange less our own clock's base (RFC 8762 §4: sent and received here,
 * received and sent there).
 */
export type Echo = { sequence: number; receivedNs: number; thereReceivedNs: number; thereSentNs: number; sentThere: number }

/** Takes a datagram that arrived on the flow's socket. Only an echo is handed on. Whoever cannot read our datagrams knows neither session nor token. */
export const takeDatagram = (flow: UdpFlow, m: Received): Echo | undefined => {
  const { data, offset: o, length } = m
  flow.overflow = Math.max(flow.overflow, m.overflow)
  if (!isDatagram(data, o, length) || flow.session.compare(data, o + at.session, o + at.token) !== 0) return void (flow.foreign += 1)
  const type = data[o + at.type]
  if (type === datagramTypes.welcome) return void takeWelcome(flow, m)
  const known = flow.token?.compare(data, o + at.token, o + at.token + tokenBytes) === 0
  if (!known || (type !== datagramTypes.echo && type !== datagramTypes.counters)) return void (flow.foreign += 1)
  const counters = readCounters(data, o)
  // Replies may overtake one another: counters only grow.
  if (!flow.counters || counters.received >= flow.counters.received) flow.counters = counters
  if (data[o + at.ttl]! > 0) flow.ttlThere = data[o + at.ttl]!
  if (type === datagramTypes.counters) return void (flow.isFinal = true)
  if (m.ttl >= 0) flow.ttlHere = m.ttl
  return {
    sequence: data.readUInt32BE(o + at.sequence),
    receivedNs: m.receivedNs,
    thereReceivedNs: readTimeNs(data, o + at.receivedSeconds, flow.transit.baseSeconds),
    thereSentNs: readTimeNs(data, o + at.sentSeconds, flow.transit.baseSeconds),
    sentThere: counters.sent,
  }
}

const takeWelcome = (flow: UdpFlow, { data, offset: o, length }: Received): void => {
  if (flow.token) return
  flow.token = Buffer.from(data.subarray(o + at.token, o + at.token + tokenBytes))
  flow.isFull = (data[o + at.flags]! & datagramFlags.full) !== 0
  flow.agentId = readAgentId(data, o, length)
  flow.source = readSource(data, o)
  flow.transit.baseSeconds = data.readUInt32BE(o + at.receivedSeconds)
}

/** Adds the way of one datagram there and back to the jitter. */
export const addTransit = ({ transit }: UdpFlow, forwardNs: number, reverseNs: number): void => {
  if (transit.count > 0) {
    transit.forwardSumNs += Math.abs(forwardNs - transit.lastForwardNs)
    transit.reverseSumNs += Math.abs(reverseNs - transit.lastReverseNs)
  }
  transit.count += 1
  transit.lastForwardNs = forwardNs
  transit.lastReverseNs = reverseNs
}
