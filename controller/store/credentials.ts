/** Which credentials an agent has now, by thumbprint: one that is not here is no good, whatever its signature says. The credentials themselves are never kept. */
import { first, type Sql } from './sql.ts'

export type StoredCredential = { thumbprint: string; agentId: string; issuedMs: number; expiresMs: number }

export const addCredential = async (sql: Sql, { thumbprint, agentId, issuedMs, expiresMs }: StoredCredential): Promise<void> => {
  await sql.run(
    'INSERT INTO credentials (thumbprint, agent_id, issued_ms, expires_ms) VALUES ($1, $2, $3, $4)',
    thumbprint,
    agentId,
    issuedMs,
    expiresMs,
  )
}

export const credentialsOf = async (sql: Sql, agentId: string): Promise<StoredCredential[]> => {
  const rows = await sql.all(
    'SELECT thumbprint, agent_id, issued_ms, expires_ms FROM credentials WHERE agent_id = $1 ORDER BY issued_ms, thumbprint',
    agentId,
  )
  return rows.map(row => ({
    thumbprint: String(row['thumbprint']),
    agentId,
    issuedMs: Number(row['issued_ms']),
    expiresMs: Number(row['expires_ms']),
  }))
}

/** Whether it is this agent's, has not ended, and the agent may come. */
export const isCredentialHeld = async (sql: Sql, thumbprint: string, agentId: string, nowMs: number): Promise<boolean> =>
  (await first(
    sql,
    `SELECT c.thumbprint FROM credentials c JOIN agents a ON a.id = c.agent_id
      WHERE c.thumbprint = $1 AND c.agent_id = $2 AND c.expires_ms > $3 AND a.banned IS NULL`,
    thumbprint,
    agentId,
    nowMs,
  )) !== undefined

export const dropCredentialsOf = (sql: Sql, agentId: string): Promise<number> =>
  sql.run('DELETE FROM credentials WHERE agent_id = $1', agentId)

export const dropEndedCredentials = (sql: Sql, nowMs: number): Promise<number> =>
  sql.run('DELETE FROM credentials WHERE expires_ms <= $1', nowMs)
