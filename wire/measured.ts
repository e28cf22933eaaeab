import type { FederationMeasured } from './measured-federation.ts'
import type { HttpMeasured } from './measured-http.ts'
import type { BundleMeasured, MtlsMeasured } from './measured-identity.ts'
import type { ResponderFacts, TcpMeasured } from './measured-tcp.ts'
import type { TraceMeasured } from './measured-trace.ts'

/** What each kind of probe measures. Times in ms unless the name ends in another unit, sizes in bytes; `null` where nothing was seen. */

export type RttMs = { min: number; p50: number; p95: number; p99: number; max: number; stddev: number }

export type IcmpMeasured = {
  sent: number
  received: number
  /** Lost of those sent, 0 to 1. */
  lossRatio: number
  rttMs: RttMs | null
  /** Mean difference of one reply's RTT from the next (RFC 3550 §6.4.1, unsmoothed). */
  jitterMs: number | null
  duplicates: number
  reordered: number
  /** TTL or hop limit left in the replies: the length of the return path. */
  ttl: number | null
  /** How the packets were sent: `datagram` needs no privilege, `raw` needs CAP_NET_RAW, `ping` is the system's program. */
  socket: 'datagram' | 'raw' | 'ping' | 'none'
  /** An ICMP error that came back instead of a reply. */
  error?: { from: string; type: number; code: number }
}

/** One direction of a UDP measurement. `null`: unknown, because the responder's counters did not come back. */
export type UdpDirection = {
  sent: number | null
  received: number | null
  /** Lost of those sent, 0 to 1. */
  lossRatio: number | null
  /** Mean difference of one datagram's time on the way from the next one's (RFC 3550 §6.4.1, unsmoothed). */
  jitterMs: number | null
  duplicates: number | null
  reordered: number | null
}

/** One source port. `forwardLost` and `reverseLost` are null where the responder's counters did not come back. */
export type UdpFlow = {
  sourcePort: number
  sent: number
  received: number
  forwardLost: number | null
  reverseLost: number | null
}

export type UdpMeasured = {
  /** Of all flows: datagrams sent, and those answered. */
  sent: number
  received: number
  lossRatio: number
  /** Without the time that the responder took to answer. */
  rttMs: RttMs | null
  forward: UdpDirection
  reverse: UdpDirection
  /** TTL or hop limit left in the replies: the length of the return path. */
  ttl: number | null
  flows: UdpFlow[]
  /** Arrived and were not answered: the responder's rate caps. Neither sent nor lost in the reverse direction. */
  suppressed: number
  responder: ResponderFacts | null
  /** An ICMP error that came back instead of a reply. */
  error?: { from: string; type: number; code: number }
}

export type CertificateFacts = {
  subject: string
  issuer: string
  /** ISO 8601, UTC. */
  notBefore: string
  notAfter: string
  sans: string[]
  serial: string
  /** SHA-256 of the DER bytes, colon-separated hex. */
  fingerprint256: string
}

/** A handshake that stopped moving. */
export type TlsStall = {
  /** In which direction packets are lost. */
  direction: 'forward' | 'reverse'
  /** What was on its way. */
  flight: 'client_hello' | 'server_flight' | 'client_flight'
  bytesAcked: number
  bytesReceived: number
  /** Segments that we sent again. */
  retransmits: number
  /** Our segments that nobody acknowledged. */
  unacked: number
  /** Segments that arrived behind a gap: proof that the peer sent something that was lost. */
  outOfOrder: number
  sndMss: number
}

/** How a rung ended. `refused`: the peer answered with an alert, so the hello arrived. */
export type LadderEnd = 'completed' | 'refused' | 'closed' | 'stalled' | 'silent'

/** One rung of the ladder of ClientHello sizes. */
export type LadderStep = {
  hello: 'small' | 'post_quantum' | 'large'
  bytes: number
  packets: number
  completed: boolean
  end: LadderEnd
  stall?: TlsStall
  detail: string
}

export type TlsMeasured = {
  version: string | null
  cipher: string | null
  alpn: string | null
  sni: string | null
  handshakeMs: number | null
  bytesSent: number
  bytesReceived: number
  /** As the server sent it, leaf first. */
  chain: CertificateFacts[]
  verified: boolean
  /** Why it is not, in OpenSSL's or our own words. */
  verifyError?: string
  stall?: TlsStall
  ladder?: LadderStep[]
  /** The TLS alert that the peer sent (RFC 8446 §6). */
  alert?: number
}

export type PathMtu = {
  /** The largest IP packet, in bytes with its headers, that gets through; `null` when unknown. */
  pathMtu: number | null
  method: 'icmp' | 'mss_sweep' | 'tcp_info' | 'none'
  /** Whether too large packets are answered with packet-too-big, as far as this side can see. */
  signal: 'packet_too_big' | 'none'
  signalFrom?: string
  signalMtu?: number
  /** True when larger packets may pass too but none was sent. */
  atLeast: boolean
  /** The largest IP packet that TCP sends in this direction here; a hole above it is a fact, not a fault. */
  tcpPacket: number | null
  /** TCP's packets in this direction vanish. */
  blackHole: boolean
  /** The MSS in this direction was lowered on the way, so that TCP's packets fit. */
  clamped: boolean
}

/** One connection of the MSS sweep. */
export type SweepStep = { direction: 'forward' | 'reverse'; packet: number; passed: boolean | null; detail: string }

export type MtuMeasured = {
  /** The TCP endpoint measured; a proxy on the way ends TCP and the measurement with it. */
  endpoint: string
  forward: PathMtu
  reverse: PathMtu
  /** This machine's own interface MTU towards the target. */
  localMtu: number | null
  /** What to clamp the MSS to, so that both directions fit; `null` when no hole was found. */
  recommendedMss: number | null
  /** The largest echo that came back, when ICMP is answered: the smaller of the two directions unless a hop fragments. */
  echoMtu: number | null
  steps: SweepStep[]
  /** Facts worth a line in the report, not a fault. */
  facts: string[]
}

export type DnsAnswer = { resolver: string; addresses: string[]; latencyMs: number; error?: string; reason?: string }

export type DnsMeasured = {
  name: string
  recordType: 'A' | 'AAAA'
  resolver: string
  addresses: string[]
  latencyMs: number | null
  answers: DnsAnswer[]
}

export type Measured = {
  http: HttpMeasured
  icmp: IcmpMeasured
  tcp: TcpMeasured
  trace: TraceMeasured
  udp: UdpMeasured
  tls: TlsMeasured
  mtu: MtuMeasured
  dns: DnsMeasured
  mtls: MtlsMeasured
  bundle: BundleMeasured
  federation: FederationMeasured
}
