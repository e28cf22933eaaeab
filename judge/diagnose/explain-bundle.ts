import type { Diagnosis, Fix } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
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
  'bundle_behind',
  'bundle_sequence_regressed',
  'bundle_authority_expired',
  'profile_mismatch',
]

/** The endpoint from which others take a trust domain's bundle: while it fails, their copies grow old. */
export const explainBundleEndpoint = (seen: Seen): Diagnosis | undefined => {
  const result = findOpen(seen, documents)
  if (result === undefined) return undefined
  const bundle = seen.bundle?.measured
  const domain = nameOf(bundle?.trustDomain, 'this trust domain')
  const fixes: Fix[] = [
    fix('SPIRE server: is the endpoint on, and with which profile?', 'grep -A12 federation /etc/spire/server/server.conf'),
    ...fixFederation(bundle?.trustDomain ?? undefined),
  ]
  return buildDiagnosis('trust_bundle_misaligned', {
    confidence: 'certain',
    summary: `The bundle endpoint of ${domain} at ${placeOf(result.target)} does not serve a usable bundle: peers that poll it fall behind at the next rotation.`,
    evidence: listFacts(
      sayDetail(result),
      bundle !== undefined && `asked for ${clean(bundle.url)} as ${bundle.profile}`,
      bundle?.sequence && `sequence ${clean(bundle.sequence)}`,
    ),
    against: ['peers that already hold the current authorities work until the next one signs'],
    fixes,
    next: buildRun(result.target),
  })
}
