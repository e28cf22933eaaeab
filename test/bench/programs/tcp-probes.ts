/**
 * Connects with `runProbe` again and again, some at a time, as an agent does: `node tcp-probes.ts '{"port": 1, "probes": 1000, "atOnce": 20}'`.
 * Prints the CPU per probe of the second half in µs, when everything is compiled. Ends with 1 when a probe is not ok.
 */
import { runProbe } from '../../../probes/index.ts'

const { port, probes, atOnce } = JSON.parse(process.argv[2]!) as { port: number; probes: number; atOnce: number }
const target = { host: '127.0.0.1', address: '127.0.0.1', family: 4, port } as const
const never = new AbortController().signal

const run = async (count: number): Promise<void> => {
  for (let done = 0; done < count; done += atOnce) {
    const results = await Promise.all(Array.from({ length: Math.min(atOnce, count - done) }, () => runProbe('tcp', target, {}, never)))
    const bad = results.find(({ outcome }) => outcome.kind !== 'ok')
    if (bad) throw new Error(JSON.stringify(bad.outcome))
    // The event loop turns, as between an agent's runs.
    await new Promise(resolve => setImmediate(resolve))
  }
}

const half = Math.floor(probes / 2)
await run(probes - half)
const warm = process.cpuUsage()
await run(half)
const { user, system } = process.cpuUsage(warm)
process.stdout.write(`${JSON.stringify({ warmUs: (user + system) / half })}\n`)
