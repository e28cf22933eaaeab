/** What each agent is to do, by whom it was planned last: one row per agent, written by the leader alone, and only when it changes. */
import { first, type Row, type Sql } from './sql.ts'

/** `revision`: of the content, the same for the same. `generation`: the fleet's, which it was planned from. */
export type AssignmentHead = { agentId: string; revision: string; generation: number }
/** `body`: JSON of `{ targets, checks, … }`. */
export type StoredAssignment = AssignmentHead & { body: string; atMs: number }

const headOf = (row: Row): AssignmentHead => ({
  agentId: String(row['agent_id']),
  revision: String(row['revision']),
  generation: Number(row['generation']),
})

/** One number for all that a transaction writes. Leaders write one after the other, so that what follows `changedAssignments` misses nothing. */
export const nextChange = async (sql: Sql): Promise<number> => {
  const text = `INSERT INTO counters (name, value) VALUES ('assignments', 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`
  return Number((await first(sql, text))?.['value'])
}

export const putAssignment = async (
  sql: Sql,
  { agentId, revision, generation, body, atMs }: StoredAssignment,
  change: number,
): Promise<void> => {
  await sql.run(
    `INSERT INTO assignments (agent_id, revision, generation, body, at_ms, change) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (agent_id) DO UPDATE SET revision = excluded.revision, generation = excluded.generation, body = excluded.body, at_ms = excluded.at_ms,
        change = excluded.change`,
    agentId,
    revision,
    generation,
    body,
    atMs,
    change,
  )
}

/** Of a plan that says the same in a later generation. */
export const renumberAssignment = async (sql: Sql, { agentId, revision, generation }: AssignmentHead): Promise<void> => {
  await sql.run('UPDATE assignments SET generation = $3 WHERE agent_id = $1 AND revision = $2', agentId, revision, generation)
}

export const dropAssignment = async (sql: Sql, agentId: string): Promise<void> => {
  await sql.run('DELETE FROM assignments WHERE agent_id = $1', agentId)
}

export const getAssignment = async (sql: Sql, agentId: string): Promise<StoredAssignment | undefined> => {
  const row = await first(sql, 'SELECT agent_id, revision, generation, body, at_ms FROM assignments WHERE agent_id = $1', agentId)
  return row && { ...headOf(row), body: String(row['body']), atMs: Number(row['at_ms']) }
}

export const listAssignments = async (sql: Sql): Promise<AssignmentHead[]> =>
  (await sql.all('SELECT agent_id, revision, generation FROM assignments ORDER BY agent_id')).map(headOf)

/** Whose assignment was written after a change, and up to which this is all. */
export const changedAssignments = async (sql: Sql, after: number): Promise<{ agentIds: string[]; upTo: number }> => {
  const rows = await sql.all('SELECT agent_id, change FROM assignments WHERE change > $1 ORDER BY change, agent_id', after)
  return { agentIds: rows.map(row => String(row['agent_id'])), upTo: Number(rows.at(-1)?.['change'] ?? after) }
}
