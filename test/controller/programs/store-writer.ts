/** Writes rows, several transactions waiting at a time, and says each on a line once it is acknowledged. Ends when it is killed. */
import { writeSync } from 'node:fs'
import { appendHistory } from '../../../controller/store/history.ts'
import { receive } from '../../../controller/store/received.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'

const store = await openSqlite({ path: process.argv[2]! })
const boot = process.argv[3]!
let next = 1
const write = async (): Promise<void> => {
  for (;;) {
    const number = next++
    await store.write(async sql => {
      await receive(sql, { agentId: 'a', boot, range: { first: number, last: number }, nowMs: Date.now() })
      await appendHistory(sql, { agentId: boot, resolutionMs: 1, startMs: number }, Buffer.alloc(2000, number))
    })
    writeSync(1, `${number}\n`)
  }
}
await Promise.all([write(), write(), write()])
