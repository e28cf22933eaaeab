/** One window of runs in our own tables, then what becomes of it. Prints one line of JSON. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { renderPage } from '../../../agent/metrics-page.ts'
import { buildResource, encodeRecord } from '../../../agent/otlp.ts'
import { packRecord, unpackRecord } from '../../../agent/record.ts'
import { mergeWindowRecords } from '../../../agent/record-merge.ts'
import { createSelf } from '../../../agent/self.ts'
import { Windows } from '../../../agent/window.ts'
import type { AnyResult } from '../../../wire/result.ts'
import { connect, echoes, handClock, pathOf, source } from '../../agent/paths.ts'

const { paths: count, runs } = JSON.parse(process.argv[2]!) as { paths: number; runs: number }
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const memory = (): { heap: number; buffers: number; rss: number } => {
  gc()
  gc()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers, rss }
}
const cpuUsOf = async (work: () => unknown): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const paths = Array.from({ length: count }, (_, k) => pathOf(k % 2 === 0 ? 'icmp' : 'tcp', `payments-${k}`))
// Results are made before, so that only what is done with them is measured.
// Delays as different as real ones, so that they compress no better.
const results: AnyResult[] = Array.from({ length: 8192 }, (_, k) => {
  const rttMs = 20 + (k % 50) + ((k * 7919) % 10_007) / 3333
  const phasesMs = { total: rttMs + ((k * 104_729) % 1009) / 1009 }
  return k % 2 === 0 ? echoes([rttMs], 0, { phasesMs }) : connect(rttMs, { phasesMs: { connect: rttMs, ...phasesMs } })
})
const [clock, self] = [handClock(), createSelf()]
const empty = memory()
const windows = new Windows(paths, { clock, self, source })
const recordAll = (): void => {
  for (let run = 0; run < runs; run++)
    for (let index = 0; index < count; index++)
      windows.record(index, results[(index + 50 * run) % results.length]!, { key: paths[index]!.key, lateMs: 0.3 })
}
const pack = (): Uint8Array[] => {
  clock.pass(10_000)
  return Array.from(windows.close().records(), packRecord)
}
for (let round = 0; round < 3; round++) {
  recordAll()
  pack()
}
const recordUs = await cpuUsOf(recordAll)
const full = memory()
let payloads: Uint8Array[] = []
const packUs = await cpuUsOf(() => {
  payloads = pack()
})
const resource = buildResource({ 'service.name': 'causeway-agent', 'service.instance.id': 'agent-1', 'cloud.region': 'us-east-1' })
const otlp = async (encoding: 'protobuf' | 'json') => {
  let [points, bytes] = [0, 0]
  let last: Uint8Array = Buffer.of()
  const encodeAll = async (): Promise<void> => {
    ;[points, bytes] = [0, 0]
    for (const payload of payloads) {
      const encoded = await encodeRecord(payload, resource, encoding)
      points += encoded.points
      bytes += encoded.body.length
      last = encoded.body
    }
  }
  await encodeAll()
  const us = await cpuUsOf(encodeAll)
  return { points, us, bytesPerPoint: bytes / points, gzippedLastRequest: gzipSync(last, { level: 1 }).length }
}
const [protobuf, json] = [await otlp('protobuf'), await otlp('json')]
const mergeUs = await cpuUsOf(() => {
  for (const payload of payloads) mergeWindowRecords(Array.from({ length: 6 }, () => payload))
})
let [pageBytes, pageParts] = [0, 0]
const pageUs = await cpuUsOf(async () => {
  for await (const part of renderPage({ windows, self, source, details: false })) {
    pageBytes += part.length
    pageParts++
  }
})
const read = payloads.map(payload => unpackRecord(payload))
const series = read.reduce(
  (sum, one) => sum + (one.ok && one.value.type === 'window' ? one.value.paths.flatMap(({ points }) => points).length : 0),
  0,
)
const bytes = payloads.reduce((sum, { length }) => sum + length, 0)
process.stdout.write(
  `${JSON.stringify({
    recordUs,
    heapBytes: full.heap - empty.heap,
    bufferBytes: full.buffers - empty.buffers,
    rssBytes: full.rss - empty.rss,
    packUs,
    records: payloads.length,
    bytes,
    gzipped: payloads.reduce((sum, payload) => sum + gzipSync(payload, { level: 1 }).length, 0),
    series,
    protobuf,
    json,
    mergeUs,
    page: { us: pageUs, bytes: pageBytes, parts: pageParts },
  })}\n`,
)
