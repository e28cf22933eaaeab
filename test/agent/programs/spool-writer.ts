/**
 * Writes to the spool of the directory that it is given, and empties it for one of two endpoints, until it is killed. Says on stdout what it does, one line each:
 * `a <number> <monotonic ms>` when it has appended a record of one item, `d <number> <monotonic ms>` when it has settled one for `fast`.
 */
import { writeSync } from 'node:fs'
import { openSpool } from '../../../agent/spool/spool.ts'
import { numbered, numbersOf } from '../spool/numbered.ts'

const directory = process.argv[2]!
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
const say = (what: string, number: number): void => void writeSync(1, `${what} ${number} ${nowMs().toFixed(3)}\n`)

const spool = await openSpool({ directory, endpoints: ['fast', 'away'], nowMs })
let next = Number(process.argv[3])
setInterval(() => {
  for (let i = 0; i < 3; i++) {
    spool.append(numbered(next, {}, 2000))
    say('a', next++)
  }
}, 4)
for (;;) {
  const held = await spool.next('fast', 'newest')
  if (held) {
    spool.settle(held)
    for (const number of numbersOf(held.record)) say('d', number)
  }
  await new Promise(resolve => setTimeout(resolve, held ? 1 : 20))
}
