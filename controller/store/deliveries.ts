/** What each receiver has been told of each incident, by its key: what is told next depends on it, and so does what has to be said again. */
import type { Page } from '../../wire/page.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

/**
 * `handle`: what the receiver calls the message, for those that can change one. `firstMs`: when this incident was first told. `saidMs`: when something new was
 * told. `sentMs`: when it was told last, as news or not. `isQuiet`: it is not repeated.
 */
export type Delivery = {
  receiver: string
  key: string
  id: string
  version: number
  page: Page
  handle?: string
  firstMs: number
  saidMs: number
  sentMs: number
  isQuiet: boolean
}

const columns = 'receiver, incident_key, id, version, page, handle, first_ms, said_ms, sent_ms, is_quiet'

const read = (row: Row): Delivery => ({
  receiver: String(row['receiver']),
  key: String(row['incident_key']),
  id: String(row['id']),
  version: Number(row['version']),
  page: fromJson(row['page']),
  ...(row['handle'] !== null && { handle: String(row['handle']) }),
  firstMs: Number(row['first_ms']),
  saidMs: Number(row['said_ms']),
  sentMs: Number(row['sent_ms']),
  isQuiet: row['is_quiet'] === 1,
})

export const getDelivery = async (sql: Sql, receiver: string, key: string): Promise<Delivery | undefined> => {
  const row = await first(sql, `SELECT ${columns} FROM deliveries WHERE receiver = $1 AND incident_key = $2`, receiver, key)
  return row && read(row)
}

/** Whether it is quiet stays as it is, until it is of another incident. */
export const putDelivery = async (sql: Sql, delivery: Omit<Delivery, 'isQuiet'>): Promise<void> => {
  const { receiver, key, id, version, page, handle, firstMs, saidMs, sentMs } = delivery
  await sql.run(
    `INSERT INTO deliveries (receiver, incident_key, id, incident, version, page, state, handle, first_ms, said_ms, sent_ms, is_quiet)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
      ON CONFLICT (receiver, incident_key) DO UPDATE SET id = excluded.id, version = excluded.version, page = excluded.page,
        state = excluded.state, handle = excluded.handle, first_ms = excluded.first_ms, said_ms = excluded.said_ms, sent_ms = excluded.sent_ms,
        incident = excluded.incident, is_quiet = CASE WHEN deliveries.incident = excluded.incident THEN deliveries.is_quiet ELSE 0 END`,
    ...[receiver, key, id, page.incident, version, JSON.stringify(page), page.state, handle ?? null, firstMs, saidMs, sentMs],
  )
}

/** What a receiver was told that still holds, and what ended after `endedAfterMs`; the oldest first. */
export const toldTo = async (sql: Sql, receiver: string, endedAfterMs: number): Promise<Delivery[]> => {
  const text = `SELECT ${columns} FROM deliveries WHERE receiver = $1 AND (state = 'firing' OR said_ms > $2) ORDER BY first_ms, incident_key`
  return (await sql.all(text, receiver, endedAfterMs)).map(read)
}

/** It was told again, and nothing new. */
export const markSentAgain = async (sql: Sql, receiver: string, keys: readonly string[], nowMs: number): Promise<void> => {
  for (const key of keys)
    await sql.run('UPDATE deliveries SET sent_ms = $3 WHERE receiver = $1 AND incident_key = $2', receiver, key, nowMs)
}

/** Nobody is reminded of the incident of this key any more, or again: for one that somebody has taken, or that is silenced. A new one of that key is told as ever. */
export const setQuiet = async (sql: Sql, key: string, isQuiet: boolean): Promise<void> => {
  await sql.run('UPDATE deliveries SET is_quiet = $2 WHERE incident_key = $1', key, isQuiet ? 1 : 0)
}

export type Held = { key: string; incident: string; isQuiet: boolean; isAcknowledged: boolean }

/** What some receiver was told and what holds still, with whether somebody looks after it. */
export const listHeld = async (sql: Sql): Promise<Held[]> => {
  const rows = await sql.all(
    `SELECT DISTINCT deliveries.incident_key, deliveries.incident, is_quiet, CASE WHEN incidents.ack IS NULL THEN 0 ELSE 1 END AS is_taken
      FROM deliveries LEFT JOIN incidents ON incidents.id = deliveries.incident WHERE deliveries.state = 'firing'`,
  )
  return rows.map(row => ({
    key: String(row['incident_key']),
    incident: String(row['incident']),
    isQuiet: row['is_quiet'] === 1,
    isAcknowledged: row['is_taken'] === 1,
  }))
}

/** It is not told again. */
export const dropDelivery = async (sql: Sql, receiver: string, key: string): Promise<void> => {
  await sql.run('DELETE FROM deliveries WHERE receiver = $1 AND incident_key = $2', receiver, key)
}

/** What ended before, and what was told so long ago that its end got lost. */
export const dropDeliveries = async (sql: Sql, endedBeforeMs: number, sentBeforeMs: number): Promise<number> =>
  await sql.run(`DELETE FROM deliveries WHERE (state = 'resolved' AND said_ms < $1) OR sent_ms < $2`, endedBeforeMs, sentBeforeMs)
