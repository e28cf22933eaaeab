/**
 * What one run of a check puts on the wire, headers of IPv4 and TCP included, on a path without faults. Estimates from the protocols' own sizes, to
 * tell ten from ten thousand before anything is applied; not a bill.
 */
import type { Options } from '../../wire/options.ts'
import type { Kind } from '../../wire/result.ts'

/** Packets and bytes (IP), forward towards the target and back. */
export type RunCost = { packetsForward: number; bytesForward: number; packetsBack: number; bytesBack: number }

const ipBytes = 20
/** With the timestamp option (RFC 7323), which every Linux sends. */
const tcpBytes = 32
const ackBytes = ipBytes + tcpBytes
/** An Ethernet-sized segment. */
const segmentBytes = 1500
const segmentData = segmentBytes - ackBytes

const cost = (packetsForward: number, bytesForward: number, packetsBack: number, bytesBack: number): RunCost => ({
  packetsForward,
  bytesForward,
  packetsBack,
  bytesBack,
})
const add = (...costs: readonly RunCost[]): RunCost =>
  costs.reduce((a, b) =>
    cost(a.packetsForward + b.packetsForward, a.bytesForward + b.bytesForward, a.packetsBack + b.packetsBack, a.bytesBack + b.bytesBack),
  )
const times = (count: number, { packetsForward, bytesForward, packetsBack, bytesBack }: RunCost): RunCost =>
  cost(count * packetsForward, count * bytesForward, count * packetsBack, count * bytesBack)

/** SYN, ACK, FIN and the last ACK; SYN-ACK, ACK and FIN back. */
const connect = cost(4, 4 * ackBytes + 8, 3, 3 * ackBytes + 8)
/** Data one way, acknowledged every second segment (RFC 9293 §3.8.6.3). */
const send = (bytes: number): RunCost => {
  const segments = Math.ceil(bytes / segmentData)
  const acks = Math.ceil(segments / 2)
  return cost(segments, bytes + segments * ackBytes, acks, acks * ackBytes)
}
const receive = (bytes: number): RunCost => {
  const { packetsForward, bytesForward, packetsBack, bytesBack } = send(bytes)
  return cost(packetsBack, bytesBack, packetsForward, bytesForward)
}
/** A ClientHello with a post-quantum key share (RFC 8446, ML-KEM-768: 1,184 bytes), its Finished; a chain of two certificates and a ticket. */
const handshake = add(connect, send(1800), send(100), receive(4500))
/** Our own chain and its proof. */
const mutual = add(handshake, send(2500))
/** A query and its answer (RFC 6891 keeps answers below 1,232 bytes). */
const query = cost(1, 80, 1, 200)

/** Rounds of an echo search that halves what is left of 1,500 bytes, and the sizes of each round. */
const mtuEchoes = 16
/** Between regions of two clouds. */
const usualHops = 16
const costOf: { readonly [K in Kind]: (options: Options[K]) => RunCost } = {
  icmp: ({ count, sizeBytes }) => cost(count, count * (sizeBytes + 8 + ipBytes), count, count * (sizeBytes + 8 + ipBytes)),
  tcp: ({ payloadBytes, control }) => add(connect, send(payloadBytes), ...(control ? [times(2, cost(1, ackBytes + 8, 1, 40))] : [])),
  mtu: ({ tries, maxSteps }) => {
    const echoes = mtuEchoes * tries
    return add(cost(echoes, echoes * 1400, echoes, echoes * 1400), times(maxSteps > 0 ? 2 : 1, handshake))
  },
  tls: ({ ladder }) => times(ladder ? 3 : 1, handshake),
  mtls: ({ negative, sniPair }) => add(mutual, times(Number(negative) + Number(sniPair), handshake)),
  bundle: () => add(handshake, send(200), receive(10_000)),
  dns: ({ resolvers }) => times(2 * Math.max(1, resolvers.length), query),
  // Each datagram is answered by one of the same size; UDP's header is 8 bytes.
  udp: ({ count, sizeBytes }) => cost(count, count * (sizeBytes + 8 + ipBytes), count, count * (sizeBytes + 8 + ipBytes)),
  // Of the hops that a route usually has, each is asked and each answers with the quote of what was sent (RFC 1812 §4.3.2.3).
  trace: ({ flows, queries, maxHops }) => {
    const count = flows * queries * Math.min(maxHops, usualHops)
    return cost(count, count * 60, count, count * 88)
  },
  // Two documents of the issuer, the exchange, impersonation, the call.
  federation: ({ call }) => times(call === undefined ? 4 : 5, add(handshake, send(2500), receive(6000))),
  http: ({ redirects }) => times(1 + redirects, add(handshake, send(500), receive(10_000))),
}

export const runCost = <K extends Kind>(kind: K, options: Options[K]): RunCost => costOf[kind](options)

/** Series of a healthy path in Prometheus, at most. */
export const seriesPerPath = 12
/** A path's window of ten seconds in a compressed batch: 20.5 KB for 200 paths, measured, the larger of several. */
export const telemetryBytesPerWindow = 103
export const windowMs = 10_000
