import type { TlsStall } from '../wire/measured.ts'
import type { Watch } from './net/handshake.ts'
import type { TcpInfo } from './net/tcp-info.ts'

/** Retransmissions of the same segments after which they count as lost on purpose: at 3 % random loss one in a million. */
const enoughRetransmits = 3
/** How long nothing may arrive behind a gap: the peer's first three retransmissions, at 200 ms, 400 ms and 800 ms (RFC 6298 with Linux's minimum). */
const gapMs = 1500

/**
 * Watches a handshake's TCP_INFO and says when it has stalled: our segments sent again and again and none acknowledged, or a gap in what
 * the peer sends that is never filled. A peer that is merely silent has not stalled.
 */
export const stallWatch = (connected: TcpInfo): ((info: TcpInfo, nowMs: number) => TlsStall | undefined) => {
  let lastProgress = 0
  let acked = connected.bytesAcked
  let received = connected.bytesReceived
  /** What was lost and has arrived since is no stall. */
  let retransmitsBefore = connected.totalRetransmits
  return (info, nowMs) => {
    const moved = info.bytesAcked !== acked || info.bytesReceived !== received
    if (moved) retransmitsBefore = info.totalRetransmits
    if (moved || lastProgress === 0) {
      acked = info.bytesAcked
      received = info.bytesReceived
      lastProgress = nowMs
      return undefined
    }
    const stall = stallOf(info, connected)
    if (!stall) return undefined
    if (stall.direction === 'forward')
      return info.totalRetransmits - retransmitsBefore >= enoughRetransmits && nowMs - lastProgress > 2 * info.rttMs + 50
        ? stall
        : undefined
    return nowMs - lastProgress > gapMs + 4 * info.rttMs ? stall : undefined
  }
}

/** Ends a handshake that has stalled, and tells how. */
export const watchForStall = (everyMs: number, onStall: (stall: TlsStall) => void): Watch => ({
  everyMs,
  from: connected => {
    const watch = stallWatch(connected)
    return (info, nowMs) => {
      const stall = watch(info, nowMs)
      if (stall) onStall(stall)
      return stall !== undefined
    }
  },
})

/** Where a handshake that does not move is stuck, by what TCP knows; undefined when nothing shows that packets are lost. */
export const stallOf = (info: TcpInfo, connected: TcpInfo | undefined): TlsStall | undefined => {
  const retransmits = info.totalRetransmits - (connected?.totalRetransmits ?? 0)
  // The SYN counts as one acknowledged byte.
  const bytesAcked = Math.max(0, info.bytesAcked - 1)
  const facts = {
    bytesAcked,
    bytesReceived: info.bytesReceived,
    retransmits,
    unacked: info.unacked,
    outOfOrder: info.outOfOrder ?? 0,
    sndMss: info.sndMss,
  }
  if (info.unacked > 0 && retransmits > 0)
    return { direction: 'forward', flight: info.bytesReceived > 0 ? 'client_flight' : 'client_hello', ...facts }
  if (facts.outOfOrder > 0) return { direction: 'reverse', flight: 'server_flight', ...facts }
  return undefined
}
