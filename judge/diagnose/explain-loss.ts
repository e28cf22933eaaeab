import type { Diagnosis, Fix, PathDirection } from '../../wire/causes.ts'
import type { UdpDirection } from '../../wire/measured.ts'
import type { Target } from '../../wire/result.ts'
import { buildDiagnosis, buildRun, fix, hostOf, listFacts, sayMs, sayPercent } from './say.ts'
import { isOk, openReason, type Seen, sayDetail, warned } from './seen.ts'

/** TCP's rate falls with the square root of loss (Mathis et al. 1997): at 1 % a link of 50 ms gives about 3 Mbit/s. */
const retransmitThreshold = 0.01
/** Fewer segments than this say nothing about a ratio of 1 %. */
const enoughSegments = 100

const fixLoss = (target: Target): Fix[] => {
  const address = target.address ?? 'ADDRESS'
  return [
    fix('this machine: at which hop the loss starts', `mtr --report --report-cycles 100 --tcp --port ${target.port ?? 443} ${address}`),
    fix('this machine: drops and errors of the interface', 'ip -s -s link show'),
    fix('AWS: is a VPN tunnel down or flapping?', "aws ec2 describe-vpn-connections --query 'VpnConnections[].VgwTelemetry'"),
    fix(
      'Azure: drops at a VPN gateway',
      'az monitor metrics list --resource GATEWAY_ID --metrics TunnelEgressPacketDropCount TunnelIngressPacketDropCount',
    ),
    fix('GCP: state of a Cloud VPN tunnel', 'gcloud compute vpn-tunnels describe TUNNEL --region=REGION'),
  ]
}

/** Segments sent again of those sent, 0 while there are too few to say. */
const ratioOf = ({ tcp }: Seen): number => segmentRatio(tcp?.measured.segmentsOut, tcp?.measured.retransmits)
/** The same of what the other side sent, as its responder tells. */
const reverseRatioOf = ({ tcp }: Seen): number => segmentRatio(tcp?.measured.reverse?.segmentsOut, tcp?.measured.reverse?.retransmits)

const segmentRatio = (segments?: number | null, retransmits?: number | null): number =>
  segments == null || retransmits == null || segments < enoughSegments ? 0 : retransmits / segments

/** TCP's packets vanish by their size: then the retransmits are no random loss. */
const hasHole = ({ mtu }: Seen): boolean => mtu !== undefined && (mtu.measured.forward.blackHole || mtu.measured.reverse.blackHole)

const losesEchoes = (seen: Seen): boolean => openReason(seen, 'icmp') === 'packet_loss' || warned(seen.icmp, 'packet_loss')
const losesDatagrams = (seen: Seen): boolean => openReason(seen, 'udp') === 'packet_loss' || warned(seen.udp, 'packet_loss')
const resends = (seen: Seen): boolean =>
  (ratioOf(seen) > retransmitThreshold || reverseRatioOf(seen) > retransmitThreshold) && !hasHole(seen)

/**
 * `measured`: a responder counted what arrived and what it sent again. `inferred`: our own retransmits show loss of what we send; a transfer without
 * any beside lost echoes leaves the way back.
 */
const directionOf = (seen: Seen): { direction?: PathDirection; how: 'measured' | 'inferred' } => {
  const { tcp, udp } = seen
  const counted = losesDatagrams(seen) ? udp?.measured : undefined
  const forward = ratioOf(seen) > retransmitThreshold || (counted?.forward.lossRatio ?? 0) > 0
  const reverse = reverseRatioOf(seen) > retransmitThreshold || (counted?.reverse.lossRatio ?? 0) > 0
  if (tcp?.measured.reverse || counted) {
    if (forward || reverse) return { direction: forward && reverse ? 'both' : forward ? 'forward' : 'reverse', how: 'measured' }
    return { how: 'measured' }
  }
  if (forward) return { direction: 'forward', how: 'inferred' }
  const segments = tcp?.measured.segmentsOut ?? 0
  return segments >= enoughSegments && tcp?.measured.retransmits === 0 ? { direction: 'reverse', how: 'inferred' } : { how: 'inferred' }
}

const sayDatagrams = (way: string, { sent, received, lossRatio }: UdpDirection): string | false =>
  sent !== null &&
  received !== null &&
  lossRatio !== null &&
  `${way}: ${sent - received} of ${sent} datagrams lost: ${sayPercent(lossRatio)}`

const saySegments = (what: string, retransmits: number | null, segments: number | null): string | false =>
  retransmits !== null &&
  segments !== null &&
  `${retransmits} of ${segments} ${what} sent again: ${sayPercent(segments === 0 ? 0 : retransmits / segments)}, threshold ${sayPercent(retransmitThreshold)}`

const listEvidence = (seen: Seen): string[] => {
  const { icmp, tcp, udp } = seen
  const ratio = ratioOf(seen)
  const back = tcp?.measured.reverse
  const both = losesDatagrams(seen) ? udp!.measured : undefined
  return listFacts(
    losesEchoes(seen) &&
      `${icmp!.measured.sent - icmp!.measured.received} of ${icmp!.measured.sent} echoes lost: ${sayPercent(icmp!.measured.lossRatio)}`,
    openReason(seen, 'icmp') === 'packet_loss' && sayDetail(icmp),
    both && (sayDatagrams('forward', both.forward) || `${both.sent - both.received} of ${both.sent} datagrams not answered`),
    both && sayDatagrams('reverse', both.reverse),
    openReason(seen, 'udp') === 'packet_loss' && sayDetail(udp),
    (ratio > 0 || reverseRatioOf(seen) > retransmitThreshold) &&
      saySegments('TCP segments', tcp!.measured.retransmits, tcp!.measured.segmentsOut),
    back !== undefined && resends(seen) && saySegments('TCP segments from the other side', back.retransmits, back.segmentsOut),
    (tcp?.measured.synRetransmits ?? 0) > 0 && `the SYN had to be sent ${tcp!.measured.synRetransmits! + 1} times`,
  )
}

/** The worse direction where it is known, else both ways together. */
const lossOf = (seen: Seen): number => {
  const { icmp, udp } = seen
  if (losesDatagrams(seen)) {
    const { forward, reverse, lossRatio } = udp!.measured
    return Math.max(forward?.lossRatio ?? 0, reverse?.lossRatio ?? 0) || lossRatio || 0
  }
  return losesEchoes(seen) ? icmp!.measured.lossRatio : Math.max(ratioOf(seen), reverseRatioOf(seen))
}

/** Enough packets that one more or less changes little. */
const isMuch = ({ icmp, tcp, udp }: Seen, how: 'measured' | 'inferred'): boolean =>
  (icmp?.measured.sent ?? 0) >= 20 ||
  (how === 'measured' && ((udp?.measured.sent ?? 0) >= 100 || (tcp?.measured.segmentsOut ?? 0) >= 5 * enoughSegments))

/** Packets get lost whatever their size. */
export const explainLoss = (seen: Seen): Diagnosis | undefined => {
  if (!(losesEchoes(seen) || losesDatagrams(seen) || resends(seen)) || queueOf(seen) !== undefined) return undefined
  const { icmp, tcp, udp, target } = seen
  const { direction, how } = directionOf(seen)
  const way = {
    forward: `on the way from here to ${hostOf(target)}`,
    reverse: `on the way from ${hostOf(target)} to here`,
    both: `between here and ${hostOf(target)}, in both directions`,
  }
  const isGuess = direction === 'reverse' && how === 'inferred'
  const isAnswered = tcp?.measured.responder !== undefined || udp !== undefined
  return buildDiagnosis('packet_loss', {
    ...(direction === undefined ? {} : { direction }),
    confidence: isGuess || !isMuch(seen, how) ? 'likely' : 'certain',
    summary: `${sayPercent(lossOf(seen))} of the packets are lost ${direction === undefined ? `between here and ${hostOf(target)}` : way[direction]}, whatever their size: connections work and are slow.`,
    evidence: listEvidence(seen),
    against: listFacts(
      losesEchoes(seen) &&
        isOk(tcp) &&
        tcp!.measured.synRetransmits === 0 &&
        'TCP connected at the first SYN: a router or the host may limit how many echoes it answers',
      losesEchoes(seen) && icmp!.measured.sent < 20 && `${icmp!.measured.sent} echoes are few: one more or less changes the ratio much`,
      isGuess && 'direction reverse inferred: echoes are lost while none of our own TCP segments is',
      hasHole(seen) && 'large packets vanish on this path too, by their size',
    ),
    fixes: fixLoss(target),
    next: isAnswered ? buildRun(target, 'udp', '--count 2000') : buildRun(target, 'icmp', '--count 200'),
  })
}

/** Delay that a queue adds: this much more than the empty path's. */
const queueRatio = 3
const queueMs = 10

/** The delay of a full queue: p95 far above the minimum, and packets dropped at its end; `standing` when half the packets see it. */
const queueOf = (seen: Seen): { standing: boolean } | undefined => {
  const rtt = seen.icmp?.measured.rttMs
  if (!rtt || hasHole(seen)) return undefined
  const high = (ms: number): boolean => ms >= rtt.min * queueRatio && ms - rtt.min >= queueMs
  const drops = losesEchoes(seen) || ratioOf(seen) > retransmitThreshold || warned(seen.tcp, 'retransmits')
  return high(rtt.p95) && drops ? { standing: high(rtt.p50) } : undefined
}

/** A queue is full: the delay rises with the loss (RFC 7567 §1). */
export const explainCongestion = (seen: Seen): Diagnosis | undefined => {
  const queue = queueOf(seen)
  if (queue === undefined) return undefined
  const { target, icmp } = seen
  const { min, p50, p95 } = icmp!.measured.rttMs!
  const direction = ratioOf(seen) > retransmitThreshold ? ('forward' as const) : undefined
  return buildDiagnosis('congestion', {
    ...(direction === undefined ? {} : { direction }),
    confidence: queue.standing && icmp!.measured.received >= 10 ? 'likely' : 'possible',
    summary: `A link between here and ${hostOf(target)} is full: packets wait up to ${sayMs(p95 - min)} in a queue, and some are dropped.`,
    evidence: listFacts(
      `RTT ${sayMs(min)} at best, ${sayMs(p50)} in the middle, ${sayMs(p95)} at the 95th percentile`,
      ...listEvidence(seen),
    ),
    against: listFacts(
      !queue.standing && 'half of the echoes are fast: a few late ones may be a busy host rather than a full link',
      icmp!.measured.received < 10 && `${icmp!.measured.received} replies are few for a percentile`,
      'one look says nothing about how long it lasts',
    ),
    fixes: [
      fix('Linux gateway: what its queues drop', 'tc -s qdisc show'),
      fix('Linux gateway: keep the queue short', 'tc qdisc replace dev INTERFACE root fq_codel'),
      fix(
        'Azure: is the VPN gateway at the limit of its SKU?',
        'az monitor metrics list --resource GATEWAY_ID --metrics TunnelAverageBandwidth --interval PT1M',
      ),
      fix(
        'AWS: one VPN tunnel carries 1.25 Gbit/s; share over several',
        'aws ec2 modify-transit-gateway --transit-gateway-id TRANSIT_GATEWAY --options VpnEcmpSupport=enable',
      ),
    ],
    next: buildRun(target, 'icmp', '--count 200'),
  })
}
