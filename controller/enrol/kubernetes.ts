/**
 * Projected service account tokens of any cluster that the fleet trusts (Kubernetes "Managing Service Accounts", bound tokens): matched by `iss`, verified by the
 * issuer's keys. The cluster's place is the fleet file's, the node and the pod are the token's.
 */
import type { JWTPayload } from 'jose'
import { isObject } from '../../judge/spiffe/json.ts'
import type { FleetCluster } from '../../wire/fleet.ts'
import type { Secret } from '../../wire/secret.ts'
import { quote } from '../../wire/values.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { isPlainWord, type Proved } from './proved.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { TokenReview } from './token-review.ts'
import { issuerOf, type Verified, verifyToken } from './verify-token.ts'

export type ClusterTrust = {
  clusters: readonly FleetCluster[]
  keys: IssuerKeys
  /** Of the cluster that the controller runs in, if it runs in one. */
  review?: TokenReview
  nowMs: number
}

export const proveByProjectedToken = async (token: Secret, trust: ClusterTrust): Promise<Proved | Refusal> => {
  const named = issuerOf(token)
  if (!named.ok) return named
  const cluster = trust.clusters.find(({ issuer }) => issuer === named.issuer)
  if (!cluster) return refuse('issuer_unknown', `the issuer ${quote(named.issuer)} is not that of any of the fleet's clusters`)
  const verified = await verifyFor(cluster, token, trust)
  if (!verified.ok) return verified
  const { sub } = verified.claims
  if (!cluster.subjects.includes(sub))
    return refuse(
      'subject_not_allowed',
      `the subject is ${quote(sub)}, want one of the cluster's: ${cluster.subjects.map(quote).join(', ')}`,
    )
  return judgeBinding(verified.claims, cluster)
}

/** By the issuer's keys; in the controller's own cluster by its API server, when the fleet says so or discovery does not get anywhere. */
const verifyFor = async (cluster: FleetCluster, token: Secret, { keys, review, nowMs }: ClusterTrust): Promise<Verified | Refusal> => {
  const { name, issuer, jwks, audience } = cluster
  if (jwks && 'tokenReview' in jwks) {
    const own = await review?.issuer()
    if (review && own === issuer) return await review.verify(token, { audience, nowMs })
    const seen = review ? `in one whose issuer is ${own === undefined ? 'not known' : quote(own)}` : 'in none'
    return refuse(
      'issuer_unreachable',
      `${name} has jwks: { tokenReview: true } and is not the cluster that the controller runs in: it runs ${seen}`,
    )
  }
  const verified = await verifyToken(token, { issuer: { issuer, ...(jwks ? { jwks } : {}) }, audience, keys, nowMs })
  if (verified.ok || verified.reason !== 'issuer_unreachable' || jwks || !review || (await review.issuer()) !== issuer) return verified
  return await review.verify(token, { audience, nowMs })
}

/** The claim `kubernetes.io`: which pod the token is bound to and, since Kubernetes 1.30, on which node. Pure. */
export const judgeBinding = (claims: JWTPayload, { name, cloud, region, issuer, subjects }: FleetCluster): Proved | Refusal => {
  const binding = claims['kubernetes.io']
  const bound = isObject(binding) ? binding : {}
  const namespace = bound['namespace']
  const serviceAccount = nameOf(bound['serviceaccount'])
  const pod = nameOf(bound['pod'])
  const podUid = isObject(bound['pod']) ? bound['pod']['uid'] : undefined
  const node = nameOf(bound['node'])
  if (!isPlainWord(namespace) || !serviceAccount || !pod || !isPlainWord(podUid))
    return refuse('claims_missing', 'the token is not bound to a pod: want a projected one')
  const sub = String(claims.sub)
  if (sub !== `system:serviceaccount:${namespace}:${serviceAccount}`)
    return refuse('claims_missing', 'the subject is not the service account that the token is bound to')
  // Only the first subject's agents are those of nodes: a workload's own agent never gets a node's name.
  const place = sub === subjects[0] ? (node ?? pod) : `${namespace}/${serviceAccount}/${pod}`
  return {
    ok: true,
    id: `${name}/${place}`,
    location: { cloud, region, cluster: name, ...(node === undefined ? {} : { node }) },
    workload: { namespace, serviceAccount },
    proof: { kind: 'kubernetes', issuer, subject: sub, instance: podUid },
  }
}

const nameOf = (value: unknown): string | undefined => (isObject(value) && isPlainWord(value['name']) ? value['name'] : undefined)
