/** Join tokens: single use, by the hash of their secret. */
import type { Location } from '../fleet/select.ts'
import { addEvent } from './events.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

/** What the agent that comes with it will be: an admin has said so, not the agent. */
export type JoinToken = {
  hash: string
  agentId: string
  location: Location
  labels: Readonly<Record<string, string>>
  author: string
  createdMs: number
  expiresMs: number
}
export type Redeemed = { ok: true; token: JoinToken } | { ok: false; why: 'unknown' | 'used' | 'expired' }

const columns = 'hash, agent_id, location, labels, author, created_ms, expires_ms, used_ms'
const read = (row: Row): JoinToken => ({
  hash: String(row['hash']),
  agentId: String(row['agent_id']),
  location: fromJson(row['location']),
  labels: fromJson(row['labels']),
  author: String(row['author']),
  createdMs: Number(row['created_ms']),
  expiresMs: Number(row['expires_ms']),
})

export const addJoinToken = async (sql: Sql, token: JoinToken): Promise<void> => {
  const { hash, agentId, location, labels, author, createdMs, expiresMs } = token
  const texts = [JSON.stringify(location), JSON.stringify(labels)]
  await sql.run(
    'INSERT INTO join_tokens (hash, agent_id, location, labels, author, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    hash,
    agentId,
    ...texts,
    author,
    createdMs,
    expiresMs,
  )
  await addEvent(sql, { kind: 'join_token_made', subject: agentId, body: { author, expiresMs } })
}

/** One statement decides: of two that come with the same token at once, one is too late. */
export const redeemJoinToken = async (sql: Sql, hash: string, from: string, nowMs: number): Promise<Redeemed> => {
  const row = await first(
    sql,
    `UPDATE join_tokens SET used_ms = $3, used_from = $2 WHERE hash = $1 AND used_ms IS NULL AND expires_ms > $3 RETURNING ${columns}`,
    hash,
    from,
    nowMs,
  )
  if (row) return { ok: true, token: read(row) }
  const held = await first(sql, `SELECT ${columns} FROM join_tokens WHERE hash = $1`, hash)
  return { ok: false, why: !held ? 'unknown' : held['used_ms'] === null ? 'expired' : 'used' }
}

/** How many there were. Kept for a while after their end, so that a late or second use can be told from a guess. */
export const dropJoinTokens = (sql: Sql, expiredBeforeMs: number): Promise<number> =>
  sql.run('DELETE FROM join_tokens WHERE expires_ms < $1', expiredBeforeMs)
