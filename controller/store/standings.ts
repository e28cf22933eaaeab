/** How far each agent is with what it was told: what was sent to it, what it said to that, and whether its stream has broken since. */
import { first, fromJson, type Row, type Sql } from './sql.ts'

export type Told = {
  revision: string
  generation: number
  outcome: 'running' | 'refused'
  problems: readonly string[]
  paths?: number
  atMs: number
}
export type Standing = {
  agentId: string
  /** `count`: how many times this revision in a row, as to an agent that starts anew each time. */
  sent?: { revision: string; atMs: number; count: number }
  /** It had a stream, the stream has ended, and no other has begun. */
  goneMs?: number
  told?: Told
}

export const putSent = async (sql: Sql, agentId: string, revision: string, atMs: number): Promise<void> => {
  await sql.run(
    `INSERT INTO standings (agent_id, sent_revision, sent_ms, sent_count) VALUES ($1, $2, $3, 1)
      ON CONFLICT (agent_id) DO UPDATE SET sent_count = CASE WHEN standings.sent_revision = $2 THEN standings.sent_count + 1 ELSE 1 END,
        sent_revision = $2, sent_ms = $3`,
    agentId,
    revision,
    atMs,
  )
}

/** Undefined: it is here. */
export const putGone = async (sql: Sql, agentId: string, goneMs: number | undefined): Promise<void> => {
  await sql.run(
    'INSERT INTO standings (agent_id, gone_ms) VALUES ($1, $2) ON CONFLICT (agent_id) DO UPDATE SET gone_ms = excluded.gone_ms',
    agentId,
    goneMs ?? null,
  )
}

export const putTold = async (sql: Sql, agentId: string, { revision, generation, outcome, problems, paths, atMs }: Told): Promise<void> => {
  await sql.run(
    `INSERT INTO standings (agent_id, revision, generation, outcome, problems, paths, told_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (agent_id) DO UPDATE SET revision = excluded.revision, generation = excluded.generation, outcome = excluded.outcome,
        problems = excluded.problems, paths = excluded.paths, told_ms = excluded.told_ms`,
    agentId,
    revision,
    generation,
    outcome,
    JSON.stringify(problems),
    paths ?? null,
    atMs,
  )
}

const columns = 'agent_id, sent_revision, sent_ms, sent_count, gone_ms, revision, generation, outcome, problems, paths, told_ms'

/** Of all agents that have one, by id. */
export const listStandings = async (sql: Sql): Promise<Standing[]> =>
  (await sql.all(`SELECT ${columns} FROM standings ORDER BY agent_id`)).map(read)

export const getStanding = async (sql: Sql, agentId: string): Promise<Standing | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM standings WHERE agent_id = $1`, agentId)
  return row && read(row)
}

const read = (row: Row): Standing => ({
  agentId: String(row['agent_id']),
  ...(row['sent_revision'] !== null && {
    sent: { revision: String(row['sent_revision']), atMs: Number(row['sent_ms']), count: Number(row['sent_count']) },
  }),
  ...(row['gone_ms'] !== null && { goneMs: Number(row['gone_ms']) }),
  ...(row['revision'] !== null && {
    told: {
      revision: String(row['revision']),
      generation: Number(row['generation']),
      outcome: row['outcome'] as Told['outcome'],
      problems: fromJson<string[]>(row['problems']),
      ...(row['paths'] !== null && { paths: Number(row['paths']) }),
      atMs: Number(row['told_ms']),
    },
  }),
})
