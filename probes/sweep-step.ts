import type { SweepStep } from '../wire/measured.ts'
import { type HandshakeOptions, shakeHands } from './net/handshake.ts'
import { ContextError } from './net/secure-context.ts'
import { optionBytes, type TcpInfo } from './net/tcp-info.ts'
import { DialError } from './net/tcp-socket.ts'
import { type Answer, type Watcher, watchForward, watchReverse } from './sweep-watch.ts'

/** IP and TCP header without options: an MSS is a packet less this (RFC 9293 §3.7.1). */
export const tcpOverhead = { 4: 40, 6: 60 }

/** Largest piece that we write when it is the other direction that is measured: it fits every path that carries IP in practice. */
const pieceBytes = 400
const watchMs = 10
/** Time for one step at most; a lost one is known earlier. */
const stepMs = 4000

/** What one connection showed. `passed` is null when it could not tell. */
export type StepSeen = {
  passed: boolean | null
  detail: string
  /** The largest packet that TCP would have sent in this direction on this connection, by the MSS agreed on. */
  tcpPacket: number | null
  /** The largest packet seen to arrive from the peer. */
  largestSeen: number | null
  /** The peer cuts its flight at `largestSeen`, less than our MSS allows: a lower MSS reached it, it heard a packet-too-big, or its own MTU is small. */
  cut: boolean
  /** Segments arrived behind a gap that was filled later: larger ones had been lost before. */
  gap: boolean
  /** The MSS that the peer sent is what limits our packets, not our own route. */
  limitedByPeer: boolean
  /** Our own kernel heard a packet-too-big of this size. */
  pathMtu: number | null
  handshake: boolean
  /** What the peer's answer comes to, and how long it took to begin; null when none came. */
  answer: Answer | null
}

/** How full segments are on average when a flight is cut into them; what a server writes in one go adds a short one at each end. */
const mostlyFull = 0.7

const nothing: StepSeen = {
  passed: null,
  detail: '',
  tcpPacket: null,
  largestSeen: null,
  cut: false,
  gap: false,
  limitedByPeer: false,
  pathMtu: null,
  handshake: false,
  answer: null,
}

/**
 * One connection with packets of at most `packet` bytes, judged for one direction. Without `packet` the MSS is the interface's own.
 * `hello: small` for the reverse direction sends one packet and no pieces, for paths that lose the second one. `known` is how this peer answered
 * when its packets were small: with it, silence is believed sooner.
 */
export const sweepStep = async (
  direction: SweepStep['direction'],
  packet: number | undefined,
  base: Omit<HandshakeOptions, 'hello'>,
  signal: AbortSignal,
  hello: 'post_quantum' | 'small' = 'post_quantum',
  { onConnected = () => {}, known = null }: { onConnected?: () => void; known?: Answer | null } = {},
): Promise<StepSeen> => {
  const overhead = tcpOverhead[base.family]
  const mss = packet === undefined ? {} : { mss: packet - overhead }
  const sent: Pick<HandshakeOptions, 'hello' | 'pieceBytes' | 'fillBytes'> =
    direction === 'forward'
      ? { hello: 'large', fillBytes: Math.max(4000, 3 * (packet ?? 0)) }
      : { hello, ...(hello === 'small' ? {} : { pieceBytes }) }
  let watcher: Watcher | undefined
  let first: TcpInfo | undefined
  const from = (connected: TcpInfo): Watcher['ends'] => {
    first = connected
    onConnected()
    watcher = direction === 'forward' ? watchForward(connected) : watchReverse(connected, known)
    return watcher.ends
  }
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(stepMs)])
    return await shakeHands({ ...base, ...mss, ...sent }, limit, { everyMs: watchMs, from }, ({ last, end }) => {
      if (!last || !first || !watcher) return { ...nothing, detail: 'this system has no TCP_INFO' }
      watcher.ends(last, performance.now())
      const { passed, detail, afterMs } = watcher.verdict()
      const answer = afterMs === undefined ? null : { bytes: last.bytesReceived, afterMs }
      const seen = { ...nothing, passed, detail, answer, handshake: end.kind === 'done' }
      return direction === 'forward' ? forwardFacts(seen, first, last, overhead) : reverseFacts(seen, first, last, overhead)
    })
  } catch (error) {
    if (error instanceof DialError)
      return { ...nothing, detail: error.code === 'ABORT_ERR' ? 'no answer to the SYN in time' : error.message }
    if (error instanceof ContextError) return { ...nothing, detail: error.message }
    throw error
  }
}

const forwardFacts = (seen: StepSeen, first: TcpInfo, last: TcpInfo, overhead: number): StepSeen => {
  const tcpPacket = first.sndMss + optionBytes(first) + overhead
  return { ...seen, tcpPacket, limitedByPeer: tcpPacket < first.pmtu, pathMtu: last.pmtu < first.pmtu ? last.pmtu : null }
}

const reverseFacts = (seen: StepSeen, first: TcpInfo, last: TcpInfo, overhead: number): StepSeen => {
  const headers = optionBytes(first) + overhead
  const gap = (last.outOfOrder ?? 0) > 0
  // Nearly all segments of the same size: the peer cut a longer flight at that size, it did not just write that little.
  const regular = last.dataSegmentsIn >= 3 && last.bytesReceived > mostlyFull * last.dataSegmentsIn * last.rcvMss
  // rcv_mss starts with a guess of at most 536; larger segments raise it, and several full ones lower it (net/ipv4/tcp_input.c, tcp_measure_rcv_mss).
  const told = last.rcvMss !== first.rcvMss || regular
  const cut = seen.handshake && seen.passed !== true && told && (gap || regular)
  const largestSeen = last.bytesReceived > 0 && told ? last.rcvMss + headers : null
  const detail =
    seen.passed === null && seen.handshake
      ? `the handshake finished with packets of at most ${largestSeen ?? 'a few hundred'} bytes`
      : seen.detail
  return { ...seen, detail, tcpPacket: first.advMss + headers, largestSeen, cut, gap }
}
