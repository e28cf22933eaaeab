/**
 * Runs `runProbe('icmp')` with one echo each at a steady rate, as an agent with many paths does:
 * `node icmp-probes.ts '{"perSecond": 10000, "seconds": 4}'`. Prints the CPU per probe of the second half in µs, when everything is compiled,
 * and the share of a core that it took. Ends with 1 when a probe is not ok.
 */
import { runProbe } from '../../../probes/index.ts'
import { withDefaults } from '../../../wire/options.ts'

const { perSecond, seconds } = JSON.parse(process.argv[2]!) as { perSecond: number; seconds: number }
const target = { host: '127.0.0.1', address: '127.0.0.1', family: 4 } as const
const options = withDefaults('icmp', { count: 1 })
const never = new AbortController().signal

/** Starts what is due at every millisecond, and ends when all have ended. */
const run = async (count: number): Promise<void> => {
  const start = performance.now()
  const running: Promise<void>[] = []
  const once = async (): Promise<void> => {
    const { outcome } = await runProbe('icmp', target, options, never)
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome))
  }
  while (running.length < count) {
    const due = Math.min(count, ((performance.now() - start) * perSecond) / 1000)
    while (running.length < due) running.push(once())
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await Promise.all(running)
}

const half = (perSecond * seconds) / 2
await run(half)
const warm = process.cpuUsage()
const start = performance.now()
await run(half)
const { user, system } = process.cpuUsage(warm)
const cores = (user + system) / 1000 / (performance.now() - start)
process.stdout.write(`${JSON.stringify({ warmUs: (user + system) / half, cores })}\n`)
