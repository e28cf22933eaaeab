/** Which batches of an agent have been counted, in the transaction of the data itself: a batch that is sent again counts once. */
import { addRange, dropBefore, type HeldRange, type Range } from './ranges.ts'
import { first, fromJson, type Sql } from './sql.ts'

/** Longer than points are taken (26 h), so that none is forgotten that could still be counted again. */
export const receivedForMs = 27 * 3_600_000

/** From a number of one boot to another, both included. Boot ids are the agent's own. */
export type Batch = { agentId: string; boot: string; range: Range; nowMs: number }

/** The numbers that had not come before: count these and no others. From here to the end of the transaction nobody else counts for this boot. */
export const receive = (sql: Sql, { range, ...batch }: Batch): Promise<Range[]> => receiveAll(sql, { ...batch, ranges: [range] })

/** The same of several ranges at once. */
export const receiveAll = async (
  sql: Sql,
  { agentId, boot, ranges, nowMs }: Omit<Batch, 'range'> & { ranges: readonly Range[] },
): Promise<Range[]> => {
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
  let held = dropBefore(fromJson<HeldRange[]>(row?.['ranges']), nowMs - receivedForMs)
  const fresh: Range[] = []
  for (const range of ranges) {
    const added = addRange(held, range, nowMs)
    fresh.push(...added.fresh)
    held = added.held
  }
  await sql.run('UPDATE received SET ranges = $3 WHERE agent_id = $1 AND boot = $2', agentId, boot, JSON.stringify(held))
  return fresh
}

export const receivedRanges = async (sql: Sql, agentId: string, boot: string): Promise<HeldRange[]> => {
  const row = await first(sql, 'SELECT ranges FROM received WHERE agent_id = $1 AND boot = $2', agentId, boot)
  return row ? fromJson(row['ranges']) : []
}

export type ReceivedBoot = { agentId: string; boot: string; ranges: HeldRange[]; atMs: number }

/** All that is known, by agent and the time of a boot's last batch. */
export const listReceived = async (sql: Sql): Promise<ReceivedBoot[]> =>
  (await sql.all('SELECT agent_id, boot, ranges, at_ms FROM received ORDER BY agent_id, at_ms')).map(row => ({
    agentId: String(row['agent_id']),
    boot: String(row['boot']),
    ranges: fromJson(row['ranges']),
    atMs: Number(row['at_ms']),
  }))

/** When the last batch of each agent came, of those since then. */
export const deliveredSince = async (sql: Sql, sinceMs: number): Promise<Map<string, number>> => {
  const rows = await sql.all('SELECT agent_id, MAX(at_ms) AS at_ms FROM received WHERE at_ms >= $1 GROUP BY agent_id', sinceMs)
  return new Map(rows.map(row => [String(row['agent_id']), Number(row['at_ms'])]))
}

/** Boots of which nothing has come for 27 h. */
export const dropReceived = (sql: Sql, nowMs: number): Promise<number> =>
  sql.run('DELETE FROM received WHERE at_ms < $1', nowMs - receivedForMs)
