/**
 * A controller that takes batches of its agents, several at a time, each as soon as the one before was answered, and says each on a line once it is acknowledged. Ends
 * when it is killed. Its argument is what to do, as JSON.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeSync } from 'node:fs'
import { startIngestWorker } from '../../../../controller/ingest/start.ts'
import type { AssignedPaths } from '../../../../controller/store/assigned.ts'
import { openStore } from '../../../../controller/store/open.ts'
import { Secret } from '../../../../wire/secret.ts'

export type Task = {
  url?: string
  directory: string
  agents: { id: string; next: number }[]
  graceMs: number
  showMs: number
  /** Of the paths of agents, and the bodies of their batches, in base64. */
  file: string
}
export type TaskFile = { assigned: AssignedPaths; bodies: string[] }

const { url, directory, agents, graceMs, showMs, file } = JSON.parse(process.argv[2]!) as Task
const { assigned, bodies } = JSON.parse(readFileSync(file, 'utf8')) as TaskFile
const batches = bodies.map(body => new Uint8Array(Buffer.from(body, 'base64')))
const options = { directory, ...(url !== undefined && { url: new Secret(url) }) }
await openStore(options)
const ingest = startIngestWorker({ store: options, times: { graceMs, showMs }, random: Math.random, newId: randomUUID })
await ingest.ready
const send = async ({ id, next }: Task['agents'][number]): Promise<void> => {
  await ingest.setPaths(id, assigned, Date.now())
  for (let sequence = next; ; sequence++) {
    const answer = await ingest.receive({
      id: { agent: id, boot: 'boot-1', sequence },
      signal: 'metrics',
      encoding: 'protobuf',
      isGzip: true,
      body: batches[sequence % batches.length]!,
    })
    if (answer.kind !== 'taken' || answer.rejected > 0) throw new Error(JSON.stringify(answer))
    writeSync(1, `${id} ${sequence}\n`)
  }
}
await Promise.all(agents.map(send))
