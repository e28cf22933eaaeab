/**
 * A window of runs on its way from a result to OTLP: CPU per run kept and memory per path, against the OpenTelemetry SDK's own instruments; then bytes per
 * record, points per second, the merge of a full spool, and the page for Prometheus.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuOfRun } from './cpu-of.ts'
import { machine } from './machine.ts'
import { compare, measurePaired, median } from './paired.ts'
import { report } from './report.ts'

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url))
const options = {
  paths: { type: 'string', default: '10000' },
  runs: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '5' },
} as const

type Otlp = { points: number; us: number; bytesPerPoint: number; gzippedLastRequest: number }
type Ours = {
  recordUs: number
  heapBytes: number
  bufferBytes: number
  rssBytes: number
  packUs: number
  records: number
  bytes: number
  gzipped: number
  series: number
  protobuf: Otlp
  json: Otlp
  mergeUs: number
  page: { us: number; bytes: number; parts: number }
}
type Sdk = { recordUs: number; heapBytes: number; rssBytes: number }

const counted =
  'Both sides keep the same runs, half ICMP and half TCP, each in a process of its own. A window is closed every ten seconds, so `coreShare` is all CPU of one window by ten seconds.'

await report(async () => {
  const { values } = parseArgs({ options })
  const [paths, runs, rounds] = [Number(values.paths), Number(values.runs), Number(values.rounds)]
  const run = <T>(name: string): T => JSON.parse(cpuOfRun([process.execPath, program(name), JSON.stringify({ paths, runs })]).stdout) as T
  const [ours, sdks]: [Ours[], Sdk[]] = [[], []]
  const nsPerRun = (us: number): number => (us * 1000) / (paths * runs)
  const { causeway, sdk } = await measurePaired(rounds, {
    causeway: () => {
      ours.push(run<Ours>('windows-ours.ts'))
      return nsPerRun(ours.at(-1)!.recordUs)
    },
    sdk: () => {
      sdks.push(run<Sdk>('windows-sdk.ts'))
      return nsPerRun(sdks.at(-1)!.recordUs)
    },
  })
  const of = (pick: (one: Ours) => number): number => Number(median(ours.map(pick)).toPrecision(4))
  const peer = "OpenTelemetry SDK's instruments, exponential histograms, delta"
  const perPath = (bytes: number): number => bytes / paths
  const comparisons = [
    compare({ what: 'one run kept', unit: 'ns CPU', peer, bar: 0.5 }, causeway, sdk),
    compare(
      { what: 'memory of a path: heap and typed arrays', unit: 'bytes', peer, bar: 0.25 },
      ours.map(one => perPath(one.heapBytes + one.bufferBytes)),
      sdks.map(one => perPath(one.heapBytes)),
    ),
  ]
  const otlp = (pick: (one: Ours) => Otlp) => ({
    pointsPerSecond: Math.round(of(one => pick(one).points / (pick(one).us / 1e6))),
    bytesPerPoint: of(one => pick(one).bytesPerPoint),
    bytesOfLastRequestGzipped: of(one => pick(one).gzippedLastRequest),
  })
  const figures = {
    heapBytesPerPath: of(one => perPath(one.heapBytes)),
    typedArrayBytesPerPath: of(one => perPath(one.bufferBytes)),
    rssBytesPerPath: of(one => perPath(one.rssBytes)),
    closeAndPackUsPerPath: of(one => one.packUs / paths),
    recordBytesPerPath: of(one => perPath(one.bytes)),
    recordBytesPerSeries: of(one => one.bytes / one.series),
    bytesPerRecord: of(one => one.bytes / one.records),
    bytesPerRecordGzipped: of(one => one.gzipped / one.records),
    mergeSixUsPerPath: of(one => one.mergeUs / paths),
    otlpProtobuf: otlp(one => one.protobuf),
    otlpJson: otlp(one => one.json),
    page: {
      usPerPath: of(one => one.page.us / paths),
      bytesPerPath: of(one => perPath(one.page.bytes)),
      cpuMsPerPart: of(one => one.page.us / 1000 / one.page.parts),
    },
    coreShare: of(one => (one.recordUs + one.packUs + one.protobuf.us) / 10e6),
  }
  return { bench: 'windows', machine: machine(), counted, paths, runs, comparisons, figures, pass: comparisons.every(({ pass }) => pass) }
})
