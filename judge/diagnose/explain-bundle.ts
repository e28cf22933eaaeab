import type { Diagnosis, Fix } from '../../wire/causes.ts'
import { type FailReason, warningTexts } from '../../wire/reasons.ts'
import type { Warning } from '../../wire/result.ts'
import { mtlsOf, nameOf } from './explain-identity.ts'
import { fixFederation } from './fix-federation.ts'
import { buildDiagnosis, buildRun, clean, fix, listFacts, placeOf } from './say.ts'
import { findOpen, reasonOf, type Seen, sayDetail } from './seen.ts'

const untrusted: readonly FailReason[] = ['unknown_trust_domain', 'untrusted_chain']

/**
 * Our side does not hold the authority that signed the peer. After a rotation the issuer has the name of one that is held and another key, or a
 * new name; a domain without any bundle was never federated (SPIFFE_Federation §5).
 */
export const explainBundleHere = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, untrusted)
  if (result === undefined) return undefined
  const mtls = mtlsOf(seen)
  const trustDomain = mtls?.trustDomain ?? seen.bundle?.measured.trustDomain ?? undefined
  const domain = nameOf(trustDomain, "the peer's trust domain")
  const never = reasonOf(result) === 'unknown_trust_domain'
  const leaf = mtls?.chain[0]
  const issuer = nameOf(mtls?.chain.at(-1)?.issuer, 'its issuer')
  const both = mtls?.clientAuth === 'rejected'
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: never ? 'certain' : 'likely',
    summary: never
      ? `Our side holds no bundle of ${domain}, so nothing that it signs can be verified here.`
      : `Our side does not hold the authority of ${domain} that signed the certificate of ${placeOf(result.target)} ("${issuer}").`,
    evidence: listFacts(
      sayDetail(result),
      (mtls?.peerId ?? seen.bundle?.measured.endpointId) && `the peer is ${clean((mtls?.peerId ?? seen.bundle?.measured.endpointId)!)}`,
      leaf !== undefined && !never && `its certificate is valid from ${leaf.notBefore}`,
      mtls !== undefined && `bundles come from: ${clean(mtls.identitySource)}`,
      both && 'the peer refuses our certificate as well: its bundle may be behind too',
    ),
    against: listFacts(
      !never && 'a certificate of an unknown authority, or one that lacks an intermediate, looks the same from here',
      mtls?.clientAuth === 'accepted' && 'the peer accepted our certificate: its side is in step',
    ),
    fixes: result.kind === 'bundle' ? fixFederation(trustDomain).slice(1) : fixFederation(trustDomain),
    next: result.kind === 'bundle' ? buildRun(result.target) : buildRun(result.target, 'mtls', '--output json'),
  })
}

const documents: readonly FailReason[] = [
  'bundle_unreachable',
  'bundle_http_status',
  'bundle_malformed',
  'bundle_empty',
  'bundle_stale',
  'bundle_sequence_regressed',
  'bundle_authority_expired',
  'profile_mismatch',
]

/** What the endpoint does, by reason; the rest does not serve a usable bundle. */
const faults: Partial<Record<FailReason, string>> = {
  bundle_empty: 'publishes no authority at all, which revokes everything of this trust domain',
  bundle_stale: 'serves an old bundle: peers that poll it do not learn of the newest authority',
  bundle_sequence_regressed: 'serves a lower sequence number than before: peers keep the copy that they have and miss what changes',
  client_cert_required: 'demands a client certificate, which no bundle endpoint may: peers that poll it get nothing',
}

/** The endpoint from which others take a trust domain's bundle: while it fails, their copies grow old. */
export const explainBundleEndpoint = (seen: Seen): Diagnosis | undefined => {
  const demanding = findOpen(seen, ['client_cert_required'])
  const result = findOpen(seen, documents) ?? (demanding?.kind === 'bundle' ? demanding : undefined)
  if (result === undefined) return undefined
  const bundle = seen.bundle?.measured
  const domain = nameOf(bundle?.trustDomain, 'this trust domain')
  const fixes: Fix[] = [
    fix(`SPIRE server of ${domain}: is the endpoint on, and with which profile?`, 'grep -A12 federation /etc/spire/server/server.conf'),
    ...fixFederation(bundle?.trustDomain ?? undefined, 'each SPIRE server that polls it'),
  ]
  const fault = faults[reasonOf(result)!] ?? 'does not serve a usable bundle: peers that poll it fall behind at the next rotation'
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: 'certain',
    summary: `The bundle endpoint of ${domain} at ${placeOf(result.target)} ${fault}.`,
    evidence: listFacts(
      sayDetail(result),
      bundle !== undefined && `asked for ${clean(bundle.url)} as ${bundle.profile}`,
      bundle?.sequence && `sequence ${clean(bundle.sequence)}`,
    ),
    against: listFacts(
      'peers that already hold the current authorities work until the next one signs',
      reasonOf(result) === 'bundle_stale' && 'an authority that was withdrawn in haste looks the same, until our own copy is refreshed',
    ),
    fixes,
    next: buildRun(result.target),
  })
}

/** What our copy lacks of the bundle: nothing that is signed by that verifies here. Before it signs, it is a warning; with none held, a failure. */
export const explainBundleCopy = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, ['bundle_behind'])
  const { bundle } = seen
  const lacking = bundle?.warnings.find(({ code }) => code === 'authority_not_held' || code === 'bundle_behind')
  if (bundle === undefined || (result === undefined && (lacking === undefined || bundle.outcome.kind === 'fail'))) return undefined
  const { measured, target } = bundle
  const domain = nameOf(measured.trustDomain, 'this trust domain')
  const hint = measured.refreshHintSeconds
  const some = lacking?.code === 'authority_not_held'
  const missing = measured.authorities.filter(({ heldHere }) => heldHere === false)
  const names = missing.map(({ subject }) => `"${clean(subject)}"`).join(', ')
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: result ? 'certain' : 'likely',
    summary: result
      ? `Our side holds none of the authorities that ${domain} publishes: nothing that it signs can be verified here.`
      : some
        ? `${domain} publishes an authority that our side does not hold yet (${names}): as soon as it signs, our side will refuse its certificates.`
        : `Our copy of the bundle of ${domain} is older than what it publishes; every X.509 authority is held all the same.`,
    evidence: listFacts(
      result && sayDetail(result),
      lacking && clean(lacking.detail),
      clean(lateOf(seen)?.detail ?? ''),
      ...missing.map(({ subject, notBefore }) => notBefore && `"${clean(subject)}" is valid from ${notBefore}`),
      `the endpoint says to poll ${hint === null ? 'nothing: every 300 s is usual' : `every ${hint} s`}`,
    ),
    against: listFacts(!result && 'our side may fetch it at its next poll, in time: ask again after one refresh hint'),
    fixes: fixFederation(measured.trustDomain ?? undefined),
    next: buildRun(target, 'bundle'),
  })
}

const lateOf = ({ bundle }: Seen): Warning | undefined => bundle?.warnings.find(({ code }) => code === 'authority_published_late')

/** An authority that signs, or has to, before all who poll can hold it. What is worse, or our own, is explained elsewhere. */
export const explainShortNotice = (seen: Seen): Diagnosis | undefined => {
  const { bundle } = seen
  const late = lateOf(seen)
  if (bundle === undefined || late === undefined || bundle.outcome.kind === 'fail') return undefined
  if (bundle.warnings.some(({ code }) => code === 'authority_not_held' || code === 'bundle_behind')) return undefined
  const domain = nameOf(bundle.measured.trustDomain, 'this trust domain')
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: 'possible',
    summary: `${domain} uses an authority, or has to soon, that it published too late for every peer to hold it.`,
    evidence: [clean(late.detail) || warningTexts.authority_published_late],
    against: ['a peer that has polled since holds it already'],
    fixes: [
      fix(`SPIRE server of ${domain}: which authorities are prepared and active?`, 'spire-server localauthority x509 show'),
      ...fixFederation(bundle.measured.trustDomain ?? undefined, 'each SPIRE server that polls it').slice(0, 1),
    ],
    next: buildRun(bundle.target, 'bundle'),
  })
}
