/** Runs that people ask for: each has a part per agent that is to run something now, which that agent alone answers. */
import { first, fromJson, type Row, type Sql } from './sql.ts'

export type StoredRun = { id: string; asked: Readonly<Record<string, unknown>>; author: string; createdMs: number; expiresMs: number }
/** `message`: JSON of what the agent is sent. `results`: as it sent them. */
export type RunPart = {
  id: string
  runId: string
  agentId: string
  direction: 'forward' | 'reverse'
  message: string
  expiresMs: number
  sentMs?: number
  doneMs?: number
  results: readonly Readonly<Record<string, unknown>>[]
  problems: readonly string[]
}
export type NewPart = Omit<RunPart, 'sentMs' | 'doneMs' | 'results' | 'problems'>

export const addRun = async (
  sql: Sql,
  { id, asked, author, createdMs, expiresMs }: StoredRun,
  parts: readonly NewPart[],
): Promise<void> => {
  await sql.run(
    'INSERT INTO runs (id, asked, author, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)',
    id,
    JSON.stringify(asked),
    author,
    createdMs,
    expiresMs,
  )
  for (const part of parts)
    await sql.run(
      `INSERT INTO run_parts (id, run_id, agent_id, direction, message, expires_ms, results, problems) VALUES ($1, $2, $3, $4, $5, $6, '[]', '[]')`,
      part.id,
      id,
      part.agentId,
      part.direction,
      part.message,
      part.expiresMs,
    )
}

export const getRun = async (sql: Sql, id: string): Promise<{ run: StoredRun; parts: RunPart[] } | undefined> => {
  const row = await first(sql, 'SELECT id, asked, author, created_ms, expires_ms FROM runs WHERE id = $1', id)
  if (!row) return undefined
  const parts = await sql.all(`SELECT ${columns} FROM run_parts WHERE run_id = $1 ORDER BY direction, agent_id, id`, id)
  const run = {
    id,
    asked: fromJson<StoredRun['asked']>(row['asked']),
    author: String(row['author']),
    createdMs: Number(row['created_ms']),
    expiresMs: Number(row['expires_ms']),
  }
  return { run, parts: parts.map(readPart) }
}

const columns = 'id, run_id, agent_id, direction, message, expires_ms, sent_ms, done_ms, results, problems'

const readPart = (row: Row): RunPart => ({
  id: String(row['id']),
  runId: String(row['run_id']),
  agentId: String(row['agent_id']),
  direction: row['direction'] as RunPart['direction'],
  message: String(row['message']),
  expiresMs: Number(row['expires_ms']),
  ...(row['sent_ms'] !== null && { sentMs: Number(row['sent_ms']) }),
  ...(row['done_ms'] !== null && { doneMs: Number(row['done_ms']) }),
  results: fromJson(row['results']),
  problems: fromJson(row['problems']),
})

/** Nobody else changes it before this transaction ends. */
export const lockPart = async (sql: Sql, id: string): Promise<RunPart | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM run_parts WHERE id = $1${sql.dialect.forUpdate}`, id)
  return row && readPart(row)
}

/** Parts that agents have still to be told of, or have not answered. */
export const openParts = async (sql: Sql, nowMs: number): Promise<RunPart[]> =>
  (await sql.all(`SELECT ${columns} FROM run_parts WHERE expires_ms > $1 AND done_ms IS NULL ORDER BY expires_ms, id`, nowMs)).map(readPart)

export const markPartSent = async (sql: Sql, id: string, atMs: number): Promise<void> => {
  await sql.run('UPDATE run_parts SET sent_ms = $2 WHERE id = $1 AND sent_ms IS NULL', id, atMs)
}

/** What it says now, all of it. */
export const putPartResults = async (sql: Sql, { id, results, problems, doneMs }: RunPart): Promise<void> => {
  const texts = [results, problems].map(value => JSON.stringify(value))
  await sql.run('UPDATE run_parts SET results = $2, problems = $3, done_ms = $4 WHERE id = $1', id, ...texts, doneMs ?? null)
}

/** With all that belongs to them. */
export const dropRuns = async (sql: Sql, beforeMs: number): Promise<number> => {
  await sql.run('DELETE FROM run_parts WHERE expires_ms < $1', beforeMs)
  return await sql.run('DELETE FROM runs WHERE expires_ms < $1', beforeMs)
}
