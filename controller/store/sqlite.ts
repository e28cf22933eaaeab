/** The embedded store: one file, one process, node:sqlite. WAL with synchronous=FULL, so that what is acknowledged is on disk. */
import { accessSync, chmodSync, closeSync, constants, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { endLeases } from './leases.ts'
import { checkVersion, migrate } from './migrate.ts'
import { lockFile } from './sqlite-lock.ts'
import { inTurn, isBusy, primaryCode } from './sqlite-transactions.ts'
import { type Store, StoreDamaged, StoreUnavailable } from './store.ts'

export type SqliteOptions = {
  path: string
  /** Takes the file for this process, checks it and brings it to the newest version. False for a further thread of the process that did. */
  owner?: boolean
  /** How long a writer waits for one in another thread. */
  busyTimeoutMs?: number
}

/** SQLite's own waiting stops the whole thread, so there is little of it: whoever finds the writer busy comes again later (sqlite-transactions.ts). */
const blockingMs = 5
const openingMs = 1000
/** 16 MB of 4 KB: batches are soon deleted again, and many never get from the log into the file. */
const checkpointPages = 4000
/** More than a file can have (https://sqlite.org/limits.html, 11). */
const allPages = 2 ** 31 - 1

/** Throws `StoreInUse`, `StoreDamaged`, `StoreTooNew`. */
export const openSqlite = async ({ path, owner = true, busyTimeoutMs = 5000 }: SqliteOptions): Promise<Store> => {
  let release = (): void => {}
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // SQLite would only say that it can't.
    accessSync(dirname(path), constants.W_OK)
    if (owner) release = lockFile(path)
    const databases = openBoth(path, owner)
    const store = buildStore(path, databases, busyTimeoutMs, release)
    try {
      await (owner ? migrate(store) : checkVersion(store))
      // Whoever had them is gone: one file has one process. What can't be written ends by itself.
      if (owner) await store.write(endLeases).catch(() => {})
    } catch (error) {
      for (const database of databases) database.close()
      throw error
    }
    return store
  } catch (error) {
    release()
    throw nameOpening(path, error)
  }
}

/** The writer and a reader beside it, which never waits for the writer (WAL). */
const openBoth = (path: string, owner: boolean): [DatabaseSync, DatabaseSync] => {
  // It holds the key that signs credentials. SQLite gives the files beside it the same mode.
  closeSync(openSync(path, 'a', 0o600))
  if (owner) chmodSync(path, 0o600)
  const writer = new DatabaseSync(path, { timeout: openingMs })
  try {
    writer.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${checkpointPages}`)
    const damage = owner ? damageOf(writer, 'quick_check') : []
    if (damage.length > 0) throw damaged(path, damage[0]!)
    writer.exec(`PRAGMA busy_timeout = ${blockingMs}`)
    return [writer, new DatabaseSync(path, { readOnly: true, timeout: blockingMs })]
  } catch (error) {
    writer.close()
    throw error
  }
}

const damageOf = (database: DatabaseSync, check: 'quick_check' | 'integrity_check'): string[] =>
  database
    .prepare(`PRAGMA ${check}(20)`)
    .all()
    .map(row => String(row[check]))
    .filter(line => line !== 'ok')

const damaged = (path: string, what: string): StoreDamaged =>
  new StoreDamaged(
    `${path} is damaged (${what.split('\n')[0]}): stop the controller, move ${path}, ${path}-wal and ${path}-shm aside and put the last backup in their place; without one, agents enrol again into an empty store`,
  )

/** SQLITE_CORRUPT and SQLITE_NOTADB of https://sqlite.org/rescode.html. */
const damageCodes: readonly (number | undefined)[] = [11, 26]
/** SQLITE_FULL. */
const fullCode = 13

/** SQLITE_READONLY and SQLITE_CANTOPEN. */
const closedCodes: readonly (number | undefined)[] = [8, 14]
const closedTexts: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'not a directory',
  EISDIR: 'a directory is in its place',
  ENOENT: 'no such directory',
  ENOSPC: 'the disk is full',
}

/** Why it can't be opened, in words of people who start a controller. */
const nameClosed = (path: string, error: unknown): string | undefined => {
  const text = closedTexts[String((error as NodeJS.ErrnoException).code)]
  if (text !== undefined) return `${path} cannot be written: ${text}`
  return closedCodes.includes(primaryCode(error)) ? `${path} cannot be written: ${(error as Error).message}` : undefined
}

const nameOpening = (path: string, error: unknown): unknown => {
  const closed = nameClosed(path, error)
  return closed === undefined ? nameDamage(path, error) : new Error(`${closed}; --data names another directory`, { cause: error })
}

const nameDamage = (path: string, error: unknown): unknown => {
  if (damageCodes.includes(primaryCode(error))) return damaged(path, (error as Error).message)
  if (primaryCode(error) === fullCode) return new StoreUnavailable(`${path}: the disk is full`, { cause: error })
  if (isBusy(error)) return new StoreUnavailable(`${path} is busy: another thread has been writing for too long`, { cause: error })
  return error
}

/** Pages of rows that were dropped are used again, so they count as free; the file itself stays as large as it was. */
const usedBytes = (database: DatabaseSync): number => {
  const numberOf = (pragma: string): number => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
  return (numberOf('page_count') - numberOf('freelist_count')) * numberOf('page_size')
}

const buildStore = (
  path: string,
  [writer, reader]: readonly [DatabaseSync, DatabaseSync],
  busyTimeoutMs: number,
  release: () => void,
): Store => {
  const listeners = new Set<() => void>()
  const rename = (error: unknown): never => {
    throw nameDamage(path, error)
  }
  const write = inTurn(writer, 'BEGIN IMMEDIATE', busyTimeoutMs)
  const read = inTurn(reader, 'BEGIN', busyTimeoutMs)
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await Promise.all([write.idle(), read.idle()])
    reader.close()
    writer.close()
    release()
  }
  return {
    kind: 'sqlite',
    name: path,
    read: work => read.run(work).then(({ value }) => value, rename),
    write: async work => {
      const { value, hasEvents } = await write.run(work).catch(rename)
      if (hasEvents) for (const listener of listeners) listener()
      return value
    },
    onEvents: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    sizeBytes: async () => usedBytes(reader),
    check: async () => damageOf(reader, 'integrity_check'),
    backup: async to => {
      // Whole or not at all under its name.
      const partial = `${to}.partial`
      rmSync(partial, { force: true })
      closeSync(openSync(partial, 'w', 0o600))
      // A connection of its own, and all pages in one step: between steps what others write would begin it anew (https://sqlite.org/backup.html).
      const source = new DatabaseSync(path, { readOnly: true, timeout: openingMs })
      try {
        await backup(source, partial, { rate: allPages })
      } finally {
        source.close()
      }
      renameSync(partial, to)
    },
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
