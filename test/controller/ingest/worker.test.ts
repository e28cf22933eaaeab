import { Worker } from 'node:worker_threads'
import t from 'tap'
import { connectIngest } from '../../../controller/ingest/worker.ts'
import { agentBatches } from '../../bench/programs/agent-batches.ts'

const [batch] = await agentBatches(1, 20)
const deliver = (sequence: number, boot = 'b') => ({
  id: { agent: 'agent-1', boot, sequence },
  signal: 'metrics' as const,
  encoding: 'protobuf' as const,
  isGzip: true,
  body: batch!.body,
})
const taken = { kind: 'taken', rejected: 0, message: '' }

t.test('requests are answered by the worker after its commit; when it ends, those that wait are to come again', async t => {
  const worker = new Worker(new URL('programs/ingest-worker.ts', import.meta.url))
  t.teardown(() => worker.terminate())
  const ingest = connectIngest(worker)
  t.same(await Promise.all([1, 2, 2].map(sequence => ingest.receive(deliver(sequence)))), [taken, taken, taken])
  t.match(await ingest.counts(), { batches: 2, duplicates: 1, items: 2 * batch!.points })
  t.match(await ingest.receive(deliver(3, 'crash')), { kind: 'error', status: 503, retryAfterS: 5 })
  t.match(await ingest.receive(deliver(4)), { kind: 'error', status: 503 }, 'also what comes later')
  t.equal(await ingest.counts(), undefined)
})
