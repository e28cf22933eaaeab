import type { Confidence, Diagnosis, Fix, PathDirection } from '../../wire/causes.ts'
import type { MtuMeasured } from '../../wire/measured.ts'
import type { Target } from '../../wire/result.ts'
import { fixClamp, fixMtu, fixSignal, headerBytes } from './fix-mtu.ts'
import { buildDiagnosis, buildRun, capital, hostOf } from './say.ts'
import { findHoles, listAgainst, listEvidence, otherWay, sayEffect, sayLarge, sayLostSignal, saySide, sayWay, type Way } from './say-mtu.ts'
import { acceptsEverything, type Seen } from './seen.ts'

const saySummary = (seen: Seen, mtu: MtuMeasured, holes: Way[]): string => {
  const host = hostOf(seen.target)
  const signalled = holes.find(way => mtu[way].signal === 'packet_too_big')
  const vanish =
    signalled === undefined
      ? 'vanish without a packet-too-big message'
      : `vanish, although packet-too-big messages${mtu[signalled].signalMtu === undefined ? '' : ` that allow ${mtu[signalled].signalMtu} bytes`} come`
  const lost = sayLostSignal(mtu, holes, host)
  return `${capital(sayLarge(mtu, holes, host))} ${vanish}, ${sayEffect(seen)}${lost === undefined ? '' : `; ${lost}`}.`
}

/** Exact and repeatable is certain; loss of small packets leaves another explanation. */
const judgeConfidence = (seen: Seen, mtu: MtuMeasured, holes: Way[]): Confidence => {
  const exact = holes.every(way => mtu[way].pathMtu !== null && (mtu[way].method === 'icmp' || mtu[way].method === 'mss_sweep'))
  const lossy = (seen.icmp?.measured.received ?? 0) > 0 && seen.icmp!.measured.lossRatio > 0.1
  return exact && !lossy && !acceptsEverything(seen.tcp) ? 'certain' : 'likely'
}

/** The clamp is the smaller direction's path MTU less the headers, since one rule on a gateway serves both directions. */
const buildFixes = (target: Target, mtu: MtuMeasured, holes: Way[]): Fix[] => {
  const headers = headerBytes(target)
  const smallest = Math.min(...holes.map(way => mtu[way].pathMtu ?? Number.POSITIVE_INFINITY))
  const mss = mtu.recommendedMss ?? (Number.isFinite(smallest) ? smallest - headers : undefined)
  if (mss === undefined || mss <= 0) return fixSignal(target)
  return [...fixClamp(target, mss), ...fixMtu(target, mss + headers, mss), ...fixSignal(target)]
}

/** The one direction that is a hole while the other is clamped. */
const findUnclamped = (mtu: MtuMeasured): Way | undefined => {
  const [hole, second] = findHoles(mtu)
  return hole !== undefined && second === undefined && mtu[otherWay(hole)].clamped ? hole : undefined
}

/** Packets above a size vanish, and TCP sends such packets (RFC 2923 §2.1; RFC 4821 §1; RFC 8899 §1). */
export const explainBlackHole = (seen: Seen): Diagnosis | undefined => {
  const mtu = seen.mtu?.measured
  const holes = mtu === undefined ? [] : findHoles(mtu)
  if (mtu === undefined || holes.length === 0 || findUnclamped(mtu) !== undefined) return undefined
  const direction: PathDirection = holes.length === 2 ? 'both' : holes[0]!
  return buildDiagnosis('path_mtu_black_hole', {
    direction,
    confidence: judgeConfidence(seen, mtu, holes),
    summary: saySummary(seen, mtu, holes),
    evidence: listEvidence(seen, mtu),
    against: listAgainst(seen, mtu, holes),
    fixes: buildFixes(seen.target, mtu, holes),
    next: buildRun(seen.target, 'mtu', '--evidence mtu.json'),
  })
}

/**
 * One direction is clamped and the other is a hole. The SYN carries our MSS and governs what the peer sends; the SYN-ACK carries the peer's
 * and governs what we send (RFC 9293 §3.7.1). So a reverse hole means that nobody clamps the SYNs that leave our side.
 */
export const explainMissingClamp = (seen: Seen): Diagnosis | undefined => {
  const mtu = seen.mtu?.measured
  const hole = mtu === undefined ? undefined : findUnclamped(mtu)
  if (mtu === undefined || hole === undefined) return undefined
  const holes = [hole]
  const host = hostOf(seen.target)
  const lacks = saySide(otherWay(hole), host)
  const clamps = saySide(hole, host)
  const headers = headerBytes(seen.target)
  const sayMss = (way: Way): string => (mtu[way].tcpPacket === null ? '' : ` ${mtu[way].tcpPacket - headers}`)
  const leaving = { forward: `the SYN-ACKs that leave ${host}'s side`, reverse: 'the SYNs that leave our side' }
  return buildDiagnosis('mss_not_clamped', {
    direction: hole,
    confidence: judgeConfidence(seen, mtu, holes),
    summary: `The gateway on ${lacks} does not clamp the MSS, the one on ${clamps} does: ${sayLarge(mtu, holes, host)} vanish, ${sayEffect(seen)}.`,
    evidence: [
      `nobody clamps ${leaving[hole]}: they allow MSS${sayMss(hole)} for what is sent ${sayWay(hole, host)}`,
      `${leaving[otherWay(hole)]} are clamped to MSS${sayMss(otherWay(hole))}`,
      ...listEvidence(seen, mtu),
    ],
    against: ['one gateway that clamps in one direction only looks the same', ...listAgainst(seen, mtu, holes)],
    fixes: buildFixes(seen.target, mtu, holes).map((fix, index) => (index < 2 ? { ...fix, where: `${fix.where}, on ${lacks}` } : fix)),
    next: buildRun(seen.target, 'mtu', '--evidence mtu.json'),
  })
}
