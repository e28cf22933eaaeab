/** Kills a controller under load, 500 times on each database. Bar: no acknowledged batch is missing, none counts twice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killRounds } from '../controller/ingest/kill-rounds.ts'
import { needsPostgres, startCluster } from '../controller/store/postgres-cluster.ts'
import { machine } from './machine.ts'
import { note, report } from './report.ts'

const options = { kills: { type: 'string', default: '500' } } as const

await report(async () => {
  const kills = Number(parseArgs({ options }).values.kills)
  const directory = mkdtempSync(join(tmpdir(), 'ingest-kill-'))
  note(`${kills} kills on SQLite`)
  const sqlite = await killRounds({ directory }, kills, Math.random)
  if (needsPostgres) note(needsPostgres)
  else note(`${kills} kills on PostgreSQL`)
  const cluster = needsPostgres ? undefined : await startCluster()
  const postgres = cluster && (await killRounds({ directory, url: (await cluster.database()).url }, kills, Math.random))
  await cluster?.remove()
  rmSync(directory, { recursive: true })
  const pass = [sqlite, postgres].every(count => !count || (count.missing === 0 && count.doubled === 0))
  return { bench: 'ingest-kill', machine: machine(), sqlite, postgres: postgres ?? null, pass }
})
