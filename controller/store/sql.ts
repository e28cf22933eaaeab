/**
 * The one door to a database, and what two databases say differently. Statements are of the subset that SQLite and PostgreSQL share: `$1` parameters,
 * ON CONFLICT, RETURNING, times as epoch milliseconds in BIGINT, JSON as TEXT, truth as 0 and 1.
 */
export type Value = string | number | null | Uint8Array
export type Row = Readonly<Record<string, Value>>

export type Dialect = {
  /** The database's own clock, in epoch ms: the one clock that several controllers share. It moves on within a transaction. */
  nowMs: string
  /** What follows a SELECT that keeps others from changing its rows until the end of the transaction. SQLite has one writer anyway. */
  forShare: string
  forUpdate: string
  /** As forUpdate, and what another transaction has locked is not among them. */
  forUpdateSkipLocked: string
  /** Column types. */
  bytes: string
  identity: string
}

/** One transaction. Good only inside the callback that was given it. */
export type Sql = {
  dialect: Dialect
  all<R extends Row = Row>(text: string, ...values: readonly Value[]): Promise<R[]>
  /** How many rows it changed. */
  run(text: string, ...values: readonly Value[]): Promise<number>
  /** Wakes those who follow events, once this is committed. */
  announce(): Promise<void>
}

/** The first row, if there is one. */
export const first = async <R extends Row = Row>(sql: Sql, text: string, ...values: readonly Value[]): Promise<R | undefined> =>
  (await sql.all<R>(text, ...values))[0]

/** Of what this store has written itself. */
export const fromJson = <T>(text: Value | undefined): T => JSON.parse(String(text)) as T
