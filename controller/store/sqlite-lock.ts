import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { StoreInUse } from './store.ts'

/** SQLITE_BUSY of https://sqlite.org/rescode.html. */
const busy = 5

/**
 * Keeps a second controller away from the file, for as long as this process lives, however it ends: a lock that the kernel gives up (fcntl(2), by way of a
 * transaction that stays open in a small database beside it), so there is no stale one. What it says only names the holder. Throws `StoreInUse`.
 */
export const lockFile = (path: string): (() => void) => {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 })
  try {
    lock.exec('BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY, name TEXT NOT NULL)')
    const name = `pid ${process.pid} on ${hostname()}`
    lock.prepare('INSERT INTO holder VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET name = excluded.name').run(name)
    lock.exec('COMMIT; BEGIN IMMEDIATE')
    return () => lock.close()
  } catch (error) {
    const holder = (error as { errcode?: number }).errcode === busy ? holderOf(lock) : undefined
    lock.close()
    if (holder === undefined) throw error
    throw new StoreInUse(`${path} is in use by another controller (${holder}): one file takes one controller; several share a PostgreSQL`)
  }
}

/** Readers are let in beside the one that holds it. */
const holderOf = (lock: DatabaseSync): string => {
  try {
    return String(lock.prepare('SELECT name FROM holder').get()?.['name'] ?? 'starting up')
  } catch {
    return 'starting up'
  }
}
