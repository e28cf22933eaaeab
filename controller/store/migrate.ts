import { migrations } from './migrations.ts'
import { first, type Sql } from './sql.ts'
import { type Store, StoreTooNew } from './store.ts'

/**
 * Brings a store to the newest version that this controller knows, one step per transaction: a crash leaves the version before or after a step. Several
 * replicas may start at once; the version row is locked. Throws `StoreTooNew` before anything is written.
 */
export const migrate = async (store: Pick<Store, 'write' | 'name'>, steps: typeof migrations = migrations): Promise<void> => {
  // A transaction of its own: what two replicas make at the same time is there for the second try.
  await store.write(sql => sql.run('CREATE TABLE IF NOT EXISTS schema_version (one INTEGER PRIMARY KEY, version INTEGER NOT NULL)'))
  while ((await store.write(sql => stepOnce(sql, store.name, steps))) < steps.length);
}

/** For a further connection to a store that has been brought to the newest version. Throws `StoreTooNew`. */
export const checkVersion = async (store: Pick<Store, 'read' | 'name'>): Promise<void> => {
  const row = await store.read(sql => first(sql, 'SELECT version FROM schema_version WHERE one = 1'))
  const version = Number(row?.['version'] ?? 0)
  refuseNewer(store.name, version, migrations.length)
  if (version < migrations.length)
    throw new Error(`${store.name} has version ${version}, want ${migrations.length}: its owner has not opened it yet`)
}

/** The version that there is afterwards. */
const stepOnce = async (sql: Sql, name: string, steps: typeof migrations): Promise<number> => {
  await sql.run('INSERT INTO schema_version (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING')
  const version = await readVersion(sql)
  refuseNewer(name, version, steps.length)
  const step = steps[version]
  if (!step) return version
  for (const statement of step(sql.dialect)) await sql.run(statement)
  await sql.run('UPDATE schema_version SET version = $1 WHERE one = 1', version + 1)
  return version + 1
}

const readVersion = async (sql: Sql): Promise<number> =>
  Number((await first(sql, `SELECT version FROM schema_version WHERE one = 1${sql.dialect.forUpdate}`))?.['version'] ?? 0)

const refuseNewer = (name: string, version: number, known: number): void => {
  if (version > known)
    throw new StoreTooNew(
      `${name} has version ${version}, and this controller knows versions up to ${known}: start the newer controller again, or restore the backup from before the upgrade`,
    )
}
