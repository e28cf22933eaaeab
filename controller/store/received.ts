/** Which batches of an agent have been counted, in the transaction of the data itself: a batch that is sent again counts once. */
import { addRange, dropBefore, type HeldRange, type Range } from './ranges.ts'
import { first, fromJson, type Sql } from './sql.ts'

/** Longer than points are taken (26 h), so that none is forgotten that could still be counted again. */
export const receivedForMs = 27 * 3_600_000

/** From a number of one boot to another, both included. Boot ids are the agent's own. */
export type Batch = { agentId: string; boot: string; range: Range; nowMs: number }

/** The numbers that had not come before: count these and no others. From here to the end of the transaction nobody else counts for this boot. */
export const receive = async (sql: Sql, { agentId, boot, range, nowMs }: Batch): Promise<Range[]> => {
  // One statement makes the row or locks it.
  const row = await first(
    sql,
    `INSERT INTO received (agent_id, boot, ranges, at_ms) VALUES ($1, $2, '[]', $3)
      ON CONFLICT (agent_id, boot) DO UPDATE SET at_ms = CASE WHEN received.at_ms < excluded.at_ms THEN excluded.at_ms ELSE received.at_ms END
      RETURNING ranges`,
    agentId,
    boot,
    nowMs,
  )
  const known = dropBefore(fromJson<HeldRange[]>(row?.['ranges']), nowMs - receivedForMs)
  const { fresh, held } = addRange(known, range, nowMs)
  await sql.run('UPDATE received SET ranges = $3 WHERE agent_id = $1 AND boot = $2', agentId, boot, JSON.stringify(held))
  return fresh
}

export const receivedRanges = async (sql: Sql, agentId: string, boot: string): Promise<HeldRange[]> => {
  const row = await first(sql, 'SELECT ranges FROM received WHERE agent_id = $1 AND boot = $2', agentId, boot)
  return row ? fromJson(row['ranges']) : []
}

/** Boots of which nothing has come for 27 h. */
export const dropReceived = (sql: Sql, nowMs: number): Promise<number> =>
  sql.run('DELETE FROM received WHERE at_ms < $1', nowMs - receivedForMs)
