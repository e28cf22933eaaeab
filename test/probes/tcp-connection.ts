import type { TcpInfo } from '../../probes/net/tcp-info.ts'

/** A connection just made over a path of 20 ms. */
export const connected: TcpInfo = {
  state: 1,
  retransmits: 0,
  timestamps: true,
  sndMss: 1448,
  rcvMss: 536,
  unacked: 0,
  sacked: 0,
  lost: 0,
  pmtu: 1500,
  rttMs: 20,
  advMss: 1448,
  totalRetransmits: 0,
  bytesAcked: 1,
  bytesReceived: 0,
  segmentsOut: 2,
  segmentsIn: 1,
  notSent: 0,
  minRttMs: 20,
  dataSegmentsOut: 0,
  dataSegmentsIn: 0,
  deliveryRate: 0,
  bytesSent: 0,
  outOfOrder: 0,
}
