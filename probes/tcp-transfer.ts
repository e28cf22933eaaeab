import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { TcpMeasured } from '../wire/measured-tcp.ts'
import type { Options } from '../wire/options.ts'
import { buildFrame, frameTypes, helloBytes, type Report, readFrame, type Welcome } from '../wire/responder.ts'
import { readReport, readWelcome } from '../wire/responder-read.ts'
import type { Outcome } from '../wire/result.ts'
import { aborted, fail, ok, pause, type Resolved, timedOut, unmeasured } from './finding.ts'
import type { TcpInfo } from './net/tcp-info.ts'
import { infoOf } from './net/tcp-socket.ts'
import { judgeAgent } from './udp-judge.ts'

/**
 * How long a service may take to show that it is a responder, beyond two round trips, when its kernel has taken everything and it has said nothing.
 * One that is expected to be an agent's has until the end: a machine that is busy answers late.
 */
const graceMs = 100

/** What has come back: a responder's frames, or anything else, of which only that it is something else is kept. */
type Heard = { state: 'nothing' | 'welcome' | 'report' | 'other'; head: Buffer; skip: number; welcome?: Welcome; report?: Report }

/**
 * Sends `payloadBytes` and waits until the peer's kernel has acknowledged them. The first of them are a hello: an agent's responder sends as much
 * back and then what its kernel counted, so that both directions are known; of any other service what comes back is thrown away.
 */
export const transfer = async (
  socket: Socket,
  first: TcpInfo,
  target: Resolved,
  options: Options['tcp'],
  signal: AbortSignal,
  measured: TcpMeasured,
): Promise<Outcome> => {
  const bytes = Math.max(options.payloadBytes, options.expectAgent === undefined ? 0 : helloBytes)
  const greets = bytes >= helloBytes
  const heard: Heard = { state: greets ? 'nothing' : 'other', head: Buffer.alloc(0), skip: bytes - helloBytes }
  let problem: NodeJS.ErrnoException | undefined
  socket.on('error', error => {
    problem = error
  })
  socket.on('data', data => hear(heard, data))
  const stopped = new AbortController()
  socket.once('close', () => stopped.abort())
  const until = AbortSignal.any([signal, stopped.signal])
  await send(socket, bytes, greets, until)
  const silentMs = options.expectAgent === undefined ? graceMs + 2 * first.rttMs : Number.POSITIVE_INFINITY
  await settle(socket, bytes, { silentMs, synRetransmits: first.totalRetransmits }, heard, until, measured)
  describeResponder(measured, heard)
  const at = `${target.address} port ${target.port}`
  const acked = measured.bytesAcked ?? 0
  if (signal.aborted && !timedOut(signal)) return aborted
  const counted = `${acked} of ${bytes} bytes acknowledged, ${measured.retransmits ?? 0} segments sent again`
  const said = heard.welcome && !heard.report ? `${counted}; the responder's report did not come` : counted
  const isWhole = acked >= bytes && (!heard.welcome || heard.report)
  if (!isWhole && (stopped.signal.aborted || problem)) return fail('tcp_reset', `${at} hung up: ${said}`)
  if (!isWhole) return fail('tcp_timeout', `${at}: ${said}`)
  return judgeWho(at, heard, options, stopped.signal.aborted || problem !== undefined)
}

/**
 * Something else that answers there is a matter of what was configured. Silence, and a hang-up before the first word, are not: a responder that is full or
 * whose machine is stuck does that, and so does a proxy in its place that cannot reach it.
 */
const judgeWho = (at: string, { welcome, state }: Heard, { expectAgent }: Options['tcp'], isOver: boolean): Outcome => {
  if (expectAgent === undefined || welcome?.agentId === expectAgent) return ok
  if (welcome) return judgeAgent(at, welcome.agentId, expectAgent)
  const wanted = `want the welcome of agent ${JSON.stringify(expectAgent)}`
  if (state === 'nothing' && isOver) return fail('tcp_reset', `${at} took everything and hung up without a word, ${wanted}`)
  if (state === 'nothing') return fail('tcp_timeout', `${at} took everything and said nothing, ${wanted}`)
  return unmeasured('config_invalid', `no agent's responder answers at ${at}, want agent ${JSON.stringify(expectAgent)}`)
}

/** The hello is the start of the first piece: a service that hangs up on it gets no more than the piece, as it would without. */
const send = async (socket: Socket, bytes: number, greets: boolean, until: AbortSignal): Promise<void> => {
  const chunk = Buffer.alloc(Math.min(bytes, 65_536), 'causeway')
  const opening = Buffer.from(chunk)
  if (greets) buildFrame('hello', { payloadBytes: bytes - helloBytes }, helloBytes).copy(opening)
  for (let left = bytes; left > 0 && !until.aborted; left -= chunk.length) {
    const piece = left === bytes ? opening : left < chunk.length ? chunk.subarray(0, left) : chunk
    if (!socket.write(piece)) await once(socket, 'drain', { signal: until }).catch(() => {})
  }
}

/** Until everything is acknowledged, and the other side's answer is complete or not to be expected. */
const settle = async (
  socket: Socket,
  bytes: number,
  { silentMs, synRetransmits }: { silentMs: number; synRetransmits: number },
  heard: Heard,
  until: AbortSignal,
  measured: TcpMeasured,
): Promise<void> => {
  let ackedAtMs = Number.POSITIVE_INFINITY
  for (;;) {
    const info = infoOf(socket)
    if (info) measureTransfer(measured, info, synRetransmits)
    const isAcked = measured.bytesAcked !== undefined && measured.bytesAcked >= bytes
    if (isAcked) ackedAtMs = Math.min(ackedAtMs, performance.now())
    const isHeard =
      heard.state === 'report' || heard.state === 'other' || (heard.state === 'nothing' && performance.now() - ackedAtMs > silentMs)
    if (!info || (isAcked && isHeard) || until.aborted) return
    await pause(2, until)
  }
}

/** A welcome, as many bytes as were announced, a report; nothing of them is kept but the frames. */
const hear = (heard: Heard, data: Buffer): void => {
  let rest = data
  if (heard.state === 'welcome' && heard.skip > 0) {
    const skipped = Math.min(heard.skip, rest.length)
    heard.skip -= skipped
    rest = rest.subarray(skipped)
  }
  if (heard.state === 'other' || heard.state === 'report' || rest.length === 0) return
  heard.head = heard.head.length === 0 ? rest : Buffer.concat([heard.head, rest])
  const frame = readFrame(heard.head)
  if (frame.kind === 'partial') return
  const after = frame.kind === 'frame' ? heard.head.subarray(frame.bytes) : undefined
  heard.head = Buffer.alloc(0)
  if (frame.kind === 'frame' && heard.state === 'nothing' && frame.type === frameTypes.welcome) heard.welcome = readWelcome(frame.body)
  else if (frame.kind === 'frame' && heard.state === 'welcome' && frame.type === frameTypes.report) heard.report = readReport(frame.body)
  heard.state = heard.report ? 'report' : heard.welcome && heard.state === 'nothing' ? 'welcome' : 'other'
  if (heard.state === 'welcome' && after && after.length > 0) hear(heard, after)
}

const measureTransfer = (measured: TcpMeasured, info: TcpInfo, synRetransmits: number): void => {
  measured.retransmits = info.totalRetransmits - synRetransmits
  measured.segmentsOut = info.dataSegmentsOut
  measured.retransmitRatio = info.dataSegmentsOut > 0 ? measured.retransmits / info.dataSegmentsOut : 0
  // tcp_info counts the SYN as one acknowledged byte.
  measured.bytesAcked = Math.max(0, info.bytesAcked - 1)
  if (info.deliveryRate !== null) measured.deliveryRateBytesPerSecond = info.deliveryRate
}

/** What the responder's kernel counted since the connection was there: its SYN-ACKs are not data. */
const describeResponder = (measured: TcpMeasured, { welcome, report }: Heard): void => {
  if (!welcome) return
  const { agentId, source, ttl } = welcome
  const { rttMs = null, sndMss = null, rcvMss = null } = report?.tcp ?? {}
  measured.responder = {
    agentId,
    source: source.address,
    sourcePort: source.port,
    ttl,
    rttMs,
    sndMss,
    rcvMss,
    slowed: report?.slowed ?? false,
  }
  if (!report?.tcp || !welcome.tcp) return
  const { segmentsOut, deliveryRateBytesPerSecond } = report.tcp
  const retransmits = Math.max(0, report.tcp.retransmits - welcome.tcp.retransmits)
  measured.reverse = {
    retransmits,
    segmentsOut,
    retransmitRatio: segmentsOut > 0 ? retransmits / segmentsOut : 0,
    bytesSent: report.sentBytes,
    ...(deliveryRateBytesPerSecond === null ? {} : { deliveryRateBytesPerSecond }),
  }
}
