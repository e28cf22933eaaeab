/** Join tokens: made by an admin for one agent, for places that have no identity of their own. */
import { createHash } from 'node:crypto'
import { parseJoinToken, printJoinToken } from '../../wire/join-token.ts'
import type { Secret } from '../../wire/secret.ts'
import type { Location } from '../fleet/select.ts'
import { addJoinToken, redeemJoinToken } from '../store/join-tokens.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import type { Proved } from './proved.ts'
import { type Refusal, refuse } from './refusal.ts'

export const joinTokenTtlMs = 10 * 60_000

/** 256 random bits need no salt and no slow hash. */
export const hashSecret = (secret: Secret): string => createHash('sha256').update(secret.reveal()).digest('hex')

export type JoinRequest = {
  /** Default: `join/` and eight random letters. */
  agentId?: string
  location: Location
  labels?: Readonly<Record<string, string>>
  author: string
  caPin?: string
}
type Means = { store: Pick<Store, 'write'>; random: (bytes: number) => Uint8Array; nowMs: number }

/** The one time that its text is known. */
export const makeJoinToken = async (
  { store, random, nowMs }: Means,
  { agentId, location, labels = {}, author, caPin }: JoinRequest,
): Promise<{ token: Secret; agentId: string; expiresMs: number }> => {
  const bytes = random(32)
  const id = agentId ?? `join/${Buffer.from(random(4)).toString('hex')}`
  const token = printJoinToken(bytes, caPin)
  const parsed = parseJoinToken(token.reveal())
  if (!parsed.ok) throw new TypeError('caPin is not a SHA-256 in hex, or there are not enough random bytes')
  const expiresMs = nowMs + joinTokenTtlMs
  const hash = hashSecret(parsed.value.secret)
  await store.write(sql => addJoinToken(sql, { hash, agentId: id, location, labels, author, createdMs: nowMs, expiresMs }))
  return { token, agentId: id, expiresMs }
}

/** Uses it up, within the transaction that lets the agent in. */
export const proveByJoinToken = async (sql: Sql, token: Secret, from: string, nowMs: number): Promise<Proved | Refusal> => {
  const parsed = parseJoinToken(token.reveal())
  if (!parsed.ok) return refuse('proof_malformed', parsed.problems[0]!)
  const redeemed = await redeemJoinToken(sql, hashSecret(parsed.value.secret), from, nowMs)
  if (!redeemed.ok) return refuse(`join_token_${redeemed.why}`, `the join token is ${sayWhy[redeemed.why]}`)
  const { agentId, location, labels, author } = redeemed.token
  return { ok: true, id: agentId, location, labels, proof: { kind: 'join', issuer: author, subject: agentId } }
}

const sayWhy = {
  unknown: 'not one of this controller: it may be another one’s, or have been used or ended long ago',
  used: 'used already: each is good for one agent, once',
  expired: 'older than its ten minutes',
} as const
