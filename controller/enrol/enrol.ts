/** From a proof of identity to a credential. The id and the place are the proof's; the body adds what nothing is decided by. */

import { parseTrustDomain } from '../../judge/spiffe/id.ts'
import type { X509Bundles } from '../../judge/spiffe/x509-svid.ts'
import type { Secret } from '../../wire/secret.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import { getAgent, putAgent, type StoredAgent } from '../store/agents.ts'
import { addCredential, dropCredentialsOf } from '../store/credentials.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { type Credential, issueCredential } from './credential.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { proveByJoinToken } from './join-token.ts'
import { proveByProjectedToken } from './kubernetes.ts'
import { type Claimed, type Proved, reconcileClaims } from './proved.ts'
import { type Refusal, type RefusalReason, refuse } from './refusal.ts'
import type { Signer } from './signer.ts'
import { proveByPeer } from './spiffe.ts'
import type { TokenReview } from './token-review.ts'

export type Enrolling = {
  store: Pick<Store, 'write'>
  signer: Signer
  fleet: Pick<MergedFleet, 'clusters' | 'trustDomains'>
  keys: IssuerKeys
  /** Of the cluster that the controller runs in, if it runs in one. */
  review?: TokenReview
  /** X.509 authorities of the fleet's trust domains. */
  bundles: X509Bundles
  random: (bytes: number) => Uint8Array
  nowMs: number
}

export type EnrolRequest = {
  /** `peer`: the certificates of the TLS handshake, DER, leaf first. */
  proof: { kind: 'kubernetes'; token: Secret } | { kind: 'join'; token: Secret } | { kind: 'spiffe'; peer: readonly Uint8Array[] }
  claimed: Claimed
  /** Runs as the proved workload, for checks that name it. */
  runner?: boolean
  said: Pick<StoredAgent, 'labels' | 'advertise' | 'details'>
  /** The address it comes from, for the events. */
  from: string
}

export type Enrolled = { ok: true; agent: Proved; credential: Credential }

/** An agent that was seen less than this ago is at work (three heartbeats). */
const liveForMs = 30_000

/** Refusals of which the proof itself was good. */
const afterProof: readonly RefusalReason[] = ['subject_not_allowed', 'claims_differ', 'location_unknown']

/** Refusals of what was proved are events; of what was not, only answers: nobody fills the store without a proof. */
export const enrol = async (means: Enrolling, request: EnrolRequest): Promise<Enrolled | Refusal> => {
  const proved = await prove(means, request)
  if (proved && !proved.ok) {
    if (afterProof.includes(proved.reason)) await means.store.write(sql => addRefusal(sql, request, proved, 'unknown'))
    return proved
  }
  return await means.store.write(sql => letIn(sql, means, request, proved))
}

/** Undefined for a join token, which is used up in the transaction that lets the agent in. */
const prove = async (means: Enrolling, { proof, claimed }: EnrolRequest): Promise<Proved | Refusal | undefined> => {
  const { fleet, keys, review, bundles, nowMs } = means
  if (proof.kind === 'join') return undefined
  if (proof.kind === 'kubernetes')
    return await proveByProjectedToken(proof.token, { clusters: fleet.clusters, keys, nowMs, ...(review ? { review } : {}) })
  const trustDomains = fleet.trustDomains.map(({ name }) => parseTrustDomain(name)).flatMap(one => (one.ok ? [one.trustDomain] : []))
  return proveByPeer(proof.peer, claimed, { trustDomains, clusters: fleet.clusters, bundles, nowMs })
}

const letIn = async (sql: Sql, means: Enrolling, request: EnrolRequest, before: Proved | undefined): Promise<Enrolled | Refusal> => {
  const { proof, claimed, from } = request
  const { nowMs } = means
  const proved = before ?? (proof.kind === 'join' ? await proveByJoinToken(sql, proof.token, from, nowMs) : undefined)
  if (!proved) throw new TypeError('nothing was proved')
  if (!proved.ok) {
    if (proved.reason === 'join_token_used') await addRefusal(sql, request, proved, 'unknown')
    return proved
  }
  const agent = reconcileClaims(proved, claimed)
  const held = await getAgent(sql, proved.id, true)
  const refusal = !agent.ok ? agent : judgeFormer(agent, held)
  if (refusal) {
    await addRefusal(sql, request, refusal, proved.id)
    return refusal
  }
  return await admit(sql, means, request, agent as Proved, held)
}

/** What people have decided of it, and what another kind of proof has made of the same id. Pure. */
const judgeFormer = (agent: Proved, held: StoredAgent | undefined): Refusal | undefined => {
  if (!held) return undefined
  if (held.banned) return refuse('banned', `${agent.id} was banned by ${held.banned.author}: ${held.banned.reason}`)
  // What has retired may be taken over, by a node that was set up anew in another way.
  if (held.status === 'retired') return undefined
  const [was, is] = [held.proof, agent.proof]
  if (was.kind !== is.kind || was.subject !== is.subject)
    return refuse(
      'claims_differ',
      `${agent.id} has enrolled with another identity (${was.kind} ${was.subject}), and this proof is ${is.kind} ${is.subject}`,
    )
  return undefined
}

const admit = async (
  sql: Sql,
  means: Enrolling,
  request: EnrolRequest,
  agent: Proved,
  held: StoredAgent | undefined,
): Promise<Enrolled> => {
  const { signer, random, nowMs } = means
  const { id, location, workload, proof } = agent
  const { labels, advertise, details } = request.said
  const runner = request.runner && workload ? { runner: workload } : {}
  await putAgent(sql, { id, location, labels: { ...labels, ...agent.labels }, advertise, details: { ...details, ...runner }, proof }, nowMs)
  // Whoever had this identity before must prove it again: of two with the same, only one goes on unseen.
  await dropCredentialsOf(sql, id)
  const credential = await issueCredential(signer, { agentId: id, random, nowMs })
  await addCredential(sql, credential)
  const isLive = held !== undefined && held.status === 'live' && nowMs - held.lastSeenMs < liveForMs
  const body = { from: request.from, proof: proof.kind, subject: proof.subject, sameInstance: held?.proof.instance === proof.instance }
  await addEvent(sql, { kind: isLive ? 'agent_reenrolled_live' : 'agent_enrolled', subject: id, body })
  return { ok: true, agent, credential }
}

const addRefusal = (sql: Sql, { from, proof }: EnrolRequest, { reason, detail }: Refusal, subject: string): Promise<void> =>
  addEvent(sql, { kind: 'enrolment_refused', subject, body: { from, proof: proof.kind, reason, detail } })
