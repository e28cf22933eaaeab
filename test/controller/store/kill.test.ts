import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readHistory } from '../../../controller/store/history.ts'
import { receivedRanges } from '../../../controller/store/received.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'

const program = fileURLToPath(new URL('../programs/store-writer.ts', import.meta.url))
const kills = 25

/** Lets a writer acknowledge so many rows and kills it: the numbers that it said. */
const killOnce = async (path: string, boot: string, rows: number): Promise<number[]> => {
  const child = spawn(process.execPath, [program, path, boot], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text
    if (said.split('\n').length > rows) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return said.split('\n').slice(0, -1).map(Number)
}

t.test('of a writer that is killed at any moment no acknowledged row is missing, and none is counted without its data', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-kill-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'controller.db')
  let acknowledged = 0
  let missing = 0
  for (let round = 0; round < kills; round++) {
    const boot = `boot-${round}`
    const said = await killOnce(path, boot, 1 + Math.floor(Math.random() * 400))
    const store = await openSqlite({ path })
    const rows = await store.read(sql => readHistory(sql, { agentId: boot, resolutionMs: 1, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }))
    const ranges = await store.read(sql => receivedRanges(sql, 'a', boot))
    const there = new Set(rows.map(({ startMs }) => startMs))
    const counted = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    if (counted !== rows.length || rows.some(({ parts }) => parts.length !== 1)) t.fail(`${counted} counted, ${rows.length} rows`)
    acknowledged += said.length
    missing += said.filter(number => !there.has(number)).length
    await store.close()
  }
  t.equal(missing, 0)
  t.ok(acknowledged >= kills, `${acknowledged} acknowledged`)
  t.comment(`${kills} kills, ${acknowledged} acknowledged rows, ${missing} missing`)
})
