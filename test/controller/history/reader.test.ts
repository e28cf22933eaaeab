import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { roomFor } from '../../../controller/history/backup.ts'
import { startReader } from '../../../controller/history/reader.ts'
import { openStore } from '../../../controller/store/open.ts'
import { aggregate, append, lead, minuteMs } from './made-up.ts'

const directory = mkdtempSync(join(tmpdir(), 'causeway-reader-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const until = async (isSo: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await isSo())) await sleep(20)
}

t.test('a thread beside answers questions, and looks after the store once it is told that it may', async t => {
  const options = { directory: join(directory, 'a') }
  const store = await openStore(options)
  const startMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
  await append(store, 'a', aggregate(startMs, 400))
  const times = { everyMs: 20, backupMs: 0 }
  const reader = startReader({ store: options, times, random: Math.random, onTrouble: why => t.fail(why.message) })
  await reader.ready
  const question = { fromMs: startMs, toMs: startMs + minuteMs, groupBy: 'link' as const }
  t.match(await reader.query(question), { bad: 0, rows: [{ summary: { runs: { ok: 400 }, rttSeconds: { count: 400 } } }] })
  t.match(await reader.baselines('a', Date.now()), [{ rtt: { of: 'day', samples: 400 } }])
  t.strictSame(await reader.state(), { damage: [] }, 'nobody has told it')
  reader.lead(await lead(store))
  await until(() => existsSync(`${store.name}.backup.1`))
  t.match(await reader.state(), { damage: [], upkeep: { rolledUp: { bad: 0 } }, backupMs: Number })
  t.ok((await roomFor(store))! > 0)
  reader.lead(undefined)
  await reader.close()
  await t.rejects(reader.query(question), { name: 'WorkerAway' })
  await store.close()
  const restored = { directory: join(directory, 'b') }
  mkdirSync(restored.directory)
  copyFileSync(`${store.name}.backup`, join(restored.directory, 'controller.db'))
  const copy = await openStore(restored)
  t.strictSame(await copy.check(), [])
  await copy.close()
})
