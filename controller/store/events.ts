/** What changed, for the console, `--watch` and other replicas. Written in the transaction of the change itself. */
import { fromJson, type Sql } from './sql.ts'

/** `subject`: what it is about: an agent, an owner, an incident. `body` is shown to viewers: never a secret in it. */
export type NewEvent = { kind: string; subject: string; body: Readonly<Record<string, unknown>> }
export type StoredEvent = NewEvent & { id: number; atMs: number }

type EventRow = { id: number; at_ms: number; kind: string; subject: string; body: string }
const columns = 'id, at_ms, kind, subject, body'

export const addEvent = async (sql: Sql, { kind, subject, body }: NewEvent): Promise<void> => {
  await sql.run(
    `INSERT INTO events (at_ms, kind, subject, body) VALUES (${sql.dialect.nowMs}, $1, $2, $3)`,
    kind,
    subject,
    JSON.stringify(body),
  )
  await sql.announce()
}

/** Those after the first id, in order; with `overlapMs` also the older ones of the last so many ms of the database's clock. */
export const readEvents = async (sql: Sql, afterId: number, limit: number, overlapMs = 0): Promise<StoredEvent[]> => {
  const rows = await sql.all<EventRow>(`SELECT ${columns} FROM events WHERE id > $1 ORDER BY id LIMIT $2`, afterId, limit)
  const older =
    overlapMs > 0
      ? await sql.all<EventRow>(
          `SELECT ${columns} FROM events WHERE at_ms > ${sql.dialect.nowMs} - $1 AND id <= $2 ORDER BY id`,
          overlapMs,
          afterId,
        )
      : []
  return [...older, ...rows].map(({ at_ms, body, ...rest }) => ({ ...rest, atMs: at_ms, body: fromJson(body) }))
}

export const lastEventId = async (sql: Sql): Promise<number> =>
  Number((await sql.all('SELECT COALESCE(MAX(id), 0) AS id FROM events'))[0]?.['id'] ?? 0)

/** How many there were. */
export const dropEvents = (sql: Sql, beforeMs: number): Promise<number> => sql.run('DELETE FROM events WHERE at_ms < $1', beforeMs)

/** All but the newest. How many there were. */
export const dropEventsBeyond = (sql: Sql, kept: number): Promise<number> =>
  sql.run('DELETE FROM events WHERE id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET $1)', kept)
