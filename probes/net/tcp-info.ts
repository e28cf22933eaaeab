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
  /** Bytes that wait to be sent. */
  notSent: number
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
    notSent: u32(144),
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

/**
 * TTL or hop limit of the packet that completed an accepted connection's handshake: the kernel keeps it (tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock)
 * and tells it as a control message (IP_PKTOPTIONS, IPV6_2292PKTOPTIONS). Undefined when it does not.
 */
export const arrivedTtl = (fd: number): number | undefined => {
  for (const [level, wanted, options, type] of [
    [libc.IPPROTO_IPV6, libc.IPV6_RECVHOPLIMIT, libc.IPV6_2292PKTOPTIONS, libc.IPV6_HOPLIMIT],
    [libc.IPPROTO_IP, libc.IP_RECVTTL, libc.IP_PKTOPTIONS, libc.IP_TTL],
  ] as const) {
    length.writeUInt32LE(buffer.length)
    if (libc.setsockopt(fd, level, wanted, libc.int32(1), 4) < 0) continue
    if (libc.getsockopt(fd, level, options, buffer, length) < 0) continue
    if (length.readUInt32LE() >= 20 && buffer.readInt32LE(8) === level && buffer.readInt32LE(12) === type) return buffer.readInt32LE(16)
  }
  return undefined
}
