/** Kills a controller that takes batches, again and again, and counts what is there in the end. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startIngestWorker } from '../../../controller/ingest/start.ts'
import { countBatches } from '../../../controller/store/batches.ts'
import { openStore, type StoreOptions } from '../../../controller/store/open.ts'
import { listReceived } from '../../../controller/store/received.ts'
import { assigned, runsOf, runsPerBatch, until, windows } from './agents.ts'
import type { Task, TaskFile } from './programs/ingest-process.ts'

const program = fileURLToPath(new URL('programs/ingest-process.ts', import.meta.url))
const agentIds = ['a', 'b', 'c']
/** Of acknowledged batches, how many each round sends once more. */
const again = 5

/** Lets it acknowledge so many batches, and kills it: what it said, by agent. */
const killOnce = async (task: Task, acknowledged: number): Promise<Map<string, number[]>> => {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text
    if (said.split('\n').length > acknowledged) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  if (child.signalCode !== 'SIGKILL') throw new Error(`it ended by itself with ${child.exitCode}`)
  const lines = said
    .split('\n')
    .slice(0, -1)
    .map(line => line.split(' ') as [string, string])
  return new Map(agentIds.map(id => [id, lines.filter(([agent]) => agent === id).map(([, sequence]) => Number(sequence))]))
}

export type KillCount = { kills: number; acknowledged: number; missing: number; doubled: number }

/** `missing`: acknowledged batches that are not known as received, and received ones that are not in the history. `doubled`: batches in the history beyond those. */
export const killRounds = async (options: StoreOptions, kills: number, random: () => number): Promise<KillCount> => {
  const acknowledged = new Map(agentIds.map(id => [id, new Set<number>()]))
  mkdirSync(options.directory, { recursive: true })
  const file = join(options.directory, 'batches.json')
  writeFileSync(
    file,
    JSON.stringify({ assigned, bodies: windows.map(({ body }) => Buffer.from(body).toString('base64')) } satisfies TaskFile),
  )
  for (let round = 0; round < kills; round++) {
    const agents = agentIds.map(id => ({ id, next: Math.max(0, Math.max(-1, ...acknowledged.get(id)!) - again) }))
    // Minutes that are closed all the time, and minutes that stay open, so that there is much to be read again.
    const times = { graceMs: round % 3 === 0 ? 3_600_000 : 0, showMs: 20 + Math.floor(random() * 200) }
    const task = { ...(options.url && { url: options.url.reveal() }), directory: options.directory, agents, file, ...times }
    for (const [id, numbers] of await killOnce(task, 1 + Math.floor(random() * 60)))
      for (const number of numbers) acknowledged.get(id)!.add(number)
  }
  return { kills, ...(await countAll(options, acknowledged)) }
}

const countAll = async (
  options: StoreOptions,
  acknowledged: ReadonlyMap<string, ReadonlySet<number>>,
): Promise<Omit<KillCount, 'kills'>> => {
  const store = await openStore(options)
  const ingest = startIngestWorker({ store: options, times: { graceMs: 0, showMs: 100 }, random: Math.random, newId: randomUUID })
  await ingest.ready
  await until(async () => (await store.read(countBatches)).batches === 0)
  const runs = await runsOf(store)
  const received = new Map((await store.read(listReceived)).map(({ agentId, ranges }) => [agentId, ranges]))
  await ingest.close()
  await store.close()
  const count = { acknowledged: 0, missing: 0, doubled: 0 }
  for (const [id, numbers] of acknowledged) {
    const ranges = received.get(id)!
    const batches = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    const counted = (runs.get(id) ?? 0) / runsPerBatch
    count.acknowledged += numbers.size
    count.missing += [...numbers].filter(number => !ranges.some(({ first, last }) => first <= number && number <= last)).length
    count.missing += Math.max(0, batches - counted)
    count.doubled += Math.max(0, counted - batches)
  }
  return count
}
