import type { MtuMeasured, PathMtu } from '../../wire/measured.ts'
import { clean, hostOf, listFacts, placeOf, sayBytes, sayList, sayPercent } from './say.ts'
import { acceptsEverything, isOk, openReason, type Seen } from './seen.ts'

export type Way = 'forward' | 'reverse'
const ways: readonly Way[] = ['forward', 'reverse']
export const otherWay = (way: Way): Way => (way === 'forward' ? 'reverse' : 'forward')

export const sayWay = (way: Way, host: string): string => (way === 'forward' ? `from here to ${host}` : `from ${host} to here`)
export const saySide = (way: Way, host: string): string => (way === 'forward' ? 'our side' : `${host}'s side`)

/** Packets of a size that TCP sends vanish. A hole above what TCP sends (jumbo frames towards a smaller path) is a fact, not a fault. */
export const findHoles = (mtu: MtuMeasured): Way[] => ways.filter(way => mtu[way].blackHole)

/** "packets above 1420 bytes from here to …": both directions in one phrase. */
export const sayLarge = (mtu: MtuMeasured, holes: Way[], host: string): string => {
  const size = (way: Way): string => (mtu[way].pathMtu === null ? 'of full size' : `above ${mtu[way].pathMtu} bytes`)
  if (holes.length === 1) return `packets ${size(holes[0]!)} ${sayWay(holes[0]!, host)}`
  if (mtu.forward.pathMtu === mtu.reverse.pathMtu) return `packets ${size('forward')} between here and ${host}, both ways,`
  return `packets ${size('forward')} to ${host} and ${size('reverse')} from it`
}

/** "…, so TLS hangs although ping and TCP connect work". */
export const sayEffect = (seen: Seen): string => {
  const reason = openReason(seen, 'tls')
  const effect = reason === 'tls_stalled' || reason === 'tls_timeout' ? 'TLS hangs' : 'large transfers hang'
  const fine = [
    ...((seen.icmp?.measured.received ?? 0) > 0 ? ['ping'] : []),
    ...(isOk(seen.tcp) ? ['TCP connect'] : []),
    ...(isOk(seen.tls) ? ['small TLS handshakes'] : []),
  ]
  if (fine.length === 0) return `so ${effect}`
  return `so ${effect} although ${sayList(fine)} ${fine.length === 1 && fine[0] !== 'small TLS handshakes' ? 'works' : 'work'}`
}

/** One side gets packet-too-big and the other does not: the filter is on the side that does not. */
export const sayLostSignal = (mtu: MtuMeasured, holes: Way[], host: string): string | undefined => {
  const hole = holes[0]
  if (holes.length !== 1 || hole === undefined || mtu[hole].signal !== 'none') return undefined
  const other = mtu[otherWay(hole)]
  if (other.signal !== 'packet_too_big') return undefined
  const from = other.signalFrom === undefined ? 'a router' : clean(other.signalFrom)
  return `the message is lost on ${saySide(hole, host)}, while ${saySide(otherWay(hole), host)} gets it from ${from}`
}

const methods: Record<PathMtu['method'], string> = {
  icmp: "echoes with don't-fragment",
  mss_sweep: 'TLS handshakes with a bounded MSS',
  tcp_info: "the kernel's own path MTU discovery",
  none: 'no method',
}

/** The edge as seen: the largest size that passed, and the smallest above it that did not. */
const sayEdge = (mtu: MtuMeasured, way: Way): string => {
  const steps = mtu.steps.filter(({ direction }) => direction === way)
  const passed = Math.max(...steps.filter(step => step.passed === true).map(({ packet }) => packet))
  const lost = Math.min(...steps.filter(step => step.passed === false && step.packet > passed).map(({ packet }) => packet))
  if (!Number.isFinite(passed) || !Number.isFinite(lost)) return `by ${methods[mtu[way].method]}`
  return `packets of ${passed} bytes pass, of ${lost} are lost, in ${steps.length} TLS connections with a bounded MSS`
}

const sayPath = (mtu: MtuMeasured, way: Way, host: string): string => {
  const { pathMtu, atLeast, tcpPacket, clamped, blackHole } = mtu[way]
  const size = `${way}, ${sayWay(way, host)}: path MTU ${atLeast ? 'at least ' : ''}${sayBytes(pathMtu)} (${sayEdge(mtu, way)})`
  if (clamped) return `${size}; the MSS is clamped, TCP sends up to ${sayBytes(tcpPacket)}`
  const width = blackHole && pathMtu !== null && tcpPacket !== null ? tcpPacket - pathMtu : 0
  const hole = width > 0 ? `, so a hole ${width === 1 ? 'one byte' : `${width} bytes`} wide` : ''
  return tcpPacket === null ? size : `${size}; TCP sends up to ${tcpPacket} bytes${hole}`
}

/** What this side can know about the other direction's messages is their effect only. */
const saySignal = (mtu: MtuMeasured, way: Way, host: string): string | undefined => {
  const { signal, signalFrom, signalMtu, blackHole } = mtu[way]
  if (signal === 'none') return blackHole ? `${way}: no packet-too-big message reaches ${saySide(way, host)}` : undefined
  const from = signalFrom === undefined ? 'a router' : clean(signalFrom)
  return `${way}: ${from} answers too large packets with packet-too-big${signalMtu === undefined ? '' : `, MTU ${signalMtu}`}`
}

const sayStall = ({ tls }: Seen): string | undefined => {
  const stall = tls?.measured.stall
  if (stall === undefined) return undefined
  return `the TLS handshake stalls in direction ${stall.direction} (${stall.flight.replaceAll('_', ' ')}): ${stall.bytesAcked} bytes acknowledged, ${stall.bytesReceived} received, ${stall.retransmits} segments sent again`
}

export const listEvidence = (seen: Seen, mtu: MtuMeasured): string[] => {
  const host = hostOf(seen.target)
  const icmp = seen.icmp?.measured
  return listFacts(
    ...ways.filter(way => mtu[way].method !== 'none').map(way => sayPath(mtu, way, host)),
    ...ways.map(way => saySignal(mtu, way, host)),
    mtu.localMtu !== null && `this machine's own interface takes ${mtu.localMtu} bytes`,
    mtu.echoMtu !== null && `the largest echo that came back had ${mtu.echoMtu} bytes`,
    icmp !== undefined &&
      icmp.received > 0 &&
      icmp.received >= icmp.sent &&
      `small echoes pass without loss: ${icmp.received} of ${icmp.sent}`,
    sayStall(seen),
    ...mtu.facts.map(clean),
  )
}

export const listAgainst = (seen: Seen, mtu: MtuMeasured, holes: Way[]): string[] => {
  const loss = seen.icmp?.measured
  const endpoint = clean(mtu.endpoint || placeOf(seen.target))
  return listFacts(
    loss !== undefined && loss.received > 0 && loss.lossRatio > 0 && `loss of ${sayPercent(loss.lossRatio)} of small echoes was seen too`,
    seen.icmp !== undefined && loss?.received === 0 && 'ICMP is not answered, so the sizes rest on TCP alone',
    holes.includes('reverse') && `direction reverse inferred from one endpoint: a proxy ends TCP at ${endpoint}, if there is one`,
    isOk(seen.tls) && 'this TLS handshake completed: its own flights fit the path',
    holes.some(way => mtu[way].pathMtu === null) && 'the exact size was not found',
    acceptsEverything(seen.tcp) && 'a proxy near this machine accepts every connection: what lies behind it was not measured',
  )
}
