/** Where the controller keeps what must outlive it: SQLite in one file, or PostgreSQL for several replicas. What is kept is in the files beside this one. */
import type { Sql } from './sql.ts'

export type WriteOptions = {
  /** The work may be done twice: it is tried again also when a connection was lost while it was being committed. */
  idempotent?: boolean
}

export type Store = {
  kind: 'sqlite' | 'postgres'
  /** For messages: the file, or the server without its password. */
  name: string
  /** One snapshot; cannot write. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /**
   * One transaction: all of it, on disk when this resolves, or nothing. The work may run several times, so it does nothing but ask the database, and
   * it never calls the store itself (the embedded one has a single writer, which would wait for itself).
   */
  write<T>(work: (sql: Sql) => Promise<T>, options?: WriteOptions): Promise<T>
  /** Calls when a commit had events in it, of this process and where there are others also of theirs. Signals may get lost: poll beside it. */
  onEvents(listener: () => void): () => void
  /** Bytes that are in use on disk: dropping what is old makes them fewer, at once in SQLite, with its next vacuum in PostgreSQL. */
  sizeBytes(): Promise<number>
  /** What is damaged; nothing when all is well. Reads everything: for a worker. */
  check(): Promise<string[]>
  /** A copy that can be opened, taken while writing goes on. PostgreSQL has its own ways (pg_dump, archiving): refused there. */
  backup(path: string): Promise<void>
  /** Waits for what is going on. */
  close(): Promise<void>
}

/** The file is not what was written to it. `message` names it and says what to do. */
export class StoreDamaged extends Error {
  override name = 'StoreDamaged'
}

/** Written by a newer controller. */
export class StoreTooNew extends Error {
  override name = 'StoreTooNew'
}

/** Another controller has it open. */
export class StoreInUse extends Error {
  override name = 'StoreInUse'
}

/** It did not answer for as long as was tried. Nothing of the transaction is in it. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

/** The connection was lost between COMMIT and its answer: it may or may not have happened. */
export class CommitUnknown extends Error {
  override name = 'CommitUnknown'
}
