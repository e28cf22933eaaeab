/** The transactions of one worker: one after the other, each of them once, and none after another worker has taken its place. */
import { extendLease, type Lease, LeaseLost, writeAsLeader } from '../store/leases.ts'
import { first, type Sql } from '../store/sql.ts'
import { CommitUnknown, type Store } from '../store/store.ts'

const counterOf = ({ name }: Lease): string => `ledger/${name}`

/**
 * Runs a transaction of the holder of a lease. When the connection is lost between COMMIT and its answer, it asks until it knows what became of it: so
 * nothing happens twice, and what happened is never reported as failed.
 */
export type Ledger = <T>(work: (sql: Sql) => Promise<T>) => Promise<T>

export const openLedger = (store: Pick<Store, 'write'>, lease: Lease): Ledger => {
  let written = 0
  let last: Promise<unknown> = Promise.resolve()
  const once = async <T>(work: (sql: Sql) => Promise<T>): Promise<T> => {
    const number = written + 1
    let result: T
    try {
      await writeAsLeader(store, lease, async sql => {
        result = await work(sql)
        await putNumber(sql, lease, number)
      })
    } catch (error) {
      if (!(error instanceof CommitUnknown) || !(await hasHappened(store, lease, number))) throw error
    }
    written = number
    return result!
  }
  return work => {
    const mine = last.then(() => once(work))
    last = mine.catch(() => {})
    return mine
  }
}

const putNumber = async (sql: Sql, lease: Lease, number: number): Promise<void> => {
  await sql.run(
    'INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    counterOf(lease),
    number,
  )
}

/** A transaction that is being committed still has its row locked: this waits for it. */
const hasHappened = async (store: Pick<Store, 'write'>, lease: Lease, number: number): Promise<boolean> => {
  for (;;)
    try {
      const row = await store.write(
        sql => first(sql, `SELECT value FROM counters WHERE name = $1${sql.dialect.forUpdate}`, counterOf(lease)),
        { idempotent: true },
      )
      return Number(row?.['value'] ?? 0) >= number
    } catch {
      // The store tries for some seconds before it gives up. There is nothing else to do before this is known.
    }
}

export const dropLedger = async (sql: Sql, lease: Pick<Lease, 'name'>): Promise<void> => {
  await sql.run('DELETE FROM counters WHERE name = $1', `ledger/${lease.name}`)
}

/** Throws `LeaseLost` when another has taken its place. */
export const keepLease = async (store: Pick<Store, 'write'>, lease: Lease, ttlMs: number): Promise<void> => {
  if (!(await store.write(sql => extendLease(sql, lease, ttlMs), { idempotent: true })))
    throw new LeaseLost(`another has taken the place of ${lease.holder}`)
}
