import { fileURLToPath } from 'node:url'
import t from 'tap'
import { youngBytesFor } from '../../agent/small-memory.ts'
import { runProgram } from '../lab/run-program.ts'

const program = fileURLToPath(new URL('programs/young.ts', import.meta.url))

t.test('the young generation is as large as the work wants, in powers of two', async t => {
  const table: [runsPerSecond: number, mb: number][] = [
    [0, 1],
    [500, 1],
    [501, 2],
    [1000, 2],
    [2500, 8],
    [10_000, 16],
    [1e6, 16],
  ]
  for (const [runs, mb] of table) t.equal(youngBytesFor(runs), mb * 2 ** 20, `${runs} runs a second`)
})

t.test('it grows when it is told of work, and not before', async t => {
  const grown = async (runs: number): Promise<number> => {
    const { status, stdout, stderr } = await runProgram([process.execPath, program, String(runs)])
    t.equal(status, 0, stderr)
    return Number(stdout)
  }
  t.equal(await grown(1), 1, 'as it was at the start')
  // It may double once more between two looks.
  t.match(String(await grown(1000)), /^[24]$/)
  t.equal(await grown(10_000), 16)
})
