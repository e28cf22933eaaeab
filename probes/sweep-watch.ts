import type { TcpInfo } from './net/tcp-info.ts'

/** What the peer sends when its packets are small, and how long it takes to begin. */
export type Answer = { bytes: number; afterMs: number }

type Verdict = { passed: boolean | null; detail: string; afterMs?: number }
/** Looks at one connection until it can say whether packets of its size pass; null when it ends without an answer. */
export type Watcher = { ends: (info: TcpInfo, nowMs: number) => boolean; verdict: () => Verdict }

/**
 * How long nothing may come. The peer sends again after 200 ms + RTT and 400 ms more (RFC 6298, Linux's minimum): so long for an answer of one
 * packet, which chance may have taken. Behind a gap the peer hears at once what is missing. An answer of several packets would have begun in about the
 * time that the last one took, and its gaps would have been filled.
 */
const silenceMs = { lone: 800, behindGap: 350, several: 150 }
/** So many packets in a row are not lost by chance: at 3 % loss one in a million. */
const several = 4

/**
 * Forward: many full segments and one small one, our own ClientHello made large. A full segment that is acknowledged, or acknowledged
 * selectively, has passed; all of them sent again and none acknowledged, while the small one may be, is a hole.
 */
export const watchForward = (connected: TcpInfo): Watcher => {
  let passed: boolean | null = null
  let detail = 'the connection ended before the size was tested'
  let lastChange = 0
  let retransmits = -1
  return {
    verdict: () => ({ passed, detail }),
    ends: (info, nowMs) => {
      const acked = Math.max(0, info.bytesAcked - connected.bytesAcked)
      if (acked >= connected.sndMss || info.sacked > 1 || (info.unacked === 0 && acked > 0)) {
        passed = true
        detail = `${acked} bytes acknowledged`
        return true
      }
      const again = info.totalRetransmits - connected.totalRetransmits
      if (again !== retransmits) {
        retransmits = again
        lastChange = nowMs
      }
      const waited = nowMs - lastChange > 1.5 * connected.rttMs + 60
      if (again >= 2 && info.unacked > 0 && waited) {
        passed = false
        detail = `${info.unacked} segments unacknowledged, ${again} sent again, ${info.sacked} small ones acknowledged`
        return true
      }
      return false
    },
  }
}

/**
 * Reverse: our ClientHello goes out in small pieces, the server answers with segments as large as our MSS lets it. Its flight arrives, or a gap
 * in it is never filled, or nothing comes although all that we sent was acknowledged.
 */
export const watchReverse = (connected: TcpInfo, known: Answer | null): Watcher => {
  let passed: boolean | null = null
  let detail = 'the connection ended before the size was tested'
  let lastChange = 0
  let progress = -1
  let start: number | undefined
  let afterMs: number | undefined
  const isSeveral = known !== null && known.bytes >= several * connected.advMss
  const gapMs = isSeveral ? silenceMs.several : silenceMs.behindGap
  const waitMs = isSeveral ? Math.min(silenceMs.lone, silenceMs.several + 3 * known.afterMs) : silenceMs.lone
  return {
    verdict: () => ({ passed, detail, afterMs }),
    ends: (info, nowMs) => {
      start ??= nowMs
      if (info.bytesReceived > 0) afterMs ??= nowMs - start
      if (info.bytesReceived > 0 && info.rcvMss >= connected.advMss) {
        passed = true
        detail = `a segment of ${info.rcvMss} bytes arrived`
        return true
      }
      const now = info.bytesReceived * 1e6 + info.bytesAcked
      if (now !== progress) {
        progress = now
        lastChange = nowMs
      }
      if (info.unacked > 0) {
        detail = 'what we sent was not acknowledged'
        return info.totalRetransmits - connected.totalRetransmits >= 4
      }
      if (info.bytesAcked <= connected.bytesAcked) return false
      const gap = (info.outOfOrder ?? 0) > 0
      if (nowMs - lastChange < (gap ? gapMs : waitMs) + 3 * connected.rttMs) return false
      passed = false
      detail = gap
        ? `segments arrived behind a gap that is not filled (${info.outOfOrder})`
        : `our ClientHello was acknowledged and ${info.bytesReceived} bytes came back`
      return true
    },
  }
}
