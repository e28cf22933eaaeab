/**
 * What people have decided about alerts: silences (nobody is told), maintenance (nothing is judged), changes (what a page says changed lately) and accepted
 * baselines (what is usual begins anew). Each has an author and a reason; silences and maintenance have an end.
 */
import { randomUUID } from 'node:crypto'
import { addEvent } from './events.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

export const decisionKinds = ['silence', 'maintenance', 'change', 'baseline'] as const
export type DecisionKind = (typeof decisionKinds)[number]

/** Everything that is given has to fit; nothing given fits everything. `place`: a cloud, region or zone at either end. */
export type Match = {
  incident?: string
  rule?: string
  cause?: string
  severity?: 'page' | 'ticket'
  check?: string
  target?: string
  agent?: string
  place?: string
  from?: string
  to?: string
}
export type Decision = {
  id: string
  kind: DecisionKind
  author: string
  reason: string
  match: Match
  startMs: number
  /** Of silences and maintenance. */
  endMs: number | null
  createdMs: number
}
export type StoredMaintenance = Decision & { endMs: number }
export type StoredChange = Decision

const columns = 'id, kind, author, reason, match, start_ms, end_ms, created_ms'
const read = (row: Row): Decision => ({
  id: String(row['id']),
  kind: row['kind'] as DecisionKind,
  author: String(row['author']),
  reason: String(row['reason']),
  match: fromJson<Match>(row['match']),
  startMs: Number(row['start_ms']),
  endMs: row['end_ms'] === null ? null : Number(row['end_ms']),
  createdMs: Number(row['created_ms']),
})

export const addDecision = async (sql: Sql, decision: Omit<Decision, 'id'>): Promise<Decision> => {
  const made = { id: randomUUID(), ...decision }
  const { id, kind, author, reason, match, startMs, endMs, createdMs } = made
  const text = `INSERT INTO alert_decisions (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
  await sql.run(text, id, kind, author, reason, JSON.stringify(match), startMs, endMs, createdMs)
  await addEvent(sql, { kind: `${kind}_added`, subject: id, body: { author, reason, match, startMs, endMs } })
  return made
}

/** Ends it now; one that has not begun never was. False: there is none that goes on. */
export const endDecision = async (
  sql: Sql,
  { id, kind, author, nowMs }: Pick<Decision, 'id' | 'kind' | 'author'> & { nowMs: number },
): Promise<boolean> => {
  const changed = await sql.run(
    `UPDATE alert_decisions SET end_ms = CASE WHEN start_ms > $3 THEN start_ms ELSE $3 END WHERE id = $1 AND kind = $2 AND (end_ms IS NULL OR end_ms > $3)`,
    id,
    kind,
    nowMs,
  )
  if (changed > 0) await addEvent(sql, { kind: `${kind}_ended`, subject: id, body: { author } })
  return changed > 0
}

export const getDecision = async (sql: Sql, kind: DecisionKind, id: string): Promise<Decision | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM alert_decisions WHERE id = $1 AND kind = $2`, id, kind)
  return row && read(row)
}

/** Newest first; those that ended before a time are left out. */
export const listDecisions = async (sql: Sql, kinds: readonly DecisionKind[], endedAfterMs = 0): Promise<Decision[]> => {
  const rows = await sql.all(
    `SELECT ${columns} FROM alert_decisions WHERE (end_ms IS NULL OR end_ms > $1) AND (end_ms IS NOT NULL OR start_ms > $1) ORDER BY start_ms DESC, id`,
    endedAfterMs,
  )
  return rows.map(read).filter(({ kind }) => kinds.includes(kind))
}

export const dropDecisions = (sql: Sql, beforeMs: number): Promise<number> =>
  sql.run('DELETE FROM alert_decisions WHERE COALESCE(end_ms, start_ms) < $1', beforeMs)
