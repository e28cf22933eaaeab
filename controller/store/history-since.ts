/** History in the order in which it was stored, for those who add it up as it comes. */
import type { Sql } from './sql.ts'

export type StoredPart = { id: number; agentId: string; bytes: Uint8Array }

/** Ids of the parts of a resolution that were stored after one, in order. */
export const historyIdsAfter = async (sql: Sql, resolutionMs: number, afterId: number, limit: number): Promise<number[]> =>
  (await sql.all('SELECT id FROM history WHERE resolution_ms = $1 AND id > $2 ORDER BY id LIMIT $3', resolutionMs, afterId, limit)).map(
    ({ id }) => Number(id),
  )

/** The part of an id; undefined when it has been merged or dropped meanwhile. */
export const historyPart = async (sql: Sql, id: number): Promise<StoredPart | undefined> => {
  const [row] = await sql.all('SELECT id, agent_id, bytes FROM history WHERE id = $1', id)
  return row && { id, agentId: String(row['agent_id']), bytes: row['bytes'] as Uint8Array }
}

export const lastHistoryId = async (sql: Sql): Promise<number> =>
  Number((await sql.all('SELECT COALESCE(MAX(id), 0) AS id FROM history'))[0]?.['id'] ?? 0)

export type PartHead = { id: number; agentId: string; startMs: number }

/** Which parts of a resolution there are that begin at or after a time. */
export const recentHistory = async (sql: Sql, resolutionMs: number, fromMs: number): Promise<PartHead[]> =>
  (
    await sql.all(
      'SELECT id, agent_id, start_ms FROM history WHERE resolution_ms = $1 AND start_ms >= $2 ORDER BY id',
      resolutionMs,
      fromMs,
    )
  ).map(row => ({ id: Number(row['id']), agentId: String(row['agent_id']), startMs: Number(row['start_ms']) }))
