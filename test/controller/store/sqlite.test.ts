import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { appendHistory, dropHistory } from '../../../controller/store/history.ts'
import { takeLease } from '../../../controller/store/leases.ts'
import { openStore } from '../../../controller/store/open.ts'
import { getSetting, putSetting } from '../../../controller/store/settings.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import { storeContract } from './contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-store-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
let files = 0
const fresh = () => join(directory, `d${++files}`, 'controller.db')

t.test('SQLite', t =>
  storeContract(t, {
    open: () => openSqlite({ path: fresh() }),
    again: ({ name }) => openSqlite({ path: name, owner: false }),
  }),
)

t.test('without a URL the store is a file in the data directory, for its owner alone', async t => {
  const store = await openStore({ directory: join(directory, 'data') })
  t.equal(store.name, join(directory, 'data', 'controller.db'))
  for (const ending of ['', '-wal', '-shm']) t.equal(statSync(store.name + ending).mode & 0o777, 0o600)
  await store.close()
})

t.test('a second controller is kept away from the file until the first has closed it', async t => {
  const path = fresh()
  const store = await openSqlite({ path })
  await t.rejects(openSqlite({ path }), { name: 'StoreInUse', message: new RegExp(`in use.*pid ${process.pid} on `) })
  await store.close()
  await (await openSqlite({ path })).close()
})

t.test('a controller that comes after one that was killed need not wait for its leases', async t => {
  const path = fresh()
  const store = await openSqlite({ path })
  t.match(await store.write(sql => takeLease(sql, 'assigning', 'killed', 3_600_000)), { epoch: 1 })
  const thread = await openSqlite({ path, owner: false })
  t.equal(await thread.write(sql => takeLease(sql, 'assigning', 'thread', 1)), undefined, 'another thread of the same one does')
  await thread.close()
  await store.close()
  const next = await openSqlite({ path })
  t.match(await next.write(sql => takeLease(sql, 'assigning', 'next', 3_600_000)), { epoch: 2 })
  await next.close()
})

t.test('a damaged file is refused, wherever the damage is, and the message names the file and the remedy', async t => {
  const path = fresh()
  const store = await openSqlite({ path })
  await store.write(async sql => {
    for (let i = 0; i < 500; i++) await putSetting(sql, `name-${i}`, 'x'.repeat(100), 0)
  })
  await store.close()
  const whole = readFileSync(path)
  const damages: Record<string, (bytes: Buffer) => Buffer> = {
    'no database': () => Buffer.from('something else altogether, and long enough to have a header of a hundred bytes'.repeat(20)),
    'cut in the middle': bytes => bytes.subarray(0, bytes.length / 2),
    'zeros in the middle': bytes => Buffer.from(bytes).fill(0, 4096, bytes.length - 4096),
    'noise in the middle': bytes => Buffer.from(bytes).fill('noise', bytes.length / 2),
  }
  for (const [name, damage] of Object.entries(damages)) {
    writeFileSync(path, damage(whole))
    await t.rejects(
      openSqlite({ path }),
      { name: 'StoreDamaged', message: /controller\.db is damaged \(.*move .* aside and put the last backup/ },
      name,
    )
  }
  writeFileSync(path, whole)
  await (await openSqlite({ path })).close()
})

t.test('a full disk is said to be one, what was there stays, and dropping makes place', async t => {
  const store = await openSqlite({ path: fresh() })
  const key = { agentId: 'a', resolutionMs: 1, startMs: 1 }
  await store.write(sql => sql.all('PRAGMA max_page_count = 200'))
  const append = () => store.write(sql => appendHistory(sql, key, new Uint8Array(10_000)))
  const fill = async () => {
    for (;;) await append()
  }
  await t.rejects(fill(), { name: 'StoreUnavailable', message: /the disk is full/ })
  const before = await store.sizeBytes()
  t.ok((await store.write(sql => dropHistory(sql, 1, 2, 10))) === 10)
  t.ok((await store.sizeBytes()) < before)
  await append()
  await store.close()
})

t.test('a backup taken while others write can be opened, and has what was there', async t => {
  const store = await openSqlite({ path: fresh() })
  await store.write(sql => putSetting(sql, 'a', 1, 0))
  const to = join(directory, 'backup.db')
  const backups = store.backup(to)
  await Promise.all([backups, store.write(sql => putSetting(sql, 'b', 1, 0))])
  await store.backup(to)
  await store.close()
  const path = fresh()
  await (await openSqlite({ path })).close()
  copyFileSync(to, path)
  const restored = await openSqlite({ path })
  t.equal(await restored.read(sql => getSetting(sql, 'b')), 1)
  t.strictSame(await restored.check(), [])
  await restored.close()
})
