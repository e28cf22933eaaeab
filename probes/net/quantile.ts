import type { RttMs } from '../../wire/measured.ts'

/** The q-quantile of sorted values, by linear interpolation between the closest ranks (the definition of NumPy's default, "type 7"). */
export const quantile = (sorted: ArrayLike<number>, q: number): number => {
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const a = sorted[low]!
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!
  return a + (b - a) * (at - low)
}

const rounded = (v: number): number => Math.round(v * 1e4) / 1e4

/** Most runs of an agent send one echo. */
const summariseOne = (value: number): RttMs => {
  const one = rounded(value)
  return { min: one, p50: one, p95: one, p99: one, max: one, stddev: 0 }
}

/** Order statistics and standard deviation (of the population) of RTTs in ms; null for none. */
export const summarise = (values: ArrayLike<number>): RttMs | null => {
  if (values.length === 0) return null
  if (values.length === 1) return summariseOne(values[0]!)
  const sorted = new Float64Array(values).sort()
  let sum = 0
  for (let i = 0; i < sorted.length; i++) sum += sorted[i]!
  const mean = sum / sorted.length
  let squares = 0
  for (let i = 0; i < sorted.length; i++) squares += (sorted[i]! - mean) ** 2
  const variance = squares / sorted.length
  return {
    min: rounded(sorted[0]!),
    p50: rounded(quantile(sorted, 0.5)),
    p95: rounded(quantile(sorted, 0.95)),
    p99: rounded(quantile(sorted, 0.99)),
    max: rounded(sorted.at(-1)!),
    stddev: rounded(Math.sqrt(variance)),
  }
}
