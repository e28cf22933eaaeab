import type { FailReason, UnmeasuredReason } from './reasons.ts'

/** What a responder tells of itself and of the caller's packets as they arrive there. */
export type ResponderFacts = {
  agentId: string | null
  /** Where our packets come from, as seen there: behind a NAT, the NAT. */
  source: string
  sourcePort: number
  /** TTL or hop limit left in our packets: the length of the way there. */
  ttl: number | null
}

/** The other direction of a transfer, by the responder's TCP_INFO: what it sent to us. */
export type TcpReverse = {
  retransmits: number
  segmentsOut: number
  retransmitRatio: number
  bytesSent: number
  deliveryRateBytesPerSecond?: number
}

/** One connection of several, or of a check that is pinned to a flow. */
export type TcpFlow = {
  /** Null where no port was to be had. */
  sourcePort: number | null
  /** `ok`, or why it did not connect. */
  outcome: 'ok' | FailReason | UnmeasuredReason
  synRttMs: number | null
  synRetransmits: number | null
}

export type TcpMeasured = {
  /** The kernel's own measurement of SYN → SYN-ACK. */
  synRttMs: number | null
  synRetransmits: number | null
  /** The MSS we may send: what the peer's SYN-ACK allowed, or what our own interface does. */
  mssForward: number | null
  /** The MSS we advertised: what the peer may send. */
  mssReverse: number | null
  retransmits: number | null
  segmentsOut: number | null
  retransmitRatio: number | null
  /** Bytes of the optional transfer that the peer acknowledged. */
  bytesAcked?: number
  deliveryRateBytesPerSecond?: number
  /** Who answered, when it is an agent's responder. */
  responder?: ResponderFacts & {
    rttMs: number | null
    sndMss: number | null
    rcvMss: number | null /** Its rate caps held the transfer back. */
    slowed: boolean
  }
  reverse?: TcpReverse
  /** Where there are several, or one that is pinned; the first is the one that all else is about. */
  flows?: TcpFlow[]
  /** Connects to ports on which nothing should listen: a host that accepts them all proves nothing with an open port. */
  control?: { port: number; accepted: boolean }[]
}

/** Of a connection about which nothing is known yet. */
export const noTcp = (): TcpMeasured => ({
  synRttMs: null,
  synRetransmits: null,
  mssForward: null,
  mssReverse: null,
  retransmits: null,
  segmentsOut: null,
  retransmitRatio: null,
})
