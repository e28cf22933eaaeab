/** Fills the small file system that it is given, sees that nothing is lost beyond what is counted, and says how it went. */
import { openSpool } from '../../../agent/spool/spool.ts'
import { drain, isExact, numbered } from '../spool/numbered.ts'

const spool = await openSpool({ directory: process.argv[2]!, endpoints: ['one'], flushEveryMs: 0, nowMs: () => 0, memoryBytes: 64 * 1024 })
for (let i = 0; i < 400 && !spool.state().degraded; i++) {
  spool.append(numbered(i, {}, 4000))
  await spool.flush()
}
const degraded = spool.state().degraded?.detail
const exact = isExact(spool.ledger('one'))
await drain(spool, 'one')
await spool.flush()
spool.append(numbered(1000, {}, 4000))
await spool.flush()
const after = spool.state().degraded?.detail ?? 'well'
const drained = (await drain(spool, 'one')).length === 1
await spool.close()
process.stdout.write(JSON.stringify({ degraded, after, exact: exact && isExact(spool.ledger('one')), drained }))
