/**
 * What the agents measured, as bytes that the store does not look into: a row per agent, resolution and start. Replicas append; several parts of the same
 * row are merged by who reads them.
 */
import { first, type Row, type Sql } from './sql.ts'

export type HistoryKey = { agentId: string; resolutionMs: number; startMs: number }
export type HistoryPart = { id: number; bytes: Uint8Array }
export type HistoryRow = HistoryKey & { parts: HistoryPart[] }

export const appendHistory = async (sql: Sql, { agentId, resolutionMs, startMs }: HistoryKey, bytes: Uint8Array): Promise<void> => {
  await sql.run(
    'INSERT INTO history (agent_id, resolution_ms, start_ms, bytes) VALUES ($1, $2, $3, $4)',
    agentId,
    resolutionMs,
    startMs,
    bytes,
  )
}

export type HistoryQuery = { resolutionMs: number; fromMs: number /** Not included. */; toMs: number; agentId?: string; limit?: number }

/** By agent and start. `limit` counts parts; the last row may be cut short when it is reached. */
export const readHistory = async (
  sql: Sql,
  { resolutionMs, fromMs, toMs, agentId, limit = 100_000 }: HistoryQuery,
): Promise<HistoryRow[]> => {
  const columns = 'id, agent_id, start_ms, bytes'
  const rows =
    agentId === undefined
      ? await sql.all(
          `SELECT ${columns} FROM history WHERE resolution_ms = $1 AND start_ms >= $2 AND start_ms < $3 ORDER BY agent_id, start_ms, id LIMIT $4`,
          resolutionMs,
          fromMs,
          toMs,
          limit,
        )
      : await sql.all(
          `SELECT ${columns} FROM history WHERE resolution_ms = $1 AND agent_id = $5 AND start_ms >= $2 AND start_ms < $3 ORDER BY start_ms, id LIMIT $4`,
          resolutionMs,
          fromMs,
          toMs,
          limit,
          agentId,
        )
  return group(rows, resolutionMs)
}

const group = (rows: readonly Row[], resolutionMs: number): HistoryRow[] => {
  const groups: HistoryRow[] = []
  for (const row of rows) {
    const [agentId, startMs] = [String(row['agent_id']), Number(row['start_ms'])]
    const part: HistoryPart = { id: Number(row['id']), bytes: row['bytes'] as Uint8Array }
    const last = groups.at(-1)
    if (last?.agentId === agentId && last.startMs === startMs) last.parts.push(part)
    else groups.push({ agentId, resolutionMs, startMs, parts: [part] })
  }
  return groups
}

/** One part for several that were read: those that have come since stay. False, and nothing changed, when another has merged them meanwhile. */
export const mergeHistory = async (
  sql: Sql,
  key: HistoryKey,
  parts: readonly Pick<HistoryPart, 'id'>[],
  bytes: Uint8Array,
): Promise<boolean> => {
  const kept: number[] = []
  for (const { id } of parts) if (await first(sql, `SELECT id FROM history WHERE id = $1${sql.dialect.forUpdate}`, id)) kept.push(id)
  if (kept.length < parts.length) return false
  for (const id of kept) await sql.run('DELETE FROM history WHERE id = $1', id)
  await appendHistory(sql, key, bytes)
  return true
}

/** At most `limit` parts of a resolution that begin before a time, the oldest first. How many there were: fewer than `limit` means that no more are left. */
export const dropHistory = (sql: Sql, resolutionMs: number, beforeMs: number, limit: number): Promise<number> =>
  sql.run(
    'DELETE FROM history WHERE id IN (SELECT id FROM history WHERE resolution_ms = $1 AND start_ms < $2 ORDER BY start_ms, id LIMIT $3)',
    resolutionMs,
    beforeMs,
    limit,
  )

/** When the oldest that is kept begins. */
export const oldestHistoryMs = async (sql: Sql, resolutionMs: number): Promise<number | undefined> => {
  const row = await first(sql, 'SELECT start_ms FROM history WHERE resolution_ms = $1 ORDER BY start_ms LIMIT 1', resolutionMs)
  return row && Number(row['start_ms'])
}
