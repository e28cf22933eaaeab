/** A process with the worker of ingest, to which each agent sends a window every ten seconds, spread over them. Prints what it cost. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultIngestLimits } from '../../../controller/ingest/ingest.ts'
import { startIngestWorker } from '../../../controller/ingest/start.ts'
import { openStore } from '../../../controller/store/open.ts'
import { Secret } from '../../../wire/secret.ts'

export type LoadTask = {
  store: { directory: string; url?: string }
  agents: number
  /** When the first window begins. */
  startMs: number
  bodies: { body: string; points: number }[]
}
export type LoadResult = {
  points: number
  pointsPerSecond: number
  refused: number
  lagMs: { p50: number; p99: number; max: number }
  /** CPU of the whole process per second. */
  cores: number
  peakRssMb: number
  historyBytes: number
}

const windowMs = 10_000
const { store: place, agents, startMs, bodies } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as LoadTask
mkdirSync(place.directory, { recursive: true })
const options = { directory: place.directory, ...(place.url !== undefined && { url: new Secret(place.url) }) }
const store = await openStore(options)
const ingest = startIngestWorker({
  store: options,
  limits: defaultIngestLimits,
  random: Math.random,
  newId: randomUUID,
  onTrouble: why => process.stderr.write(`${why.stack}\n`),
})
await ingest.ready
const assigned = ['icmp', 'tcp'].map((kind, odd) => ({
  check: `mesh-${kind}`,
  targets: Array.from({ length: 100 }, (_, k) => `payments-${2 * k + odd}`),
}))
await Promise.all(Array.from({ length: agents }, (_, k) => ingest.setPaths(`agent-${k}`, assigned, Date.now())))

const batches = bodies.map(({ body, points }) => ({ body: new Uint8Array(Buffer.from(body, 'base64')), points }))
const total = { points: 0, refused: 0 }
const lags: number[] = []
const send = async (agent: number, sequence: number): Promise<void> => {
  const { body, points } = batches[sequence]!
  const startedMs = performance.now()
  const id = { agent: `agent-${agent}`, boot: 'b', sequence }
  for (;;) {
    const answer = await ingest.receive({ id, signal: 'metrics', encoding: 'protobuf', isGzip: true, body })
    if (answer.kind === 'taken' && answer.rejected > 0) throw new Error(answer.message)
    if (answer.kind === 'taken') break
    if (answer.status !== 503) throw new Error(answer.message)
    total.refused++
    await sleep(1000 * (answer.retryAfterS ?? 1))
  }
  lags.push(performance.now() - startedMs)
  total.points += points
}

let peakRss = 0
// A window is sent once it is over.
await sleep(Math.max(0, startMs + windowMs - Date.now()))
const [cpu, begunMs] = [process.cpuUsage(), performance.now()]
const sending = new Set<Promise<void>>()
for (let sequence = 0; sequence < batches.length; sequence++)
  for (let agent = 0; agent < agents; agent++) {
    const dueMs = begunMs + (sequence + agent / agents) * windowMs
    const waitMs = dueMs - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    const one = send(agent, sequence).finally(() => sending.delete(one))
    sending.add(one)
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
  }
await Promise.all(sending)
const { user, system } = process.cpuUsage(cpu)
const wallMs = performance.now() - begunMs
await ingest.close()
const historyBytes = await store.sizeBytes()
await store.close()
lags.sort((a, b) => a - b)
const at = (q: number): number => Math.round(lags[Math.min(lags.length - 1, Math.floor(q * lags.length))]!)
process.stdout.write(
  JSON.stringify({
    points: total.points,
    pointsPerSecond: Math.round(total.points / (wallMs / 1000)),
    refused: total.refused,
    lagMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    cores: Number(((user + system) / 1000 / wallMs).toFixed(2)),
    peakRssMb: Math.round(peakRss / 2 ** 20),
    historyBytes,
  } satisfies LoadResult),
)
