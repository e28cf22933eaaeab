/**
 * What receivers are still to be told. One row for each receiver and incident: what is newer takes the place of what was not sent yet, so that a receiver that
 * was away is told how things are and not how they were. A row that is being sent is claimed until then; after that it is anybody's again, so that
 * what a dead process had in hand is sent by another, perhaps a second time.
 */
import type { Notification, NotificationEvent } from '../../wire/page.ts'
import { first, fromJson, type Row, type Sql } from './sql.ts'

/** `firstMs`: since when the receiver waits for word of this incident. */
export type Outgoing = Notification & { receiver: string; firstMs: number }

/** To be sent to each of them: in the transaction of what it tells of. Wakes who sends. */
export const enqueue = async (
  sql: Sql,
  receivers: readonly string[],
  { id, key, version, event, page, at }: Notification,
): Promise<void> => {
  const [body, isPage] = [JSON.stringify(page), page.severity === 'page' ? 1 : 0]
  for (const receiver of new Set(receivers))
    await sql.run(
      // That it fires is news until it was said, whatever became of it meanwhile; but not that what is over has fired.
      `INSERT INTO outbox (receiver, incident_key, id, incident, version, event, page, is_page, at_ms, first_ms, holder, claimed_until_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, NULL, 0)
        ON CONFLICT (receiver, incident_key) DO UPDATE SET id = excluded.id, incident = excluded.incident, version = excluded.version,
          page = excluded.page, is_page = excluded.is_page, at_ms = excluded.at_ms, event = CASE
            WHEN outbox.event = 'firing' AND outbox.incident = excluded.incident AND excluded.event IN ('updated', 'repeat') THEN 'firing'
            ELSE excluded.event END`,
      ...[receiver, key, id, page.incident, version, event, body, isPage, at],
    )
  await sql.announce()
}

const columns = 'receiver, incident_key, id, version, event, page, at_ms, first_ms'

const read = (row: Row): Outgoing => ({
  receiver: String(row['receiver']),
  key: String(row['incident_key']),
  id: String(row['id']),
  version: Number(row['version']),
  event: row['event'] as NotificationEvent,
  page: fromJson(row['page']),
  at: Number(row['at_ms']),
  firstMs: Number(row['first_ms']),
})

export type Claim = { receiver: string; holder: string; nowMs: number; untilMs: number; limit: number }

/** What is to be sent to a receiver and nobody else is sending: pages first, then what waits longest. It is the holder's until then. */
export const claimOutgoing = async (sql: Sql, { receiver, holder, nowMs, untilMs, limit }: Claim): Promise<Outgoing[]> => {
  const rows = await sql.all(
    `SELECT ${columns} FROM outbox WHERE receiver = $1 AND claimed_until_ms <= $2 ORDER BY is_page DESC, first_ms, incident_key
      LIMIT $3${sql.dialect.forUpdateSkipLocked}`,
    receiver,
    nowMs,
    limit,
  )
  for (const row of rows)
    await sql.run(
      'UPDATE outbox SET holder = $3, claimed_until_ms = $4 WHERE receiver = $1 AND incident_key = $2',
      receiver,
      row['incident_key']!,
      holder,
      untilMs,
    )
  return rows.map(read)
}

type Claimed = Pick<Outgoing, 'receiver' | 'key' | 'id' | 'page'>

/** It was sent, or never will be. What came to be said of the incident meanwhile stays, to be sent next. */
export const settleOutgoing = async (sql: Sql, { receiver, key, id, page }: Claimed): Promise<void> => {
  await sql.run('DELETE FROM outbox WHERE receiver = $1 AND incident_key = $2 AND id = $3', receiver, key, id)
  // What fires is no news any more: it was said.
  const text = `UPDATE outbox SET holder = NULL, claimed_until_ms = 0,
    event = CASE WHEN event = 'firing' AND incident = $3 THEN 'updated' ELSE event END WHERE receiver = $1 AND incident_key = $2`
  await sql.run(text, receiver, key, page.incident)
}

/** It was not sent, and anybody may try again. */
export const releaseOutgoing = async (sql: Sql, holder: string, { receiver, key }: Pick<Outgoing, 'receiver' | 'key'>): Promise<void> => {
  const text = 'UPDATE outbox SET holder = NULL, claimed_until_ms = 0 WHERE receiver = $1 AND incident_key = $2 AND holder = $3'
  await sql.run(text, receiver, key, holder)
}

/** What others had claimed may be sent: for who has taken their place. */
export const releaseOthers = async (sql: Sql, receiver: string, holder: string): Promise<void> => {
  await sql.run('UPDATE outbox SET holder = NULL, claimed_until_ms = 0 WHERE receiver = $1 AND holder <> $2', receiver, holder)
}

/** Receivers for whom something waits. */
export const waitingReceivers = async (sql: Sql): Promise<string[]> =>
  (await sql.all('SELECT DISTINCT receiver FROM outbox ORDER BY receiver')).map(({ receiver }) => String(receiver))

/** How many wait, and since when the one that waits longest. */
export const outboxSize = async (sql: Sql): Promise<{ size: number; oldestMs?: number }> => {
  const row = await first(sql, 'SELECT COUNT(*) AS size, MIN(first_ms) AS oldest FROM outbox')
  const oldest = row?.['oldest']
  return { size: Number(row?.['size'] ?? 0), ...(oldest !== null && oldest !== undefined && { oldestMs: Number(oldest) }) }
}

/** What no receiver took for so long that it is no news: gives it back for a last word in the log. */
export const dropOutgoing = async (sql: Sql, beforeMs: number): Promise<Outgoing[]> =>
  (await sql.all(`DELETE FROM outbox WHERE at_ms < $1 RETURNING ${columns}`, beforeMs)).map(read)
