/** A worker that keeps nothing; a batch of the boot `crash` ends it before the commit. */
import { parentPort } from 'node:worker_threads'
import { Ingest } from '../../../../controller/ingest/ingest.ts'
import { serveIngest } from '../../../../controller/ingest/worker.ts'
import { startMs } from '../../../bench/programs/agent-batches.ts'

const ingest = new Ingest({
  owns: () => true,
  nowMs: () => startMs + 60_000,
  commit: ({ batches }) => {
    if (batches.some(({ id }) => id.boot === 'crash')) process.exit(1)
    return []
  },
})
serveIngest(parentPort!, ingest)
