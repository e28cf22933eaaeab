import type { Diagnosis } from '../../wire/causes.ts'
import { fixPort } from './fix-port.ts'
import { buildDiagnosis, buildRun, fix, hostOf, listFacts, sayPort } from './say.ts'
import { isOk, openReason, type Seen, sayDetail } from './seen.ts'

/** UDP without an answer: filters and absent services look the same, and only a responder answers at all. */
export const explainSilentUdp = (seen: Seen): Diagnosis | undefined => {
  if (openReason(seen, 'udp') !== 'no_reply') return undefined
  const { udp, icmp, tcp } = seen
  const { target } = udp!
  const isUp = isOk(tcp) || (icmp?.measured.received ?? 0) > 0
  return buildDiagnosis('port_filtered', {
    confidence: isUp ? 'likely' : 'possible',
    summary: `UDP ${sayPort(target)} of ${hostOf(target)} does not answer: a filter on the way drops it, or no responder listens there.`,
    evidence: listFacts(sayDetail(udp), isUp && 'the host answers otherwise'),
    against: listFacts(
      'a service that is not a responder stays silent too',
      !isUp && 'nothing else of the host was seen to answer: it may be down',
    ),
    fixes: [fix('the target host: does the responder listen?', `ss -lunp 'sport = :${target.port ?? 'PORT'}'`), ...fixPort(target, 'udp')],
    next: buildRun(target, 'tcp'),
  })
}

/** Port unreachable: UDP's RST (RFC 1122 §4.1.3.1). */
export const explainClosedUdp = (seen: Seen): Diagnosis | undefined => {
  if (openReason(seen, 'udp') !== 'tcp_refused') return undefined
  const { target } = seen.udp!
  return buildDiagnosis('port_closed', {
    confidence: 'certain',
    summary: `UDP ${sayPort(target)} of ${hostOf(target)} is closed: the host answers, and nothing listens there.`,
    evidence: listFacts(sayDetail(seen.udp)),
    against: ['a firewall that rejects instead of dropping answers in the same way'],
    fixes: [fix('the target host: does the responder listen?', `ss -lunp 'sport = :${target.port ?? 'PORT'}'`)],
    next: buildRun(target, 'udp'),
  })
}
