import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { killRounds } from './kill-rounds.ts'

/** `test/bench/ingest-kill.ts` does many more. */
const kills = 25
const directory = mkdtempSync(join(tmpdir(), 'causeway-ingest-kill-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test('SQLite: of a controller that is killed at any moment no acknowledged batch is missing, and none counts twice', async t => {
  const count = await killRounds({ directory }, kills, Math.random)
  t.match(count, { kills, missing: 0, doubled: 0 })
  t.ok(count.acknowledged >= kills)
  t.comment(JSON.stringify(count))
})
