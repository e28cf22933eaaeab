import { dirname } from 'node:path'
import { commitTo } from '../../../controller/ingest/commit.ts'
import type { Commit } from '../../../controller/ingest/group.ts'
import { openLedger } from '../../../controller/ingest/ledger.ts'
import { beginHold } from '../../../controller/ingest/take-over.ts'
import { openStore } from '../../../controller/store/open.ts'

/** As the controller commits: one transaction per group, on disk before it returns (WAL, synchronous=FULL). */
export const sqliteCommit = async (path: string): Promise<{ commit: Commit; close: () => Promise<void> }> => {
  const store = await openStore({ directory: dirname(path) })
  const holder = 'bench'
  return { commit: commitTo(openLedger(store, await beginHold(store, holder)), holder), close: () => store.close() }
}
