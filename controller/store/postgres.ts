/** The store that several replicas share. Transactions are READ COMMITTED; rows that a decision rests on are locked by the statement that reads them. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Secret } from '../../wire/secret.ts'
import { migrate } from './migrate.ts'
import { isLost, isRace } from './postgres-errors.ts'
import { listen } from './postgres-listen.ts'
import type { Dialect, Row, Sql, Value } from './sql.ts'
import { CommitUnknown, type Store, StoreUnavailable, type WriteOptions } from './store.ts'

export type PostgresOptions = {
  /** `postgres://user:password@host/database`; what it leaves out comes from libpq's variables (PGHOST, …). */
  url: Secret
  /** PEM of the authorities that may sign for the server, when they are not the system's. An `sslmode` in the URL would win over it: leave that out. */
  caFile?: string
  connections?: number
  /** A transaction is tried again for so long while the server is away. */
  patienceMs?: number
  /** For tests of the retries. */
  random?: () => number
}

const channel = 'causeway_events'
/** Longer than any statement of ours. */
const statementTimeoutMs = 15_000
/** What takes longer is not committed: with its COMMIT a transaction stays shorter than the overlap of those who follow events. */
const transactionTimeoutMs = 30_000
const idleTimeoutMs = 15_000

const dialect: Dialect = {
  nowMs: '(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT',
  forShare: ' FOR SHARE',
  forUpdate: ' FOR UPDATE',
  forUpdateSkipLocked: ' FOR UPDATE SKIP LOCKED',
  bytes: 'BYTEA',
  identity: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
}

/** All our integers are below 2⁵³: times in ms, counts. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
} as unknown as pg.CustomTypesConfig

/** Throws `StoreUnavailable` and `StoreTooNew`. */
export const openPostgres = async (options: PostgresOptions): Promise<Store> => {
  const { url, caFile, connections = 10, patienceMs = 10_000, random = Math.random } = options
  const config: pg.ClientConfig = {
    connectionString: url.reveal(),
    types,
    connectionTimeoutMillis: 5000,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleTimeoutMs,
    query_timeout: statementTimeoutMs + 5000,
    keepAlive: true,
    application_name: 'causeway',
    ...(caFile === undefined ? {} : { ssl: { ca: await readFile(caFile, 'utf8') } }),
  }
  const pool = new pg.Pool({ ...config, max: connections })
  // A connection that breaks while nobody uses it is replaced by the pool.
  pool.on('error', () => {})
  const name = nameOf(url)
  const transact = transactions(pool, name, patienceMs, random)
  const listening = listen(config, channel, random)
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await listening.close()
    await pool.end()
  }
  const store: Store = {
    kind: 'postgres',
    name,
    read: work => transact('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work, { idempotent: true }),
    write: (work, options = {}) => transact('BEGIN', work, options),
    onEvents: listening.subscribe,
    sizeBytes: async () =>
      Number((await store.read(sql => sql.all('SELECT pg_database_size(current_database())::BIGINT AS size')))[0]?.['size']),
    check: async () => [],
    backup: () => Promise.reject(new Error(`${name} is backed up with PostgreSQL's own means: pg_dump, or continuous archiving`)),
    close: () => {
      closed ??= close()
      return closed
    },
  }
  try {
    await migrate(store)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Without the user and the password. */
const nameOf = (url: Secret): string => {
  const parsed = URL.parse(url.reveal())
  return parsed?.host ? `postgres://${parsed.host}${parsed.pathname}` : 'PostgreSQL'
}

const transactions =
  (pool: pg.Pool, name: string, patienceMs: number, random: () => number) =>
  async <T>(begin: string, work: (sql: Sql) => Promise<T>, { idempotent = false }: WriteOptions): Promise<T> => {
    const startedMs = performance.now()
    for (let attempt = 0; ; attempt++) {
      const tried = await tryOnce(pool, begin, work)
      if (tried.ok) return tried.value
      const { error, lost, committing } = tried
      if (lost && committing && !idempotent)
        throw new CommitUnknown(`${name} went away while a transaction was being committed: it may or may not have happened`, {
          cause: error,
        })
      if (!lost && !isRace(error)) throw error
      if (performance.now() - startedMs > patienceMs)
        throw new StoreUnavailable(`${name} has not taken a transaction for ${Math.round(patienceMs / 1000)} s: ${sayWhy(error)}`, {
          cause: error,
        })
      // Full jitter, from 20 ms to 1 s: those who lost a race against each other do not meet again.
      await sleep(random() * Math.min(1000, 20 * 2 ** attempt))
    }
  }

/** Of several addresses of one name that were tried in vain, the first. What a server says has no password in it. */
const sayWhy = (error: unknown): string => {
  const one = error instanceof AggregateError ? error.errors[0] : error
  return one instanceof Error ? one.message : String(one)
}

type Tried<T> = { ok: true; value: T } | { ok: false; error: unknown; lost: boolean; committing: boolean }

const tryOnce = async <T>(pool: pg.Pool, begin: string, work: (sql: Sql) => Promise<T>): Promise<Tried<T>> => {
  let client: pg.PoolClient
  try {
    client = await pool.connect()
  } catch (error) {
    return { ok: false, error, lost: isLost(error), committing: false }
  }
  // An error of the connection is also the error of the query that waits for it; without a listener it would end the process.
  const ignore = (): void => {}
  client.on('error', ignore)
  const startedMs = performance.now()
  let committing = false
  try {
    await client.query(begin)
    const value = await work(sqlOf(client, () => !committing))
    if (performance.now() - startedMs > transactionTimeoutMs) throw new Error(`a transaction took more than ${transactionTimeoutMs} ms`)
    committing = true
    const { command } = await client.query('COMMIT')
    // COMMIT of a transaction that has failed is a ROLLBACK that succeeds (PostgreSQL, COMMIT).
    if (command !== 'COMMIT') throw new Error('a statement of the transaction had failed, and the work went on all the same')
    client.off('error', ignore)
    client.release()
    return { ok: true, value }
  } catch (error) {
    const lost = isLost(error)
    const isClean =
      !lost &&
      (await client.query('ROLLBACK').then(
        () => true,
        () => false,
      ))
    client.off('error', ignore)
    client.release(!isClean)
    return { ok: false, error, lost, committing }
  }
}

const sqlOf = (client: pg.PoolClient, isOpen: () => boolean): Sql => {
  const query = (text: string, values: readonly Value[]) => {
    // The connection may be another's by now.
    if (!isOpen()) throw new Error('the transaction is over')
    return client.query(text, values as Value[])
  }
  return {
    dialect,
    all: async <R extends Row>(text: string, ...values: readonly Value[]) => (await query(text, values)).rows as R[],
    run: async (text, ...values) => (await query(text, values)).rowCount ?? 0,
    announce: async () => {
      await query('SELECT pg_notify($1, $2)', [channel, ''])
    },
  }
}
