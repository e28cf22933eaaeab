/** One spool, killed again and again: what each kill took, against what the writer said it had done. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openSpool } from '../../../agent/spool/spool.ts'
import { drain, isExact, numbersOf } from './numbered.ts'

const program = fileURLToPath(new URL('../programs/spool-writer.ts', import.meta.url))

export type Killed = {
  appended: number
  /** Age, at the kill, of the oldest record that is gone; 0 when none is. */
  lostMs: number
  /** The same of the oldest that was settled and comes again. */
  againMs: number
  problems: string[]
}

/** Lets the writer run for so long in an empty directory, kills it with SIGKILL, and looks at what it left. */
export const killOnce = async (directory: string, runMs: number): Promise<Killed> => {
  const { appended, settled, atMs } = await runAndKill(directory, runMs)
  const spool = await openSpool({ directory, endpoints: ['fast', 'away'], flushEveryMs: 0, nowMs: () => 0 })
  try {
    const before = { fast: spool.ledger('fast'), away: spool.ledger('away') }
    const away = (await drain(spool, 'away')).flatMap(numbersOf)
    const fast = (await drain(spool, 'fast')).flatMap(numbersOf)
    const present = new Set(away)
    const ages = (numbers: Iterable<number>, times: Map<number, number>): number =>
      Math.max(0, ...[...numbers].map(number => atMs - (times.get(number) ?? atMs)))
    const gone = [...appended.keys()].filter(number => !present.has(number))
    const missed = [...present].filter(number => !settled.has(number) && !fast.includes(number))
    const problems = [
      ...Object.entries(before).flatMap(([name, ledger]) => (isExact(ledger) ? [] : [`${name}: ${JSON.stringify(ledger)}`])),
      ...(before.away.produced === away.length && before.away.spooled === away.length
        ? []
        : [`away: ${away.length} of ${JSON.stringify(before.away)}`]),
      ...(before.fast.produced === away.length && before.fast.spooled === fast.length
        ? []
        : [`fast: ${fast.length} of ${JSON.stringify(before.fast)}`]),
      // The last lines may have been on their way out when it was killed.
      ...(missed.length <= 1 ? [] : [`fast never gets ${missed}`]),
      ...(present.size === away.length ? [] : ['something comes twice']),
    ]
    return {
      appended: appended.size,
      lostMs: ages(gone, appended),
      againMs: ages(
        fast.filter(number => settled.has(number)),
        settled,
      ),
      problems,
    }
  } finally {
    await spool.close()
  }
}

const runAndKill = async (directory: string, runMs: number) => {
  const child = spawn(process.execPath, [program, directory, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  await once(child.stdout, 'data')
  await new Promise(resolve => setTimeout(resolve, runMs))
  const atMs = Number(process.hrtime.bigint()) / 1e6
  child.kill('SIGKILL')
  await once(child, 'close')
  const appended = new Map<number, number>()
  const settled = new Map<number, number>()
  for (const line of Buffer.concat(parts).toString().split('\n')) {
    const [what, number, ms] = line.split(' ')
    if (ms !== undefined) (what === 'a' ? appended : settled).set(Number(number), Number(ms))
  }
  return { appended, settled, atMs }
}
