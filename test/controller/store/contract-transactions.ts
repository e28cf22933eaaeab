import type { Test } from 'tap'
import { addEvent, dropEvents, readEvents } from '../../../controller/store/events.ts'
import { followEvents } from '../../../controller/store/follow-events.ts'
import { migrate } from '../../../controller/store/migrate.ts'
import { migrations } from '../../../controller/store/migrations.ts'
import { claimSetting, dropSetting, getSetting, listSettings, putSetting } from '../../../controller/store/settings.ts'
import { StoreTooNew } from '../../../controller/store/store.ts'
import { type Subject, withStore } from './contract.ts'

const event = (subject: string) => ({ kind: 'tested', subject, body: { deep: ['ä', null] } })

export const transactionContract = async (t: Test, subject: Subject): Promise<void> => {
  await withStore(t, subject, 'a transaction that throws leaves nothing behind', async (t, store) => {
    const fault = new Error('of the work')
    const failed = store.write(async sql => {
      await putSetting(sql, 'a', 1, 0)
      throw fault
    })
    await t.rejects(failed, fault)
    t.equal(await store.read(sql => getSetting(sql, 'a')), undefined)
    await store.write(sql => putSetting(sql, 'a', 2, 0))
    t.equal(await store.read(sql => getSetting(sql, 'a')), 2, 'and the store goes on')
  })

  await withStore(t, subject, 'a transaction whose statement fails is none, also when the work swallows the error', async (t, store) => {
    const failed = store.write(async sql => {
      await putSetting(sql, 'a', 1, 0)
      await sql.run('INSERT INTO nowhere (a) VALUES (1)')
    })
    await t.rejects(failed, /nowhere/)
    const swallowed = store.write(async sql => {
      await putSetting(sql, 'a', 1, 0)
      await sql.run('INSERT INTO nowhere (a) VALUES (1)').catch(() => {})
    })
    await t.rejects(swallowed, /had failed/)
    t.equal(await store.read(sql => getSetting(sql, 'a')), undefined)
    const kept = await store.write(async sql => sql)
    await t.rejects(putSetting(kept, 'a', 1, 0), /is over/)
  })

  await withStore(t, subject, 'reading cannot write', async (t, store) => {
    await t.rejects(
      store.read(sql => putSetting(sql, 'a', 1, 0)),
      /read-?only/i,
    )
  })

  await withStore(t, subject, 'transactions at the same time add up', async (t, store) => {
    await store.write(sql => sql.run("INSERT INTO counters (name, value) VALUES ('x', 0)"))
    const add = () => store.write(sql => sql.run("UPDATE counters SET value = value + 1 WHERE name = 'x'"))
    await Promise.all(Array.from({ length: 40 }, add))
    t.equal((await store.read(sql => sql.all("SELECT value FROM counters WHERE name = 'x'")))[0]?.['value'], 40)
  })

  await withStore(t, subject, 'settings are put, claimed once, listed by prefix and dropped', async (t, store) => {
    const claims = await Promise.all([1, 2, 3].map(n => store.write(sql => claimSetting(sql, 'key/a', n, 5))))
    t.equal(new Set(claims).size, 1, 'whoever is first: all know it')
    await store.write(sql => putSetting(sql, 'key/b', { text: '100 % _' }, 5))
    await store.write(sql => putSetting(sql, 'keys', 0, 5))
    t.strictSame(
      (await store.read(sql => listSettings(sql, 'key/'))).map(({ name }) => name),
      ['key/a', 'key/b'],
    )
    t.equal(await store.write(sql => dropSetting(sql, 'key/b')), true)
    t.equal(await store.write(sql => dropSetting(sql, 'key/b')), false)
  })

  await withStore(t, subject, 'events are followed, each once, and wake who listens', async (t, store) => {
    await store.write(sql => addEvent(sql, event('before')))
    const follower = await followEvents(store)
    const second = await subject.again(store)
    const heard = new Promise<void>(resolve => store.onEvents(resolve))
    const seen: string[] = []
    const collect = async (count: number): Promise<void> => {
      while (seen.length < count) seen.push(...(await follower.next()).map(({ subject }) => subject))
    }
    await second.write(sql => addEvent(sql, event('one')))
    await collect(1)
    if (store.kind === 'postgres') await heard
    await store.write(async sql => {
      await addEvent(sql, event('two'))
      await addEvent(sql, event('three'))
    })
    await heard
    await collect(3)
    t.strictSame(seen, ['one', 'two', 'three'])
    t.strictSame(await follower.next(), [])
    const resumed = await followEvents(store, 0)
    t.strictSame(
      (await resumed.next()).map(({ subject }) => subject),
      ['before', 'one', 'two', 'three'],
    )
    const [read] = await store.read(sql => readEvents(sql, 1, 1))
    t.match(read, { kind: 'tested', body: { deep: ['ä', null] }, atMs: Number })
    t.equal(await store.write(sql => dropEvents(sql, Number.MAX_SAFE_INTEGER)), 4)
    await second.close()
  })

  await withStore(t, subject, 'a store of a newer version is refused, and the message says what to do', async (t, store) => {
    await store.write(sql => sql.run('UPDATE schema_version SET version = 99'))
    await t.rejects(subject.again(store), {
      name: 'StoreTooNew',
      message: new RegExp(`version 99.*up to ${migrations.length}: start the newer controller again`),
    })
    await t.rejects(migrate(store), StoreTooNew)
  })

  await withStore(t, subject, 'steps are taken once, one transaction each: one that fails leaves those before it', async (t, store) => {
    const later = [...migrations, () => ['CREATE TABLE later (a BIGINT)'], () => ['CREATE TABLE last (a BIGINT)', 'NONSENSE']]
    await t.rejects(migrate(store, later), /NONSENSE/i)
    t.equal((await store.read(sql => sql.all('SELECT version FROM schema_version')))[0]?.['version'], migrations.length + 1)
    await t.rejects(
      store.read(sql => sql.all('SELECT a FROM last')),
      /last/,
    )
    await Promise.all([migrate(store, later.slice(0, -1)), migrate(store, later.slice(0, -1))])
    t.strictSame(await store.read(sql => sql.all('SELECT a FROM later')), [])
  })
}
