/**
 * An X.509-SVID that was shown in the TLS handshake, where its key was proved. It says who, not where: the place is that of one of the fleet's clusters, which the
 * agent names; and since the agents of a DaemonSet share one SPIFFE ID, the node that it names is the end of its id, below that SPIFFE ID and never beside it.
 */
import { type Certificate, readCertificate } from '../../judge/spiffe/certificate.ts'
import { printSpiffeId } from '../../judge/spiffe/id.ts'
import { judgeX509Svid, type X509Bundles } from '../../judge/spiffe/x509-svid.ts'
import type { FleetCluster } from '../../wire/fleet.ts'
import { quote } from '../../wire/values.ts'
import { type Claimed, isPlainWord, type Proved } from './proved.ts'
import { type Refusal, refuse } from './refusal.ts'

export type SpiffeTrust = {
  /** Names of the fleet's. */
  trustDomains: readonly string[]
  clusters: readonly FleetCluster[]
  bundles: X509Bundles
  nowMs: number
}

/** `chain`: DER, leaf first, as the peer sent it. Pure. */
export const proveByPeer = (chain: readonly Uint8Array[], claimed: Claimed, trust: SpiffeTrust): Proved | Refusal => {
  const certificates = readChain(chain)
  if (!certificates) return refuse('proof_malformed', 'there is no client certificate that can be read')
  const { trustDomains, bundles, nowMs } = trust
  const { id, violations, verified } = judgeX509Svid(certificates, { nowMs, bundles, role: 'client' })
  if (id && !trustDomains.includes(id.trustDomain))
    return refuse('trust_domain_unknown', `the trust domain ${quote(id.trustDomain)} is not one of the fleet's`)
  const [worst] = violations
  if (worst) return refuse(worst.code === 'svid_expired' ? 'expired' : 'svid_invalid', worst.detail)
  if (!id || verified !== true) return refuse('svid_invalid', 'the certificate leads to no authority of its trust domain')
  const subject = printSpiffeId(id)
  const cluster = trust.clusters.find(({ name }) => name === claimed.location?.cluster)
  if (!cluster) return refuse('location_unknown', `${quote(subject)} says not in which of the fleet's clusters it is`)
  const node = claimed.location?.node
  if (node !== undefined && !isPlainWord(node)) return refuse('claims_differ', `says that its node is ${quote(node)}: want one word`)
  const { name, cloud, region } = cluster
  return {
    ok: true,
    id: `${id.trustDomain}${id.path}${node === undefined ? '' : `/${node}`}`,
    location: { cloud, region, cluster: name, ...(node === undefined ? {} : { node }) },
    proof: { kind: 'spiffe', issuer: id.trustDomain, subject, instance: certificates[0].fingerprint256 },
  }
}

const readChain = (chain: readonly Uint8Array[]): [Certificate, ...Certificate[]] | undefined => {
  const read = chain.slice(0, 10).map(der => readCertificate(der))
  const certificates = read.flatMap(one => (one.ok ? [one.certificate] : []))
  const [leaf, ...others] = certificates
  return leaf && certificates.length === read.length ? [leaf, ...others] : undefined
}
