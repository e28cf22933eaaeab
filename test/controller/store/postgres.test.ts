import t from 'tap'
import { addEvent } from '../../../controller/store/events.ts'
import { openStore } from '../../../controller/store/open.ts'
import { openPostgres, type PostgresOptions } from '../../../controller/store/postgres.ts'
import { getSetting, listSettings, putSetting } from '../../../controller/store/settings.ts'
import { Secret } from '../../../wire/secret.ts'
import { storeContract } from './contract.ts'
import { needsPostgres, startCluster } from './postgres-cluster.ts'

const skip = needsPostgres
const cluster = skip ? undefined : await startCluster()
t.teardown(() => cluster?.remove())

const urls = new Map<string, Secret>()
const open = async (options: Partial<PostgresOptions> = {}) => {
  const { url, name } = await cluster!.database()
  urls.set(name, url)
  return { store: await openPostgres({ url, ...options }), url, name }
}

t.test('PostgreSQL', { skip }, t =>
  storeContract(t, {
    open: async () => (await open()).store,
    again: async store => {
      const [row] = await store.read(sql => sql.all('SELECT current_database()::TEXT AS name'))
      return await openPostgres({ url: urls.get(String(row?.['name']))!, connections: 3 })
    },
  }),
)

t.test('a server that crashes in the middle of a transaction and comes back: the work is done again, once', { skip }, async t => {
  const { store } = await open()
  let tries = 0
  const value = await store.write(async sql => {
    tries++
    await putSetting(sql, `try/${tries}`, 1, 0)
    if (tries === 1) {
      await cluster!.crash()
      setImmediate(() => void cluster!.start())
    }
    await putSetting(sql, 'after', tries, 0)
    return tries
  })
  t.ok(value >= 2)
  t.equal(await store.read(sql => getSetting(sql, 'after')), value)
  t.strictSame(
    (await store.read(sql => listSettings(sql, 'try/'))).map(({ name }) => name),
    [`try/${value}`],
    'nothing of the first try',
  )
  await store.close()
})

t.test('a connection that is ended while it commits: only what may be done twice is', { skip }, async t => {
  const { store, name } = await open()
  // A commit that takes long enough to be ended: a deferred trigger sleeps in it.
  await cluster!.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON settings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = 'slow') EXECUTE FUNCTION slow()`,
    name,
  )
  const endCommits = async (): Promise<void> => {
    const text = `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = '${name}' AND query = 'COMMIT' AND state = 'active'`
    while (!(await cluster!.query(text)).some(({ ended }) => ended === true));
  }
  const [failed] = await Promise.allSettled([store.write(sql => putSetting(sql, 'slow', 1, 0)), endCommits()])
  t.match(failed, { status: 'rejected', reason: { name: 'CommitUnknown', message: /may or may not have happened/ } })
  let tries = 0
  const again = store.write(
    async sql => {
      tries++
      await putSetting(sql, tries === 1 ? 'slow' : 'quick', tries, 0)
    },
    { idempotent: true },
  )
  await Promise.all([again, endCommits()])
  t.equal(await store.read(sql => getSetting(sql, 'quick')), 2)
  await store.close()
})

t.test('a URL opens PostgreSQL', { skip }, async t => {
  const { url } = await cluster!.database()
  const store = await openStore({ url, directory: '/nowhere' })
  t.equal(store.kind, 'postgres')
  await t.rejects(store.backup('/nowhere/file'), /pg_dump/)
  await store.close()
})

t.test('replicas that start at once on an empty database make one store', { skip }, async t => {
  const { url } = await cluster!.database()
  const stores = await Promise.all(Array.from({ length: 5 }, () => openPostgres({ url, connections: 2 })))
  await stores[0]!.write(sql => putSetting(sql, 'a', 1, 0))
  for (const store of stores) t.equal(await store.read(sql => getSetting(sql, 'a')), 1)
  await Promise.all(stores.map(store => store.close()))
})

t.test('connections that the server ends while nobody uses them are made again, also the one that listens', { skip }, async t => {
  const { store, name } = await open()
  const first = Promise.withResolvers<void>()
  let heard = (): void => first.resolve()
  store.onEvents(() => heard())
  await first.promise
  const second = Promise.withResolvers<void>()
  heard = second.resolve
  await cluster!.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
  await store.write(sql => addEvent(sql, { kind: 'tested', subject: 'x', body: {} }))
  await second.promise
  t.pass('both are there again')
  await store.close()
})

t.test('a server that is not there is said to be so, without the password', { skip }, async t => {
  const url = new Secret('postgres://ann:canary-5d1e@127.0.0.1:1/fleet')
  const error = await openPostgres({ url, patienceMs: 50 }).then(
    () => undefined,
    (error: unknown) => error as Error,
  )
  t.match(error, { name: 'StoreUnavailable', message: /^postgres:\/\/127\.0\.0\.1:1\/fleet has not taken a transaction/ })
  t.notMatch(`${error?.stack} ${String(error?.cause)}`, /canary/)
})
