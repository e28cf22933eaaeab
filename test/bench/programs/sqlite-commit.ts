import { DatabaseSync } from 'node:sqlite'
import type { Commit } from '../../../controller/ingest/ingest.ts'

/** One transaction per group, on disk before it returns (WAL, synchronous=FULL): the batches as they came, and the ranges of what was received. */
export const sqliteCommit = (path: string): { commit: Commit; close: () => void } => {
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE batch(agent TEXT, boot TEXT, sequence INT, body BLOB, PRIMARY KEY(agent, boot, sequence)) WITHOUT ROWID; CREATE TABLE received(agent TEXT, boot TEXT, last_ms INT, ranges TEXT, PRIMARY KEY(agent, boot)) WITHOUT ROWID',
  )
  const insert = database.prepare('INSERT INTO batch VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING')
  const replace = database.prepare('REPLACE INTO received VALUES(?, ?, ?, ?)')
  return {
    commit: ({ batches, received }) => {
      database.exec('BEGIN IMMEDIATE')
      for (const { id, body } of batches) insert.run(id.agent, id.boot, id.sequence, body)
      for (const { agent, boot, lastMs, ranges } of received) replace.run(agent, boot, lastMs, JSON.stringify(ranges))
      database.exec('COMMIT')
      return []
    },
    close: () => database.close(),
  }
}
