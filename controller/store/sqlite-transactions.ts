/** Transactions on one connection of SQLite, one after the other. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Dialect, Row, Sql, Value } from './sql.ts'

const dialect: Dialect = {
  nowMs: "CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS BIGINT)",
  forShare: '',
  forUpdate: '',
  forUpdateSkipLocked: '',
  bytes: 'BLOB',
  identity: 'INTEGER PRIMARY KEY AUTOINCREMENT',
}

/** The low byte of SQLite's result code (https://sqlite.org/rescode.html). */
export const primaryCode = (error: unknown): number | undefined => {
  const code = (error as { errcode?: number }).errcode
  return code === undefined ? undefined : code & 0xff
}

/** SQLITE_BUSY and SQLITE_LOCKED. */
export const isBusy = (error: unknown): boolean => [5, 6].includes(primaryCode(error) ?? 0)

export type Done<T> = { value: T; hasEvents: boolean }
export type Turns = { run<T>(work: (sql: Sql) => Promise<T>): Promise<Done<T>>; idle(): Promise<unknown> }

/** `begin` says of which kind they are. Another thread's are waited for up to `busyTimeoutMs`. */
export const inTurn = (database: DatabaseSync, begin: string, busyTimeoutMs: number): Turns => {
  const open = statements(database)
  let last: Promise<unknown> = Promise.resolve()
  const once = async <T>(work: (sql: Sql) => Promise<T>): Promise<Done<T>> => {
    await beginWhenFree(database, begin, busyTimeoutMs)
    const transaction = open()
    try {
      const value = await work(transaction.sql)
      // As in PostgreSQL, where nothing after a failed statement counts.
      if (transaction.state.failed) throw new Error('a statement of the transaction had failed, and the work went on all the same')
      database.exec('COMMIT')
      return { value, hasEvents: transaction.state.hasEvents }
    } catch (error) {
      // A full disk may have ended it already.
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    } finally {
      transaction.state.ended = true
    }
  }
  return {
    run: work => {
      const mine = last.then(() => once(work))
      // A gap, in which another connection may begin: SQLite keeps no queue.
      last = mine.catch(() => {}).then(() => turn())
      return mine
    },
    idle: () => last,
  }
}

const beginWhenFree = async (database: DatabaseSync, begin: string, busyTimeoutMs: number): Promise<void> => {
  const startedMs = performance.now()
  for (;;)
    try {
      database.exec(begin)
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() - startedMs > busyTimeoutMs) throw error
      await sleep(1)
    }
}

type State = { hasEvents: boolean; failed: boolean; ended: boolean }

/** Statements are prepared once: their texts are a fixed set. */
const statements = (database: DatabaseSync): (() => { sql: Sql; state: State }) => {
  const prepared = new Map<string, StatementSync>()
  const prepare = (text: string): StatementSync => {
    const known = prepared.get(text) ?? database.prepare(text)
    prepared.set(text, known)
    return known
  }
  const named = (values: readonly Value[]) => Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value]))
  return () => {
    const state: State = { hasEvents: false, failed: false, ended: false }
    const guard = <T>(text: string, ask: (statement: StatementSync) => T): T => {
      // It would be a transaction of its own, or part of the next one.
      if (state.ended) throw new Error('the transaction is over')
      try {
        return ask(prepare(text))
      } catch (error) {
        state.failed = true
        throw error
      }
    }
    const sql: Sql = {
      dialect,
      all: async <R extends Row>(text: string, ...values: readonly Value[]) => guard(text, one => one.all(named(values)) as R[]),
      run: async (text, ...values) => guard(text, one => Number(one.run(named(values)).changes)),
      announce: async () => {
        state.hasEvents = true
      },
    }
    return { sql, state }
  }
}
