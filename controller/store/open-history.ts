/**
 * Minutes that are not over, as far as they are known: what a query adds to the history, and nothing else. They are replaced as they grow, and go in the
 * transaction that writes the minute itself; those of a worker that ended go with it, since its batches are read again.
 */
import type { Sql } from './sql.ts'

export type OpenMinute = { readonly agent: string; readonly startMs: number; readonly blob: Uint8Array }

export const putOpenMinute = async (sql: Sql, holder: string, { agent, startMs, blob }: OpenMinute): Promise<void> => {
  await sql.run(
    `INSERT INTO open_history (agent_id, start_ms, holder, bytes) VALUES ($1, $2, $3, $4)
      ON CONFLICT (agent_id, start_ms, holder) DO UPDATE SET bytes = excluded.bytes`,
    agent,
    startMs,
    holder,
    blob,
  )
}

export const dropOpenMinute = async (sql: Sql, holder: string, { agent, startMs }: Omit<OpenMinute, 'blob'>): Promise<void> => {
  await sql.run('DELETE FROM open_history WHERE agent_id = $1 AND start_ms = $2 AND holder = $3', agent, startMs, holder)
}

export const dropOpenMinutesOf = (sql: Sql, holder: string): Promise<number> =>
  sql.run('DELETE FROM open_history WHERE holder = $1', holder)

/** By agent and start. */
export const readOpenMinutes = async (
  sql: Sql,
  { fromMs, toMs, agentId }: { fromMs: number; toMs: number; agentId?: string },
): Promise<OpenMinute[]> => {
  const order = 'ORDER BY agent_id, start_ms, holder'
  const text = 'SELECT agent_id, start_ms, bytes FROM open_history WHERE start_ms >= $1 AND start_ms < $2'
  const rows =
    agentId === undefined
      ? await sql.all(`${text} ${order}`, fromMs, toMs)
      : await sql.all(`${text} AND agent_id = $3 ${order}`, fromMs, toMs, agentId)
  return rows.map(row => ({ agent: String(row['agent_id']), startMs: Number(row['start_ms']), blob: row['bytes'] as Uint8Array }))
}
