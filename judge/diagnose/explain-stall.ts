import type { Confidence, Diagnosis, Fix } from '../../wire/causes.ts'
import type { LadderStep } from '../../wire/measured.ts'
import type { Target } from '../../wire/result.ts'
import { fixSignal } from './fix-mtu.ts'
import { addressOf, buildDiagnosis, buildRun, clean, fix, hostOf, listFacts } from './say.ts'
import { isOk, openReason, type Seen, sayDetail } from './seen.ts'

/** The sizes that clients send today: X25519MLKEM768 adds 1216 bytes to a ClientHello (draft-ietf-tls-ecdhe-mlkem). */
const findStep = (ladder: readonly LadderStep[] | undefined, hello: LadderStep['hello']): LadderStep | undefined =>
  ladder?.find(step => step.hello === hello)

/** The peer has read the ClientHello: an alert is an answer too. */
const arrives = ({ completed, end }: LadderStep): boolean => completed || end === 'refused'

const sayStep = ({ hello, bytes, packets, completed, end, stall, detail }: LadderStep): string => {
  const size = `${hello.replace('_', '-')} ClientHello, ${bytes} bytes in ${packets} packet${packets === 1 ? '' : 's'}`
  if (completed) return `${size}: the handshake completes`
  if (end === 'refused') return `${size}: it arrives, and the peer answers with an alert`
  const acked = stall === undefined ? '' : `, ${stall.bytesAcked} bytes acknowledged, ${stall.retransmits} segments sent again`
  return `${size}: the handshake does not complete${acked}${detail === '' ? '' : ` (${clean(detail)})`}`
}

const fixBigHello = (target: Target): Fix[] => [
  fix(
    'FortiGate on the way: reassemble before inspecting',
    'config firewall policy\n  edit POLICY_ID\n    set inspection-mode proxy\n  next\nend',
  ),
  fix('Palo Alto firewall on the way: do not discard a ClientHello in parts', 'debug proxy discard-partial-client-hello enable no'),
  fix('Go clients, until then', 'GODEBUG=tlsmlkem=0'),
  fix('OpenSSL clients (openssl.cnf), until then', '[system_default_sect]\nGroups = X25519:P-256:P-384'),
  fix('Node clients, until then', "tls.DEFAULT_ECDH_CURVE = 'X25519:P-256:P-384'"),
  fix('Envoy, until then, in the upstream TLS context', 'common_tls_context: { tls_params: { ecdh_curves: [X25519, P-256] } }'),
  fix('check: does a small ClientHello pass?', `openssl s_client -groups X25519 -connect ${addressOf(target)}`),
]

/** Without sizes, what counts is that the first packet arrived: a black hole would have taken it, for it is the larger one. */
const judgeBigHello = ({ mtu }: Seen, big: LadderStep): Confidence => {
  if (mtu === undefined || mtu.measured.forward.pathMtu === null) return (big.stall?.bytesAcked ?? 0) > 0 ? 'likely' : 'possible'
  const { pathMtu, tcpPacket } = mtu.measured.forward
  if (big.end === 'closed') return 'likely'
  return tcpPacket === null || tcpPacket <= pathMtu ? 'certain' : 'likely'
}

/**
 * A ClientHello of one packet gets through, one of two does not, and full-sized packets do: then it is no black hole but something that
 * reads only the first packet of a ClientHello (RFC 8446 §4.1.2 sets no limit of one packet).
 */
export const explainBigHello = (seen: Seen): Diagnosis | undefined => {
  const ladder = seen.tls?.measured.ladder
  const small = findStep(ladder, 'small')
  const big = findStep(ladder, 'post_quantum')
  if (small === undefined || !arrives(small) || big === undefined || arrives(big) || big.stall?.direction === 'reverse') return undefined
  if (seen.mtu?.measured.forward.blackHole) return undefined
  const host = hostOf(seen.target)
  const forward = seen.mtu?.measured.forward
  return buildDiagnosis('handshake_too_big', {
    direction: 'forward',
    confidence: judgeBigHello(seen, big),
    summary: `A ClientHello of ${big.bytes} bytes, as clients with post-quantum keys send it, does not get through to ${host}; one of ${small.bytes} bytes does.`,
    evidence: listFacts(
      ...ladder!.map(sayStep),
      forward !== undefined &&
        forward.pathMtu !== null &&
        `full-sized packets pass: path MTU forward ${forward.atLeast ? 'at least ' : ''}${forward.pathMtu} bytes`,
    ),
    against: listFacts(
      forward === undefined || forward.pathMtu === null
        ? 'the path MTU forward was not measured: a black hole for full-sized packets would look the same'
        : undefined,
      big.end === 'closed' && 'the handshake was broken off rather than stalled: the server itself may not take a long ClientHello',
      big.stall !== undefined && big.stall.bytesAcked === 0 && 'not even the first packet of it was acknowledged',
    ),
    fixes: fixBigHello(seen.target),
    next: buildRun(seen.target, 'mtu'),
  })
}

/** So often in a row no flight is lost by chance: at 3 % loss, three times is 1 in 37,000. */
const manyRetransmits = 3

/**
 * The handshake stalls and the path MTU is not known: a black hole is the usual reason (RFC 2923 §2.1), and no more than possible as long as
 * nobody has measured sizes. Where sizes were measured and fit, or small packets get lost too, this says nothing.
 */
export const explainUnsizedStall = (seen: Seen): Diagnosis | undefined => {
  const { tls, mtu, icmp, target } = seen
  const stall = tls?.measured.stall
  if (openReason(seen, 'tls') !== 'tls_stalled' || stall === undefined || isOk(mtu)) return undefined
  const repeated = stall.retransmits >= manyRetransmits || (stall.direction === 'reverse' && stall.outOfOrder > 0)
  if (!repeated || mtu?.measured[stall.direction].pathMtu != null || (icmp?.measured.received ?? 0) < (icmp?.measured.sent ?? 0))
    return undefined
  const host = hostOf(target)
  return buildDiagnosis('path_mtu_black_hole', {
    direction: stall.direction,
    confidence: 'possible',
    summary: `The TLS handshake stops although TCP connects: packets ${stall.direction === 'forward' ? `from here to ${host}` : `from ${host} to here`} are lost again and again, perhaps because of their size.`,
    evidence: listFacts(
      sayDetail(tls),
      `stalled flight: ${stall.flight.replaceAll('_', ' ')}, ${stall.bytesAcked} bytes acknowledged, ${stall.bytesReceived} received`,
      `${stall.retransmits} segments sent again, ${stall.unacked} never acknowledged, ${stall.outOfOrder} arrived behind a gap, MSS ${stall.sndMss}`,
    ),
    against: listFacts('the path MTU was not measured, so the size is a guess', mtu !== undefined && sayDetail(mtu)),
    fixes: fixSignal(target),
    next: buildRun(target, 'mtu'),
  })
}
