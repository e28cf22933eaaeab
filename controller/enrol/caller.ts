/** Agents that come with a credential: who they are, a fresh one before its end, and the ban that ends it. */
import type { Secret } from '../../wire/secret.ts'
import { type Mark, markAgent } from '../store/agents.ts'
import { addCredential, dropCredentialsOf, isCredentialHeld } from '../store/credentials.ts'
import { addEvent } from '../store/events.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { type Caller, type Credential, issueCredential, renewGraceMs, verifyCredential } from './credential.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Signer } from './signer.ts'

/**
 * By signature, dates and the store: a credential that was replaced by an enrolment, or whose agent is banned, is no good. `graceMs`: how long after its end it is
 * taken all the same.
 */
export const checkCaller = async (
  store: Pick<Store, 'read'>,
  token: Secret,
  signer: Signer,
  nowMs: number,
  graceMs = 0,
): Promise<Caller | Refusal> => {
  const caller = await verifyCredential(token, signer, nowMs, graceMs)
  if (!caller.ok) return caller
  if (await store.read(sql => isCredentialHeld(sql, caller.thumbprint, caller.agentId, nowMs - graceMs))) return caller
  return refuse('credential_unknown', `the credential of ${caller.agentId} is not good any more: it was replaced, or the agent is banned`)
}

type Renewing = { store: Pick<Store, 'write'>; signer: Signer; random: (bytes: number) => Uint8Array; nowMs: number }

/** A fresh one for a caller that was checked. The present one stays good until its end: requests with it are under way. */
export const renewCredential = async (
  { store, signer, random, nowMs }: Renewing,
  { agentId, thumbprint }: Caller,
): Promise<Credential | Refusal> => {
  const credential = await issueCredential(signer, { agentId, random, nowMs })
  const isHeld = await store.write(async sql => {
    // It may have been replaced since it was checked.
    const held = await isCredentialHeld(sql, thumbprint, agentId, nowMs - renewGraceMs)
    if (held) await addCredential(sql, credential)
    return held
  })
  return isHeld ? credential : refuse('credential_unknown', `the credential of ${agentId} is not good any more`)
}

/** Ends all of its credentials at once and keeps it out until the ban is lifted. False: there is none of this id. */
export const banAgent = async (sql: Sql, agentId: string, mark: Mark): Promise<boolean> => {
  if (!(await markAgent(sql, agentId, 'banned', mark))) return false
  await dropCredentialsOf(sql, agentId)
  await addEvent(sql, { kind: 'agent_banned', subject: agentId, body: { ...mark } })
  return true
}

export const unbanAgent = async (sql: Sql, agentId: string, author: string): Promise<boolean> => {
  if (!(await markAgent(sql, agentId, 'banned', undefined))) return false
  await addEvent(sql, { kind: 'agent_unbanned', subject: agentId, body: { author } })
  return true
}
