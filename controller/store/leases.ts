/**
 * Who may act alone, by a row that ends by itself. Times are the database's: the clocks of replicas need not agree. The epoch grows with every holder, and
 * every write of a leader begins by locking the row of its epoch, so a leader that was asleep while another took over writes nothing: a bare
 * `AND epoch = …` would let it, since another may take over between that statement and the commit.
 */
import { first, type Sql } from './sql.ts'
import type { Store, WriteOptions } from './store.ts'

export type Lease = { name: string; holder: string; epoch: number }

/** Somebody else is the leader now, or nobody is. */
export class LeaseLost extends Error {
  override name = 'LeaseLost'
}

/** The lease when it was free or had ended; undefined when another holds it. Never renews: a holder that starts anew has a new epoch. */
export const takeLease = async (sql: Sql, name: string, holder: string, ttlMs: number): Promise<Lease | undefined> => {
  const { nowMs } = sql.dialect
  const row = await first(
    sql,
    `INSERT INTO leases (name, holder, epoch, expires_ms) VALUES ($1, $2, 1, ${nowMs} + $3)
      ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, expires_ms = ${nowMs} + $3
      WHERE leases.expires_ms <= ${nowMs} RETURNING epoch`,
    name,
    holder,
    ttlMs,
  )
  return row && { name, holder, epoch: Number(row['epoch']) }
}

/** False when it has ended or gone to another: then it has to be taken again. */
export const renewLease = async (sql: Sql, { name, holder, epoch }: Lease, ttlMs: number): Promise<boolean> => {
  const { nowMs } = sql.dialect
  const text = `UPDATE leases SET expires_ms = ${nowMs} + $4 WHERE name = $1 AND holder = $2 AND epoch = $3 AND expires_ms > ${nowMs}`
  return (await sql.run(text, name, holder, epoch, ttlMs)) > 0
}

/** Also when it has ended, if only nobody has taken it since: for who is found dead by its lease, and is alive as long as nobody has looked. */
export const extendLease = async (sql: Sql, { name, holder, epoch }: Lease, ttlMs: number): Promise<boolean> => {
  const text = `UPDATE leases SET expires_ms = ${sql.dialect.nowMs} + $4 WHERE name = $1 AND holder = $2 AND epoch = $3`
  return (await sql.run(text, name, holder, epoch, ttlMs)) > 0
}

/** It and its epochs are forgotten: only for names that do not come again. */
export const dropLease = async (sql: Sql, name: string): Promise<void> => {
  await sql.run('DELETE FROM leases WHERE name = $1', name)
}

/** Those whose names begin so, and that ended so long ago; with their ledgers (ingest/ledger.ts). How many there were. */
export const dropEndedLeases = async (sql: Sql, prefix: string, agoMs: number): Promise<number> => {
  const ended = `SELECT name FROM leases WHERE SUBSTR(name, 1, LENGTH($1)) = $1 AND expires_ms < ${sql.dialect.nowMs} - $2`
  await sql.run(`DELETE FROM counters WHERE name IN (SELECT 'ledger/' || name FROM (${ended}) AS gone)`, prefix, agoMs)
  return await sql.run(`DELETE FROM leases WHERE name IN (${ended})`, prefix, agoMs)
}

/** Ends it now, so that another need not wait. */
export const releaseLease = async (sql: Sql, { name, holder, epoch }: Lease): Promise<void> => {
  await sql.run('UPDATE leases SET expires_ms = 0 WHERE name = $1 AND holder = $2 AND epoch = $3', name, holder, epoch)
}

/** All of them, whoever has them. */
export const endLeases = async (sql: Sql): Promise<void> => {
  await sql.run('UPDATE leases SET expires_ms = 0')
}

export const readLease = async (sql: Sql, name: string): Promise<(Lease & { expiresMs: number }) | undefined> => {
  const row = await first(sql, 'SELECT name, holder, epoch, expires_ms FROM leases WHERE name = $1', name)
  return row && { name, holder: String(row['holder']), epoch: Number(row['epoch']), expiresMs: Number(row['expires_ms']) }
}

/** A transaction of the leader: throws `LeaseLost` when it is not that any more, and nothing is written. */
export const writeAsLeader = <T>(
  store: Pick<Store, 'write'>,
  lease: Lease,
  work: (sql: Sql) => Promise<T>,
  options?: WriteOptions,
): Promise<T> =>
  store.write(async sql => {
    const text = `SELECT epoch FROM leases WHERE name = $1 AND holder = $2 AND epoch = $3${sql.dialect.forShare}`
    if (!(await first(sql, text, lease.name, lease.holder, lease.epoch)))
      throw new LeaseLost(`${lease.holder} has not the lease ${lease.name} of epoch ${lease.epoch} any more`)
    return await work(sql)
  }, options)
