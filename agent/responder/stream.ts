/** One conversation with a caller over TCP or TLS: a transfer for who says hello, an echo for who does not. */
import type { Socket } from 'node:net'
import { optionBytes } from '../../probes/net/tcp-info.ts'
import { infoOf, ttlOf } from '../../probes/net/tcp-socket.ts'
import type { Hello, ReadFrame, ResponderTcp, SvidVerdict, Welcome } from '../../wire/responder.ts'
import { buildFrame, frameTypes, helloBytes, mostReportBytes, mostWelcomeBytes, readFrame } from '../../wire/responder.ts'
import { readHello } from '../../wire/responder-read.ts'
import type { ResponderCounters } from './counters.ts'
import type { Rate, ResponderLimits } from './limits.ts'

export type StreamContext = {
  agentId: string | null
  /** The TCP connection below; the same as the stream where there is no TLS. */
  tcp: Socket
  source: string
  svid: SvidVerdict | null
  counters: ResponderCounters
  limits: ResponderLimits
  bytes: Rate
}

const zeros = Buffer.alloc(65_536)
/** How often TCP_INFO is asked whether the caller has acknowledged everything. */
const lookMs = 5

type Talk = { head: Buffer; hello?: Hello; isEcho: boolean; received: number; sent: number; ended: boolean; slowed: boolean }

/** Talks until the caller hangs up or the transfer is over; whoever calls this bounds its time. */
export const serveStream = (stream: Socket, context: StreamContext): void => {
  const talk: Talk = { head: Buffer.alloc(0), isEcho: false, received: 0, sent: 0, ended: false, slowed: false }
  stream.on('data', (data: Buffer) => {
    context.counters.bytesReceived += data.length
    talk.received += data.length
    slowDown(stream, context, talk, data.length)
    if (talk.ended) return
    if (talk.isEcho) echo(stream, context, talk, data)
    else if (talk.hello) payload(stream, context, talk)
    else begin(stream, context, talk, data)
  })
  stream.on('drain', () => talk.hello && payload(stream, context, talk))
  stream.on('end', () => stream.end())
}

const slowDown = (stream: Socket, { bytes, source }: StreamContext, talk: Talk, amount: number): void => {
  const waitMs = bytes.borrow(source, amount)
  if (waitMs === 0) return
  talk.slowed = true
  stream.pause()
  const timer = setTimeout(() => stream.resume(), waitMs)
  stream.once('close', () => clearTimeout(timer))
}

const begin = (stream: Socket, context: StreamContext, talk: Talk, data: Buffer): void => {
  talk.head = talk.head.length === 0 ? data : Buffer.concat([talk.head, data])
  const frame = readFrame(talk.head)
  if (frame.kind === 'partial') return
  const hello = helloOf(frame)
  if (!hello || frame.kind !== 'frame') {
    talk.isEcho = true
    context.counters.echoes += 1
    echo(stream, context, talk, talk.head)
    return
  }
  context.counters.transfers += 1
  talk.hello = hello
  // What came with the hello counts as payload, and what the hello has is paid back by the frames.
  talk.received -= frame.bytes
  talk.head = Buffer.alloc(0)
  write(stream, context, welcomeFrame(context))
  payload(stream, context, talk)
}

/** A hello that has not the size that makes its answers no amplification is none. */
const helloOf = (frame: ReadFrame): Hello | undefined =>
  frame.kind === 'frame' && frame.type === frameTypes.hello && frame.bytes >= helloBytes ? readHello(frame.body) : undefined

const write = (stream: Socket, { counters }: StreamContext, data: Buffer): boolean => {
  counters.bytesSent += data.length
  return stream.write(data)
}

/** Back goes what came. Who does not read what it gets back is not read from either. */
const echo = (stream: Socket, context: StreamContext, talk: Talk, data: Buffer): void => {
  if (talk.received > context.limits.payloadBytes) return void stream.destroy()
  if (write(stream, context, data)) return
  stream.pause()
  stream.once('drain', () => stream.resume())
}

/** Sends back as much as has come; more only to who has shown who it is. Ends with the report. */
const payload = (stream: Socket, context: StreamContext, talk: Talk): void => {
  const { limits, svid } = context
  const hello = talk.hello!
  if (talk.ended || stream.destroyed) return
  if (talk.received > Math.min(hello.payloadBytes, limits.payloadBytes)) return void stream.destroy()
  const isKnown = svid?.verified === true
  const wanted = Math.min(hello.wantBytes ?? hello.payloadBytes, isKnown ? limits.payloadBytes : hello.payloadBytes)
  const allowed = isKnown && talk.received === hello.payloadBytes ? wanted : Math.min(wanted, talk.received)
  while (talk.sent < allowed && !stream.writableNeedDrain) {
    const bytes = Math.min(allowed - talk.sent, zeros.length)
    talk.sent += bytes
    write(stream, context, zeros.subarray(0, bytes))
  }
  if (talk.received < hello.payloadBytes || talk.sent < wanted || stream.writableNeedDrain) return
  talk.ended = true
  whenAcknowledged(stream, context.tcp, () => {
    const report = {
      receivedBytes: talk.received,
      sentBytes: talk.sent,
      slowed: talk.slowed,
      tcp: tcpOf(context.tcp),
      sentAt: new Date().toISOString(),
    }
    context.counters.bytesSent += mostReportBytes
    stream.end(buildFrame('report', report, mostReportBytes))
  })
}

/** Calls back when the caller's kernel has everything, at once where that cannot be told. A segment may be lost until its acknowledgement is here. */
const whenAcknowledged = (stream: Socket, tcp: Socket, done: () => void): void => {
  const timer = setInterval(() => {
    if (stream.destroyed) return clearInterval(timer)
    const info = infoOf(tcp)
    if (info && (stream.writableLength > 0 || info.unacked > 0 || info.notSent > 0)) return
    clearInterval(timer)
    done()
  }, lookMs)
  stream.once('close', () => clearInterval(timer))
}

/** Fits by construction but for the violations, whose texts are the caller's: then without them. */
const welcomeFrame = (context: StreamContext): Buffer => {
  const { tcp, svid } = context
  const info = infoOf(tcp)
  const welcome: Welcome = {
    agentId: context.agentId,
    source: { address: tcp.remoteAddress ?? '', port: tcp.remotePort ?? 0 },
    ttl: ttlOf(tcp),
    mss: info ? info.sndMss + optionBytes(info) : null,
    tcp: tcpOf(tcp),
    svid,
    receivedAt: new Date().toISOString(),
  }
  const frame = buildFrame('welcome', welcome)
  if (frame.length <= mostWelcomeBytes) return frame
  return buildFrame('welcome', {
    ...welcome,
    svid: svid && { ...svid, violations: svid.violations.map(({ code }) => ({ code, detail: '' })) },
  })
}

const tcpOf = (tcp: Socket): ResponderTcp | null => {
  const info = infoOf(tcp)
  if (!info) return null
  return {
    retransmits: info.totalRetransmits,
    segmentsOut: info.dataSegmentsOut,
    segmentsIn: info.dataSegmentsIn,
    rttMs: info.rttMs,
    sndMss: info.sndMss,
    rcvMss: info.rcvMss,
    outOfOrder: info.outOfOrder,
    deliveryRateBytesPerSecond: info.deliveryRate,
  }
}
