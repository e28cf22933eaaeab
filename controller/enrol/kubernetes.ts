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
import { issuerOf, verifyToken } from './verify-token.ts'

export type ClusterTrust = { clusters: readonly FleetCluster[]; keys: IssuerKeys; nowMs: number }

export const proveByProjectedToken = async (token: Secret, { clusters, keys, nowMs }: ClusterTrust): Promise<Proved | Refusal> => {
  const named = issuerOf(token)
  if (!named.ok) return named
  const cluster = clusters.find(({ issuer }) => issuer === named.issuer)
  if (!cluster) return refuse('issuer_unknown', `the issuer ${quote(named.issuer)} is not that of any of the fleet's clusters`)
  const { issuer, jwks, audience } = cluster
  const verified = await verifyToken(token, { issuer: { issuer, ...(jwks ? { jwks } : {}) }, audience, keys, nowMs })
  if (!verified.ok) return verified
  const { sub } = verified.claims
  if (!cluster.subjects.includes(sub))
    return refuse(
      'subject_not_allowed',
      `the subject is ${quote(sub)}, want one of the cluster's: ${cluster.subjects.map(quote).join(', ')}`,
    )
  return judgeBinding(verified.claims, cluster)
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
