/** What the batches that an endpoint took say, added up. */
import type { Batch } from './otlp-sink.ts'

type Wanted = Record<string, string | number>

const isOf = (attributes: Record<string, unknown>, wanted: Wanted): boolean =>
  Object.entries(wanted).every(([name, value]) => attributes[name] === value)

/** All points of a sum, added up; `wanted` attributes are with the prefix. */
export const sumOf = (batches: readonly Batch[], name: string, wanted: Wanted = {}): number =>
  batches
    .flatMap(({ points }) => points)
    .filter(point => point.name === name && point.form === 'sum' && isOf(point.attributes, wanted))
    .reduce((sum, { value }) => sum + Number(value), 0)

/** Runs by `outcome` or `outcome/reason`, of a check or of all. */
export const runsOf = (batches: readonly Batch[], check?: string): Record<string, number> => {
  const runs: Record<string, number> = {}
  for (const { name, attributes, value } of batches.flatMap(({ points }) => points)) {
    if (name !== 'causeway.probe.runs' || (check !== undefined && attributes['causeway.check'] !== check)) continue
    const key = [attributes['causeway.outcome'], attributes['error.type']].filter(part => part !== undefined).join('/')
    runs[key] = (runs[key] ?? 0) + Number(value)
  }
  return runs
}

/** Values of a gauge, in order. */
export const valuesOf = (batches: readonly Batch[], name: string, wanted: Wanted = {}): number[] =>
  batches
    .flatMap(({ points }) => points)
    .filter(point => point.name === name && isOf(point.attributes, wanted))
    .map(({ value }) => Number(value))

export const logsOf = (batches: readonly Batch[]): Batch['logs'] => batches.flatMap(({ logs }) => logs)

/** What is not once, and only once, among the sequence numbers of each boot, from 1 on. */
export const gapsOf = (batches: readonly Batch[]): string[] =>
  [...Map.groupBy(batches, ({ boot }) => boot)].flatMap(([boot, some]) => {
    const seen = some.map(({ sequence }) => sequence)
    const last = Math.max(...seen)
    const missing = Array.from({ length: last }, (_, i) => i + 1).filter(n => !seen.includes(n))
    const twice = seen.filter((n, i) => seen.indexOf(n) !== i)
    return [...missing.map(n => `${boot} ${n} is missing`), ...twice.map(n => `${boot} ${n} came twice`)]
  })

/** From when to when the windows were in which a check ran, in order, in ms. */
export const windowsOf = (batches: readonly Batch[], check: string): { startMs: number; endMs: number; runs: number }[] => {
  const windows = new Map<string, { startMs: number; endMs: number; runs: number }>()
  for (const { name, attributes, startNs, endNs, value } of batches.flatMap(({ points }) => points)) {
    if (name !== 'causeway.probe.runs' || attributes['causeway.check'] !== check) continue
    const window = windows.get(startNs) ?? {
      startMs: Number(BigInt(startNs) / 1_000_000n),
      endMs: Number(BigInt(endNs) / 1_000_000n),
      runs: 0,
    }
    window.runs += Number(value)
    windows.set(startNs, window)
  }
  return [...windows.values()].sort((a, b) => a.startMs - b.startMs)
}
