import type { Diagnosis, Fix, PathDirection } from '../../wire/causes.ts'
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
const ratioOf = ({ tcp }: Seen): number => {
  const { segmentsOut, retransmits } = tcp?.measured ?? {}
  return segmentsOut == null || retransmits == null || segmentsOut < enoughSegments ? 0 : retransmits / segmentsOut
}

/** TCP's packets vanish by their size: then the retransmits are no random loss. */
const hasHole = ({ mtu }: Seen): boolean => mtu !== undefined && (mtu.measured.forward.blackHole || mtu.measured.reverse.blackHole)

const losesEchoes = (seen: Seen): boolean => openReason(seen, 'icmp') === 'packet_loss' || warned(seen.icmp, 'packet_loss')

/** Our retransmits show loss of what we send. A transfer without any beside lost echoes leaves the way back. */
const directionOf = (seen: Seen): PathDirection | undefined => {
  if (ratioOf(seen) > retransmitThreshold) return 'forward'
  const segments = seen.tcp?.measured.segmentsOut ?? 0
  return segments >= enoughSegments && seen.tcp?.measured.retransmits === 0 ? 'reverse' : undefined
}

const listEvidence = (seen: Seen): string[] => {
  const { icmp, tcp } = seen
  const ratio = ratioOf(seen)
  return listFacts(
    losesEchoes(seen) &&
      `${icmp!.measured.sent - icmp!.measured.received} of ${icmp!.measured.sent} echoes lost: ${sayPercent(icmp!.measured.lossRatio)}`,
    openReason(seen, 'icmp') === 'packet_loss' && sayDetail(icmp),
    ratio > 0 &&
      `${tcp!.measured.retransmits} of ${tcp!.measured.segmentsOut} TCP segments sent again: ${sayPercent(ratio)}, threshold ${sayPercent(retransmitThreshold)}`,
    (tcp?.measured.synRetransmits ?? 0) > 0 && `the SYN had to be sent ${tcp!.measured.synRetransmits! + 1} times`,
  )
}

const saysLoss = (seen: Seen): boolean => losesEchoes(seen) || (ratioOf(seen) > retransmitThreshold && !hasHole(seen))

/** Packets get lost whatever their size. */
export const explainLoss = (seen: Seen): Diagnosis | undefined => {
  if (!saysLoss(seen) || queueOf(seen) !== undefined) return undefined
  const { icmp, tcp, target } = seen
  const direction = directionOf(seen)
  const lost = losesEchoes(seen) ? icmp!.measured.lossRatio : ratioOf(seen)
  const way = { forward: `on the way from here to ${hostOf(target)}`, reverse: `on the way from ${hostOf(target)} to here`, both: '' }
  return buildDiagnosis('packet_loss', {
    ...(direction === undefined ? {} : { direction }),
    confidence: direction === 'reverse' || (icmp?.measured.sent ?? 0) < 20 ? 'likely' : 'certain',
    summary: `${sayPercent(lost)} of the packets are lost ${direction === undefined ? `between here and ${hostOf(target)}` : way[direction]}, whatever their size: connections work and are slow.`,
    evidence: listEvidence(seen),
    against: listFacts(
      losesEchoes(seen) &&
        isOk(tcp) &&
        tcp!.measured.synRetransmits === 0 &&
        'TCP connected at the first SYN: a router or the host may limit how many echoes it answers',
      losesEchoes(seen) && icmp!.measured.sent < 20 && `${icmp!.measured.sent} echoes are few: one more or less changes the ratio much`,
      direction === 'reverse' && 'direction reverse inferred: echoes are lost while none of our own TCP segments is',
      hasHole(seen) && 'large packets vanish on this path too, by their size',
    ),
    fixes: fixLoss(target),
    next: buildRun(target, 'icmp', '--count 200'),
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
