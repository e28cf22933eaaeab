import * as libc from './libc.ts'

/** `struct tcp_info` (linux/tcp.h) as far as it is used. Sizes in bytes, times in ms; null where this kernel is too old to tell. */
export type TcpInfo = {
  /** 1 established, 2 SYN sent, 7 closed, … (net/tcp_states.h). */
  state: number
  retransmits: number
  timestamps: boolean
  /** Largest payload we send and the peer was seen to send, without TCP options. */
  sndMss: number
  rcvMss: number
  /** Segments that are sent and not acknowledged; those acknowledged selectively are counted in `sacked`. */
  unacked: number
  sacked: number
  lost: number
  pmtu: number
  rttMs: number
  advMss: number
  totalRetransmits: number
  bytesAcked: number
  bytesReceived: number
  segmentsOut: number
  segmentsIn: number
  minRttMs: number
  dataSegmentsOut: number
  dataSegmentsIn: number
  deliveryRate: number | null
  /** Payload bytes sent, without those sent again. */
  bytesSent: number | null
  /** Segments that arrived behind a gap. */
  outOfOrder: number | null
}

const buffer = Buffer.alloc(512)
const length = Buffer.alloc(4)

/** TCP_INFO of a socket, or undefined when the descriptor is no TCP socket any more. */
export const tcpInfo = (fd: number): TcpInfo | undefined => {
  length.writeUInt32LE(buffer.length)
  if (libc.getsockopt(fd, libc.IPPROTO_TCP, libc.TCP_INFO, buffer, length) < 0) return undefined
  const size = length.readUInt32LE()
  if (size < 160) return undefined
  const u32 = (o: number): number => buffer.readUInt32LE(o)
  const u64 = (o: number): number => u32(o) + u32(o + 4) * 4294967296
  return {
    state: buffer[0]!,
    retransmits: buffer[2]!,
    timestamps: (buffer[5]! & 1) === 1,
    sndMss: u32(16),
    rcvMss: u32(20),
    unacked: u32(24),
    sacked: u32(28),
    lost: u32(32),
    pmtu: u32(60),
    rttMs: u32(68) / 1000,
    advMss: u32(84),
    totalRetransmits: u32(100),
    bytesAcked: u64(120),
    bytesReceived: u64(128),
    segmentsOut: u32(136),
    segmentsIn: u32(140),
    minRttMs: u32(148) / 1000,
    dataSegmentsOut: u32(156),
    dataSegmentsIn: u32(152),
    bytesSent: size >= 216 ? u64(200) - u64(208) : null,
    deliveryRate: size >= 168 ? u64(160) : null,
    outOfOrder: size >= 228 ? u32(224) : null,
  }
}

/** The timestamp option takes 12 bytes of every segment (RFC 7323 appendix A), and TCP_INFO's MSS values are without them. */
export const optionBytes = (info: TcpInfo): number => (info.timestamps ? 12 : 0)

/** TCP_INFO's state alone: what a connect is waiting for. */
export const tcpState = (fd: number): number => {
  length.writeUInt32LE(8)
  return libc.getsockopt(fd, libc.IPPROTO_TCP, libc.TCP_INFO, buffer, length) < 0 ? -1 : buffer[0]!
}

/** The pending error of a socket, cleared by reading it. */
export const socketError = (fd: number): number => {
  length.writeUInt32LE(4)
  return libc.getsockopt(fd, libc.SOL_SOCKET, libc.SO_ERROR, buffer, length) < 0 ? libc.errno() : buffer.readInt32LE(0)
}
