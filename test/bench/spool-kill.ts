/** kill -9 at random moments: how much data it takes (bar: 2 s), and whether the ledger is exact afterwards. `--kills 200 --at-once 4`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Killed, killOnce } from '../agent/spool/kill.ts'
import { machine } from './machine.ts'
import { note, report } from './report.ts'

const barMs = 2000

await report(async () => {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '200' }, 'at-once': { type: 'string', default: '4' } } })
  const [kills, atOnce] = [Number(values.kills), Number(values['at-once'])]
  const seen: Killed[] = []
  const one = async (): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'spool-kill-'))
    try {
      seen.push(await killOnce(directory, Math.random() * 3000))
      if (seen.length % 20 === 0) note(`${seen.length} of ${kills}`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  for (let done = 0; done < kills; done += atOnce) await Promise.all(Array.from({ length: Math.min(atOnce, kills - done) }, one))
  const problems = seen.flatMap(killed => killed.problems)
  const most = (of: (killed: Killed) => number): number => Math.round(Math.max(...seen.map(of)))
  const [mostLostMs, mostAgainMs] = [most(({ lostMs }) => lostMs), most(({ againMs }) => againMs)]
  const records = seen.reduce((sum, { appended }) => sum + appended, 0)
  return {
    bench: 'spool-kill',
    machine: machine(),
    kills,
    records,
    mostLostMs,
    barMs,
    mostAgainMs,
    problems,
    pass: mostLostMs <= barMs && problems.length === 0,
  }
})
