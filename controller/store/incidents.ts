/** Incidents: one row each, which the leader writes, and what people said of it, which it never touches. */
import { addEvent } from './events.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

export const incidentStates = ['forming', 'open', 'ended'] as const
export type IncidentState = (typeof incidentStates)[number]
export type Ack = { author: string; atMs: number; note?: string }
/** `body`: all that is known of it, as JSON. */
export type StoredIncident<Body = unknown> = {
  id: string
  key: string
  state: IncidentState
  severity: 'page' | 'ticket'
  formedMs: number
  endedMs: number | null
  body: Body
  ack?: Ack
}

const columns = 'id, incident_key, state, severity, formed_ms, ended_ms, body, ack'
const read = <Body>(row: Row): StoredIncident<Body> => ({
  id: String(row['id']),
  key: String(row['incident_key']),
  state: row['state'] as IncidentState,
  severity: row['severity'] as 'page' | 'ticket',
  formedMs: Number(row['formed_ms']),
  endedMs: row['ended_ms'] === null ? null : Number(row['ended_ms']),
  body: fromJson<Body>(row['body']),
  ...(row['ack'] !== null && { ack: fromJson<Ack>(row['ack']) }),
})

export const putIncident = async (
  sql: Sql,
  { id, key, state, severity, formedMs, endedMs, body }: Omit<StoredIncident, 'ack'>,
): Promise<void> => {
  await sql.run(
    `INSERT INTO incidents (id, incident_key, state, severity, formed_ms, ended_ms, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (id) DO UPDATE SET incident_key = excluded.incident_key, state = excluded.state, severity = excluded.severity,
        ended_ms = excluded.ended_ms, body = excluded.body`,
    id,
    key,
    state,
    severity,
    formedMs,
    endedMs,
    JSON.stringify(body),
  )
}

/** One that formed and came to nothing. */
export const dropIncident = (sql: Sql, id: string): Promise<number> => sql.run('DELETE FROM incidents WHERE id = $1', id)

export const getIncident = async <Body>(sql: Sql, id: string): Promise<StoredIncident<Body> | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM incidents WHERE id = $1`, id)
  return row && read(row)
}

/** All that have not ended. */
export const listGoingOn = async <Body>(sql: Sql): Promise<StoredIncident<Body>[]> =>
  (await sql.all(`SELECT ${columns} FROM incidents WHERE state <> 'ended' ORDER BY formed_ms, id`)).map(row => read<Body>(row))

/** Open ones and ended ones, newest first: those that had not ended at a time. */
export const listIncidents = async <Body>(
  sql: Sql,
  { sinceMs, limit }: { sinceMs: number; limit: number },
): Promise<StoredIncident<Body>[]> => {
  const text = `SELECT ${columns} FROM incidents WHERE state <> 'forming' AND (ended_ms IS NULL OR ended_ms >= $1) ORDER BY formed_ms DESC, id LIMIT $2`
  return (await sql.all(text, sinceMs, limit)).map(row => read<Body>(row))
}

export const ackIncident = async (sql: Sql, id: string, ack: Ack): Promise<boolean> => {
  const changed = await sql.run("UPDATE incidents SET ack = $2 WHERE id = $1 AND state = 'open'", id, JSON.stringify(ack))
  if (changed > 0) await addEvent(sql, { kind: 'incident_acknowledged', subject: id, body: { ...ack } })
  return changed > 0
}

export const dropIncidents = (sql: Sql, beforeMs: number): Promise<number> => sql.run('DELETE FROM incidents WHERE ended_ms < $1', beforeMs)
