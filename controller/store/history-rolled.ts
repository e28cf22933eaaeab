/**
 * Which parts of the history are also in a longer resolution. A part is marked in the transaction that writes the longer one, so that at any moment the parts
 * of a resolution and the unmarked ones of all shorter ones say everything once; what comes late is simply not marked yet.
 */
import { first, type Sql } from './sql.ts'

export type Slot = { readonly agentId: string; readonly startMs: number }

/** Times of `spanMs`, over before `beforeMs`, of which parts are not marked, the oldest first. */
export const unrolledSlots = async (
  sql: Sql,
  { resolutionMs, spanMs, beforeMs, limit }: { resolutionMs: number; spanMs: number; beforeMs: number; limit: number },
): Promise<Slot[]> => {
  const rows = await sql.all(
    `SELECT DISTINCT agent_id, start_ms - start_ms % CAST($2 AS BIGINT) AS slot_ms FROM history
      WHERE resolution_ms = $1 AND rolled = 0 AND start_ms < $3 ORDER BY slot_ms, agent_id LIMIT $4`,
    resolutionMs,
    spanMs,
    Math.floor(beforeMs / spanMs) * spanMs,
    limit,
  )
  return rows.map(row => ({ agentId: String(row['agent_id']), startMs: Number(row['slot_ms']) }))
}

/** False, and the caller must not go on, when another has marked one of them. */
export const markRolled = async (sql: Sql, ids: readonly number[]): Promise<boolean> => {
  let marked = 0
  for (const id of ids) marked += await sql.run('UPDATE history SET rolled = 1 WHERE id = $1 AND rolled = 0', id)
  return marked === ids.length
}

export type Part = { readonly id: number; readonly agentId: string; readonly startMs: number; readonly bytes: Uint8Array }
export type PartsQuery = {
  readonly resolutionMs: number
  readonly fromMs: number
  /** Not included. */
  readonly toMs: number
  readonly agentId?: string
  /** Only those that are in no longer resolution. */
  readonly isUnrolled: boolean
  /** The last of the page before. */
  readonly after?: { readonly startMs: number; readonly id: number }
  readonly limit: number
}

/** By start. */
export const readParts = async (sql: Sql, query: PartsQuery): Promise<Part[]> => {
  const { resolutionMs, fromMs, toMs, agentId, isUnrolled, after = { startMs: -1, id: -1 }, limit } = query
  const filters = `${isUnrolled ? ' AND rolled = 0' : ''}${agentId === undefined ? '' : ' AND agent_id = $7'}`
  const rows = await sql.all(
    `SELECT id, agent_id, start_ms, bytes FROM history WHERE resolution_ms = $1 AND start_ms >= $2 AND start_ms < $3
      AND (start_ms > $4 OR (start_ms = $4 AND id > $5))${filters} ORDER BY start_ms, id LIMIT $6`,
    ...[resolutionMs, Math.max(fromMs, after.startMs), toMs, after.startMs, after.id, limit],
    ...(agentId === undefined ? [] : [agentId]),
  )
  return rows.map(row => ({
    id: Number(row['id']),
    agentId: String(row['agent_id']),
    startMs: Number(row['start_ms']),
    bytes: row['bytes'] as Uint8Array,
  }))
}

/** At most `limit` parts that begin before a time and are in a longer resolution, the oldest first. How many there were. */
export const dropRolled = (sql: Sql, resolutionMs: number, beforeMs: number, limit: number): Promise<number> =>
  sql.run(
    `DELETE FROM history WHERE id IN
      (SELECT id FROM history WHERE resolution_ms = $1 AND start_ms < $2 AND rolled = 1 ORDER BY start_ms, id LIMIT $3)`,
    resolutionMs,
    beforeMs,
    limit,
  )

/** Of the blobs alone. PostgreSQL's files stay as large as they were; this does not. */
export const historyBytes = async (sql: Sql): Promise<number> =>
  Number((await first(sql, 'SELECT COALESCE(SUM(LENGTH(bytes)), 0) AS bytes FROM history'))?.['bytes'])
