/**
 * Ingest: data points per second and core of real agents' requests (200 paths, protobuf, gzip) from the request to the merged minute, without a store and
 * with a transaction of SQLite on disk per group; blobs and memory at 100,000 paths. Bars: 250,000 points per second of CPU, 512 MB.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { agentBatches, startMs } from './programs/agent-batches.ts'
import { note, report } from './report.ts'

const options = {
  agents: { type: 'string', default: '500' },
  seconds: { type: 'string', default: '8' },
  rounds: { type: 'string', default: '2' },
} as const
const program = fileURLToPath(new URL('programs/ingest-run.ts', import.meta.url))
const bar = 250_000
const rssBarMb = 512

type Run = { pointsPerSecond: number; pointsPerCpuSecond: number; peakRssMb: number }

await report(async () => {
  const { values } = parseArgs({ options })
  const [agents, seconds, rounds] = [Number(values.agents), Number(values.seconds), Number(values.rounds)]
  note('requests of an agent: six windows')
  const batches = await agentBatches(6)
  const input = {
    startMs,
    agents,
    seconds,
    batches: batches.map(({ body, points }) => ({ body: Buffer.from(body).toString('base64'), points })),
  }
  const directory = mkdtempSync(join(tmpdir(), 'ingest-input-'))
  const run = (store: string): Run => {
    const file = join(directory, 'input.json')
    writeFileSync(file, JSON.stringify({ ...input, store }))
    return JSON.parse(cpuOfRun([process.execPath, program, file]).stdout) as Run
  }
  const [without, sqlite]: [Run[], Run[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}`)
    without.push(run('none'))
    sqlite.push(run('sqlite'))
  }
  rmSync(directory, { recursive: true })
  const best = (runs: readonly Run[]): number => Math.max(...runs.map(one => one.pointsPerCpuSecond))
  const peakRssMb = Math.max(...[...without, ...sqlite].map(one => one.peakRssMb))
  const pass = best(without) >= bar && best(sqlite) >= bar && peakRssMb <= rssBarMb
  const first = batches[0]!
  const request = {
    points: first.points,
    bytes: first.plainBytes,
    gzipped: first.body.length,
    ratio: Math.round(first.plainBytes / first.body.length),
  }
  return { bench: 'ingest', machine: machine(), agents, paths: agents * 200, request, bar, rssBarMb, without, sqlite, pass }
})
