/** How long people wait: `probe --help`, and the first byte of `probe run`, against `node -e 0` with the same Node. Compile cache warm. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startChild } from './child.ts'
import { benchEnv } from './environment.ts'
import { machine } from './machine.ts'
import { compare, measurePaired } from './paired.ts'
import { report } from './report.ts'
import { needTools } from './tools.ts'

const probe = fileURLToPath(new URL('../../cli/probe.mjs', import.meta.url))
const server = fileURLToPath(new URL('programs/tcp-server.ts', import.meta.url))
const bars = { help: 3, run: 8 }
const options = { rounds: { type: 'string', default: '31' } } as const

/** Wall-clock times in ms from spawn: to the first byte on stdout, a pipe, and to the exit. Throws on an exit code that is not expected. */
const timeOf = async (args: string[], codes: number[]): Promise<{ firstByteMs: number; exitMs: number }> => {
  const start = performance.now()
  const child = spawn(process.execPath, args, { env: benchEnv, stdio: ['ignore', 'pipe', 'ignore'] })
  let firstByteMs = Number.NaN
  child.stdout.once('data', () => {
    firstByteMs = performance.now() - start
  })
  child.stdout.resume()
  const [code] = (await once(child, 'exit')) as [number | null]
  const exitMs = performance.now() - start
  if (!codes.includes(code ?? -1)) throw new Error(`${args.join(' ')}: ended with ${code}`)
  return { firstByteMs, exitMs }
}

await report(async () => {
  needTools('setpriv')
  const { values } = parseArgs({ options })
  const peer = await startChild([process.execPath, server], '}\n')
  try {
    const target = `127.0.0.1:${(JSON.parse(peer.lines) as { port: number }).port}`
    const help = async () => (await timeOf([probe, '--help'], [0])).exitMs
    // The server speaks no TLS, so the run may end in a failure; only its first line is waited for.
    const run = async () => (await timeOf([probe, 'run', target, '--timeout', '100ms'], [0, 1])).firstByteMs
    for (const warm of [help, run, help, run]) await warm()
    const sides = { help, run, node: async () => (await timeOf(['-e', '0'], [0])).exitMs }
    const measured = await measurePaired(Number(values.rounds), sides)
    const against = { unit: 'ms wall clock', peer: 'node -e 0, to its exit' }
    const comparisons = [
      compare({ ...against, what: 'probe --help, to its exit', bar: bars.help }, measured.help, measured.node),
      compare({ ...against, what: 'probe run <target>, to the first byte on stdout', bar: bars.run }, measured.run, measured.node),
    ]
    return { bench: 'cli-start', machine: machine(), comparisons, pass: comparisons.every(({ pass }) => pass) }
  } finally {
    await peer.stop()
  }
})
