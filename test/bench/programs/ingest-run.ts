/** One process that takes batches of agents for some seconds and prints what it cost. Its argument is a file with what to do. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Commit } from '../../../controller/ingest/group.ts'
import { gunzip } from '../../../controller/ingest/gunzip.ts'
import { Ingest } from '../../../controller/ingest/ingest.ts'
import { sqliteCommit } from './sqlite-commit.ts'

type Arguments = { batches: { body: string; points: number }[]; startMs: number; agents: number; seconds: number; store: 'none' | 'sqlite' }
const { batches, startMs, agents, seconds, store } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Arguments
const bodies = batches.map(({ body }) => Buffer.from(body, 'base64'))
const directory = mkdtempSync(join(tmpdir(), 'ingest-bench-'))
const sqlite = store === 'sqlite' ? await sqliteCommit(join(directory, 'ingest.db')) : undefined
const commit: Commit = sqlite?.commit ?? (() => [])

// The clock of data: each agent's window k is followed by window k + 1, ten seconds later.
let nowMs = startMs
const ingest = new Ingest({ owns: () => true, nowMs: () => nowMs, commit })
const groupOf = 16
const total = { points: 0, batches: 0, blobs: 0, blobBytes: 0, blobPaths: 0, closeMs: 0, openBytes: 0, maxGroupMs: 0 }

/** One window of every agent, in groups, as they come when a worker is busy. */
const window = async (sequence: number): Promise<void> => {
  const place = sequence % bodies.length
  for (let agent = 0; agent < agents; agent += groupOf) {
    const startedMs = performance.now()
    const answers = []
    for (let k = agent; k < Math.min(agents, agent + groupOf); k++)
      answers.push(
        ingest.receive({
          id: { agent: `agent-${k}`, boot: 'b', sequence },
          signal: 'metrics',
          encoding: 'protobuf',
          isGzip: true,
          body: bodies[place]!,
        }),
      )
    for (const answer of await Promise.all(answers)) {
      if (answer.kind !== 'taken' || answer.rejected > 0) throw new Error(JSON.stringify(answer))
      total.points += batches[place]!.points
      total.batches++
    }
    total.maxGroupMs = Math.max(total.maxGroupMs, performance.now() - startedMs)
    await setImmediate()
  }
}

/** The blobs of all agents, at the end of a minute. */
const close = async (endMs: number): Promise<void> => {
  total.openBytes = Math.max(total.openBytes, ingest.openBytes)
  const startedMs = performance.now()
  for (const { blob, paths } of ingest.closeMinutes(endMs)) {
    total.blobs++
    total.blobBytes += blob.length
    total.blobPaths += paths
  }
  total.closeMs += performance.now() - startedMs
}

nowMs += 30_000
await window(0) // all paths are learnt, and the program is compiled
Object.assign(total, { points: 0, batches: 0, maxGroupMs: 0 })
/** What inflating alone costs, of as many points, in turn with the rest: how busy the machine is falls out of the ratio of both. */
const gunzipped = { points: 0, us: 0 }
const inflate = (): void => {
  const before = process.cpuUsage()
  for (let k = 0; k < 60; k++) {
    gunzip(bodies[k % bodies.length]!)
    gunzipped.points += batches[k % bodies.length]!.points
  }
  const { user, system } = process.cpuUsage(before)
  gunzipped.us += user + system
}
let peakRss = process.memoryUsage.rss()
const [cpu, begunMs] = [process.cpuUsage(), performance.now()]
// Whole minutes only: closing one is a part of it.
for (let sequence = 1; performance.now() - begunMs < seconds * 1000 || sequence % bodies.length !== 1; sequence++) {
  inflate()
  await window(sequence)
  peakRss = Math.max(peakRss, process.memoryUsage.rss())
  if (sequence % bodies.length === 0) await close(startMs + 60_000)
}
const wallMs = performance.now() - begunMs
const { user, system } = process.cpuUsage(cpu)
await sqlite?.close()
rmSync(directory, { recursive: true })
const cpuSeconds = (user + system - gunzipped.us) / 1e6
process.stdout.write(
  JSON.stringify({
    points: total.points,
    pointsPerSecond: Math.round(total.points / (wallMs / 1000)),
    pointsPerCpuSecond: Math.round(total.points / cpuSeconds),
    timesInflating: Number(((cpuSeconds * 1e6) / total.points / (gunzipped.us / gunzipped.points)).toFixed(2)),
    inflatedPointsPerCpuSecond: Math.round((gunzipped.points / gunzipped.us) * 1e6),
    blobs: total.blobs,
    bytesPerPathAndMinute: total.blobPaths === 0 ? null : Number((total.blobBytes / total.blobPaths).toFixed(1)),
    closeUsPerPath: total.blobPaths === 0 ? null : Number(((1000 * total.closeMs) / total.blobPaths).toFixed(1)),
    openBytesPerPath: Math.round(total.openBytes / (agents * 200)),
    peakRssMb: Math.round(peakRss / 2 ** 20),
    longestGroupMs: Math.round(total.maxGroupMs),
  }),
)
