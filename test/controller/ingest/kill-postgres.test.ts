import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { needsPostgres, startCluster } from '../store/postgres-cluster.ts'
import { killRounds } from './kill-rounds.ts'

/** `test/bench/ingest-kill.ts` does many more. */
const kills = 25
const directory = mkdtempSync(join(tmpdir(), 'causeway-ingest-kill-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test(
  'PostgreSQL: of a controller that is killed at any moment no acknowledged batch is missing, and none counts twice',
  { skip: needsPostgres },
  async t => {
    const cluster = await startCluster()
    t.teardown(() => cluster.remove())
    const count = await killRounds({ directory, url: (await cluster.database()).url }, kills, Math.random)
    t.match(count, { kills, missing: 0, doubled: 0 })
    t.ok(count.acknowledged >= kills)
    t.comment(JSON.stringify(count))
  },
)
