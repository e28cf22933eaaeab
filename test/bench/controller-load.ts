/**
 * Ingest of a whole fleet: agents × 200 paths whose windows of ten seconds come as agents send them, through the worker, with its minutes becoming history. Bars:
 * from request to answer p99 ≤ 2 s, one core, RSS of the whole process ≤ 512 MB. The clock is the real one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { needsPostgres, startCluster } from '../controller/store/postgres-cluster.ts'
import { runChild } from './child-json.ts'
import { machine } from './machine.ts'
import { agentBatches } from './programs/agent-batches.ts'
import type { LoadResult, LoadTask } from './programs/controller-load-run.ts'
import { note, report } from './report.ts'

const options = {
  agents: { type: 'string', default: '500' },
  minutes: { type: 'string', default: '10' },
  stores: { type: 'string', default: 'sqlite,postgres' },
} as const
const program = fileURLToPath(new URL('programs/controller-load-run.ts', import.meta.url))
/** To make the requests of a minute, on a slow machine. */
const makingMs = 5000
const bars = { lagP99Ms: 2000, cores: 1, peakRssMb: 512 }

await report(async () => {
  const { values } = parseArgs({ options })
  const [agents, minutes] = [Number(values.agents), Number(values.minutes)]
  const directory = mkdtempSync(join(tmpdir(), 'controller-load-'))
  const run = async (store: LoadTask['store']): Promise<LoadResult> => {
    // The first window ends when there has been time to make them all.
    const startMs = Math.ceil((Date.now() + minutes * makingMs) / 10_000) * 10_000
    const batches = await agentBatches(6 * minutes, 200, 'protobuf', startMs)
    const bodies = batches.map(({ body, points }) => ({ body: Buffer.from(body).toString('base64'), points }))
    const file = join(directory, 'task.json')
    writeFileSync(file, JSON.stringify({ store, agents, startMs, bodies } satisfies LoadTask))
    return runChild<LoadResult>([process.execPath, program, file])
  }
  const results: Record<string, LoadResult> = {}
  for (const name of values.stores.split(',')) {
    note(`${agents} agents on ${name}, ${minutes} minutes`)
    if (name === 'sqlite') results[name] = await run({ directory: join(directory, 'sqlite') })
    if (name !== 'postgres') continue
    if (needsPostgres) {
      note(needsPostgres)
      continue
    }
    const cluster = await startCluster()
    results[name] = await run({ directory, url: (await cluster.database()).url.reveal() })
    await cluster.remove()
  }
  rmSync(directory, { recursive: true })
  const pass = Object.values(results).every(
    ({ lagMs, cores, peakRssMb, refused }) =>
      lagMs.p99 <= bars.lagP99Ms && cores <= bars.cores && peakRssMb <= bars.peakRssMb && refused === 0,
  )
  return { bench: 'controller-load', machine: machine(), agents, paths: agents * 200, minutes, bars, results, pass }
})
