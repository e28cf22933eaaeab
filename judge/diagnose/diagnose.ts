import { type Diagnosis, layers } from '../../wire/causes.ts'
import { type FailReason, failReasons, failReasonsByLayer } from '../../wire/reasons.ts'
import type { AnyResult, Kind, Result } from '../../wire/result.ts'
import { explainBundleCopy, explainBundleEndpoint, explainBundleHere, explainShortNotice } from './explain-bundle.ts'
import { explainExpired, explainNameMismatch, explainOversized, explainUntrusted } from './explain-certificate.ts'
import { explainIncompleteChain, explainPerhapsIncomplete } from './explain-chain.ts'
import { explainClockSkew, explainPeerClock } from './explain-clock.ts'
import { explainDns, explainResolversDiffer } from './explain-dns.ts'
import { explainDenied, explainNotEnforced, explainPlainTls } from './explain-enforcement.ts'
import { explainCloudEndpoint, explainFederation, explainPractice } from './explain-federation.ts'
import { explainDeadMember } from './explain-flows.ts'
import { explainNoHttp, explainSlowService, explainWrongAnswer } from './explain-http.ts'
import { explainGateway, explainRefusal, explainStuckRotation, explainWrongIdentity } from './explain-identity.ts'
import { explainInspection, explainNearAnswer } from './explain-interception.ts'
import { explainProber } from './explain-local.ts'
import { explainCongestion, explainLoss } from './explain-loss.ts'
import { explainBlackHole, explainMissingClamp } from './explain-mtu.ts'
import { explainFilteredIcmp, explainHostDown } from './explain-reach.ts'
import { explainReason } from './explain-reason.ts'
import { explainAsymmetry } from './explain-route.ts'
import { explainBigHello, explainUnsizedStall } from './explain-stall.ts'
import { explainClosedPort, explainFilteredPort, explainReset, explainSidecar } from './explain-tcp.ts'
import { explainClientAuth, explainNotTls, explainPolicy, explainSilence } from './explain-tls.ts'
import { explainDeadFlows, explainLoop, explainTraceEnd } from './explain-trace.ts'
import { explainClosedUdp, explainSilentUdp } from './explain-udp.ts'
import { buildSeen, type Explain, isStalledTransfer, reasonOf } from './seen.ts'

const reasonsOf = (layer: keyof typeof failReasonsByLayer): FailReason[] => Object.keys(failReasonsByLayer[layer]) as FailReason[]

const stopped: readonly FailReason[] = ['tls_stalled', 'tls_timeout']
const unreachable: readonly FailReason[] = ['no_reply', 'host_unreachable', 'network_unreachable', 'ttl_exceeded']
const handshake = reasonsOf('tls')
const endpointFaults = [...reasonsOf('bundle').filter(reason => reason !== 'bundle_behind'), 'client_cert_required'] as const
const noConnection: readonly FailReason[] = [...reasonsOf('tcp'), ...handshake, 'mtu_below_required']

/**
 * Who explains what, from the lowest layer up; the more specific before the more general. `absorbs` are the failures that a cause accounts
 * for, its own and those it brings about above: nobody further down is asked about them. `only`: of one kind, which has no step beside it.
 */
const explainers: readonly { explain: Explain; absorbs: readonly FailReason[]; only?: Kind }[] = [
  { explain: explainProber, absorbs: [] },
  { explain: explainCloudEndpoint, absorbs: failReasons, only: 'federation' },
  { explain: explainFederation, absorbs: failReasons, only: 'federation' },
  { explain: explainPractice, absorbs: [] },
  { explain: explainDns, absorbs: failReasons },
  { explain: explainResolversDiffer, absorbs: [] },
  { explain: explainLoop, absorbs: [...unreachable, ...noConnection] },
  { explain: explainDeadFlows, absorbs: ['packet_loss', 'no_reply', 'tcp_timeout'] },
  { explain: explainDeadMember, absorbs: ['packet_loss'] },
  { explain: explainTraceEnd, absorbs: [...unreachable, 'admin_prohibited'] },
  { explain: explainHostDown, absorbs: [...unreachable, ...noConnection] },
  { explain: explainFilteredIcmp, absorbs: [...unreachable, 'admin_prohibited'] },
  { explain: explainCongestion, absorbs: ['packet_loss'] },
  { explain: explainLoss, absorbs: ['packet_loss'] },
  { explain: explainAsymmetry, absorbs: [] },
  { explain: explainMissingClamp, absorbs: ['mtu_black_hole', 'mtu_below_required', ...stopped] },
  { explain: explainBlackHole, absorbs: ['mtu_black_hole', 'mtu_below_required', ...stopped] },
  { explain: explainClosedUdp, absorbs: ['tcp_refused'] },
  { explain: explainSilentUdp, absorbs: ['no_reply'] },
  { explain: explainClosedPort, absorbs: [...unreachable, ...noConnection] },
  { explain: explainFilteredPort, absorbs: [...unreachable, 'admin_prohibited', ...noConnection] },
  { explain: explainSidecar, absorbs: ['no_reply', 'tcp_reset', 'tls_reset', ...stopped] },
  { explain: explainBigHello, absorbs: [...stopped, 'tls_reset'] },
  { explain: explainGateway, absorbs: ['tls_reset', 'sni_or_alpn_rejected'] },
  { explain: explainNoHttp, absorbs: ['http_status', 'tcp_reset'] },
  { explain: explainReset, absorbs: ['tcp_reset', 'tls_reset', ...stopped] },
  { explain: explainUnsizedStall, absorbs: stopped },
  { explain: explainSilence, absorbs: ['tls_timeout'] },
  { explain: explainNotTls, absorbs: ['not_tls'] },
  { explain: explainPolicy, absorbs: ['tls_version_or_cipher', 'sni_or_alpn_rejected'] },
  { explain: explainOversized, absorbs: ['certificate_untrusted'] },
  { explain: explainInspection, absorbs: ['certificate_untrusted', 'chain_incomplete', 'certificate_name_mismatch'] },
  { explain: explainNearAnswer, absorbs: [] },
  { explain: explainClockSkew, absorbs: ['certificate_not_yet_valid', 'certificate_expired', 'svid_not_yet_valid', 'svid_expired'] },
  { explain: explainPeerClock, absorbs: ['client_cert_rejected'] },
  { explain: explainExpired, absorbs: ['certificate_expired'] },
  { explain: explainNameMismatch, absorbs: ['certificate_name_mismatch'] },
  { explain: explainIncompleteChain, absorbs: ['chain_incomplete'] },
  { explain: explainPerhapsIncomplete, absorbs: [] },
  { explain: explainUntrusted, absorbs: ['certificate_untrusted', 'certificate_revoked'] },
  {
    explain: explainBundleHere,
    absorbs: ['unknown_trust_domain', 'untrusted_chain', 'client_cert_rejected', 'client_cert_rejected_silent'],
  },
  { explain: explainPlainTls, absorbs: ['no_spiffe_id'] },
  { explain: explainStuckRotation, absorbs: ['svid_expired'] },
  {
    explain: explainWrongIdentity,
    absorbs: ['id_mismatch', 'endpoint_id_mismatch', 'no_spiffe_id', 'invalid_spiffe_id', 'multiple_uri_san', 'leaf_constraint'],
  },
  { explain: explainNotEnforced, absorbs: ['mtls_not_enforced'] },
  { explain: explainDenied, absorbs: ['authorization_denied'] },
  { explain: explainRefusal, absorbs: ['client_cert_rejected', 'client_cert_rejected_silent', 'client_auth_unconfirmed'] },
  { explain: explainBundleEndpoint, absorbs: endpointFaults },
  { explain: explainBundleCopy, absorbs: ['bundle_behind'] },
  { explain: explainShortNotice, absorbs: [] },
  { explain: explainSlowService, absorbs: ['http_timeout'] },
  { explain: explainWrongAnswer, absorbs: ['http_status', 'http_body'] },
  { explain: explainClientAuth, absorbs: ['client_cert_required', 'client_cert_rejected', 'client_cert_rejected_silent'] },
]

/** `startedAt`: ISO 8601. `returnTrace`: what the other side traced at the same time, towards us. */
export type Facts = { startedAt: string; returnTrace?: Result<'trace'> }

/** A diagnosis and the failing results that it accounts for: none where it only explains a warning. */
export type Explanation = { diagnosis: Diagnosis; explains: AnyResult[] }

const rankOf = ({ diagnosis, explains }: Explanation): number => (explains.length > 0 ? 0 : layers.length) + layers.indexOf(diagnosis.layer)

/** A transfer that stalls is to TCP what a flight that stalls is to TLS. */
const isAbsorbed = (result: AnyResult, absorbs: readonly FailReason[]): boolean =>
  absorbs.includes(reasonOf(result)!) || (isStalledTransfer(result) && absorbs.includes('tls_stalled'))

/** Every failing result is in the `explains` of exactly one; what no explainer knows gets the general explanation of its reason. */
export const explainAll = (results: readonly AnyResult[], facts: Facts): Explanation[] => {
  const seen = buildSeen(results, facts.startedAt, facts.returnTrace)
  let open = [...seen.open]
  const found: Explanation[] = []
  for (const { explain, absorbs, only } of explainers) {
    const diagnosis = explain({ ...seen, open: new Set(open) })
    if (diagnosis === undefined) continue
    const explains = open.filter(result => isAbsorbed(result, absorbs) && (only === undefined || result.kind === only))
    open = open.filter(result => !explains.includes(result))
    found.push({ diagnosis, explains })
  }
  for (const result of open) {
    const diagnosis = explainReason(result, seen)
    const same = found.find(other => other.diagnosis.cause === diagnosis.cause)
    if (same === undefined) found.push({ diagnosis, explains: [result] })
    else same.explains.push(result)
  }
  return found.sort((a, b) => rankOf(a) - rankOf(b))
}

/**
 * What explains the results of one run against one target: the lowest failing layer first, then what explains warnings.
 * A healthy run has none; each failing result is explained by one. Never throws. `startedAt` (ISO 8601) is the time by which
 * certificates are judged.
 */
export const diagnose = (results: readonly AnyResult[], facts: Facts): Diagnosis[] =>
  explainAll(results, facts).map(({ diagnosis }) => diagnosis)
