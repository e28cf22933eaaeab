/**
 * Batches as they came, kept until all of what is in them is history: whoever takes over from a worker that ended reads them again. `holder` is the worker
 * that has counted them. What they hold was counted in the transaction that wrote them (received.ts).
 */
import { fromJson, type Row, type Sql } from './sql.ts'

export type BatchKey = { readonly agent: string; readonly boot: string; readonly sequence: number }
export type KeptBatch = {
  readonly id: BatchKey
  readonly encoding: 'protobuf' | 'json'
  readonly isGzip: boolean
  readonly body: Uint8Array
  /** When it came: what was true then decides what of it counts. */
  readonly atMs: number
  /** Minutes of it that are history by now. */
  readonly done: readonly number[]
}

export const keepBatch = async (sql: Sql, holder: string, { id, encoding, isGzip, body, atMs, done }: KeptBatch): Promise<void> => {
  await sql.run(
    `INSERT INTO batches (agent_id, boot, sequence, holder, encoding, is_gzip, at_ms, done, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      ON CONFLICT (agent_id, boot, sequence) DO NOTHING`,
    id.agent,
    id.boot,
    id.sequence,
    holder,
    encoding,
    isGzip ? 1 : 0,
    atMs,
    JSON.stringify(done),
    body,
  )
}

const read = (row: Row): KeptBatch => ({
  id: { agent: String(row['agent_id']), boot: String(row['boot']), sequence: Number(row['sequence']) },
  encoding: row['encoding'] as KeptBatch['encoding'],
  isGzip: row['is_gzip'] === 1,
  body: row['body'] as Uint8Array,
  atMs: Number(row['at_ms']),
  done: fromJson(row['done']),
})

/** Those who have kept something, also what nobody needs any more. */
export const batchHolders = async (sql: Sql): Promise<string[]> =>
  (await sql.all('SELECT holder FROM batches UNION SELECT holder FROM open_history ORDER BY holder')).map(({ holder }) => String(holder))

/** At most `limit` that were another's and are now `to`'s, in the order in which they came. None: there are no more. */
export const takeBatches = async (sql: Sql, from: string, to: string, limit: number): Promise<KeptBatch[]> => {
  const rows = await sql.all(`SELECT * FROM batches WHERE holder = $1 ORDER BY at_ms, agent_id, boot, sequence LIMIT $2`, from, limit)
  const batches = rows.map(read)
  for (const { id } of batches)
    await sql.run('UPDATE batches SET holder = $4 WHERE agent_id = $1 AND boot = $2 AND sequence = $3', id.agent, id.boot, id.sequence, to)
  return batches
}

/** All of it is history. */
export const finishBatches = async (sql: Sql, ids: readonly BatchKey[]): Promise<void> => {
  for (const { agent, boot, first, last } of runsOf(ids))
    await sql.run('DELETE FROM batches WHERE agent_id = $1 AND boot = $2 AND sequence BETWEEN $3 AND $4', agent, boot, first, last)
}

type Run = { agent: string; boot: string; first: number; last: number }

/** Numbers that follow one another, as one. */
const runsOf = (ids: readonly BatchKey[]): Run[] => {
  const runs: Run[] = []
  for (const { agent, boot, sequence } of ids.toSorted((a, b) => a.sequence - b.sequence)) {
    const run = runs.findLast(one => one.agent === agent && one.boot === boot)
    if (run?.last === sequence - 1) run.last = sequence
    else runs.push({ agent, boot, first: sequence, last: sequence })
  }
  return runs
}

/** One minute of them is history. */
export const finishMinute = async (sql: Sql, ids: readonly BatchKey[], minute: number): Promise<void> => {
  for (const { agent, boot, sequence } of ids) {
    const key = [agent, boot, sequence] as const
    const [row] = await sql.all('SELECT done FROM batches WHERE agent_id = $1 AND boot = $2 AND sequence = $3', ...key)
    if (!row) continue
    const done = [...fromJson<number[]>(row['done']), minute]
    await sql.run('UPDATE batches SET done = $4 WHERE agent_id = $1 AND boot = $2 AND sequence = $3', ...key, JSON.stringify(done))
  }
}

/** How many there are, and of how many bytes. */
export const countBatches = async (sql: Sql): Promise<{ batches: number; bytes: number }> => {
  const [row] = await sql.all('SELECT COUNT(*) AS batches, COALESCE(SUM(LENGTH(body)), 0) AS bytes FROM batches')
  return { batches: Number(row?.['batches']), bytes: Number(row?.['bytes']) }
}

/** Those that came before a time. How many there were. */
export const dropBatches = (sql: Sql, beforeMs: number): Promise<number> => sql.run('DELETE FROM batches WHERE at_ms < $1', beforeMs)
