/** What is usual for a path: its times in the same hours of the days before. */
import type { Histogram } from '../../wire/histogram.ts'
import { quantileOf } from '../../wire/histogram.ts'
import { CellSum } from './aggregate.ts'
import { isSelf, labelsKey, type PathLabels } from './labels.ts'
import { type ReadParts, readAggregates } from './read.ts'

/** Seconds. `of`: the same hours of up to seven days, or all of the last 24 hours while those are too few. */
export type Baseline = { readonly of: 'same_hours' | 'day'; readonly samples: number; readonly p50: number; readonly p95: number }
export type PathBaseline = { readonly labels: PathLabels; readonly rtt?: Baseline; readonly duration?: Baseline }
export type Time = { readonly fromMs: number; readonly toMs: number }

/** Fewer say nothing of a 95th percentile. */
export const leastSamples = 300
const days = 7
const [hourMs, dayMs] = [3_600_000, 86_400_000]

/** This hour and its neighbours, on each of the seven days before. */
export const sameHours = (nowMs: number): Time[] => {
  const hour = Math.floor(nowMs / hourMs) * hourMs
  return Array.from({ length: days }, (_, k) => {
    const fromMs = hour - (days - k) * dayMs - hourMs
    return { fromMs, toMs: fromMs + 3 * hourMs }
  })
}

/** Undefined while there are too few samples of either. */
export const baselineOf = (hours: Histogram | undefined, day: Histogram | undefined): Baseline | undefined => {
  const enough = ([of, histogram]: readonly [Baseline['of'], Histogram | undefined]): Baseline[] =>
    histogram && histogram.count >= leastSamples
      ? [{ of, samples: histogram.count, p50: quantileOf(histogram, 0.5)!, p95: quantileOf(histogram, 0.95)! }]
      : []
  return [...enough(['same_hours', hours]), ...enough(['day', day])][0]
}

/** Without the hours that overlap with one of `except`: times of incidents. */
const without = (times: readonly Time[], except: readonly Time[]): Time[] =>
  times
    .flatMap(({ fromMs, toMs }) =>
      Array.from({ length: Math.ceil((toMs - fromMs) / hourMs) }, (_, k) => ({
        fromMs: fromMs + k * hourMs,
        toMs: Math.min(toMs, fromMs + (k + 1) * hourMs),
      })),
    )
    .filter(time => !except.some(other => other.fromMs < time.toMs && time.fromMs < other.toMs))

/** Of all paths of an agent that have one. */
export const readBaselines = async (parts: ReadParts, agent: string, except: readonly Time[] = []): Promise<PathBaseline[]> => {
  const read = (times: readonly Time[]) => readTimes(parts, agent, without(times, except))
  const hours = await read(sameHours(parts.nowMs))
  const day = await read([{ fromMs: parts.nowMs - dayMs, toMs: parts.nowMs }])
  const baselines: PathBaseline[] = []
  for (const [key, labels] of new Map([...hours.labels, ...day.labels])) {
    const of = (name: 'rtt' | 'duration') => baselineOf(hours.timesOf(key, name), day.timesOf(key, name))
    const [rtt, duration] = [of('rtt'), of('duration')]
    if (rtt || duration) baselines.push({ labels, ...(rtt && { rtt }), ...(duration && { duration }) })
  }
  return baselines
}

const readTimes = async (parts: ReadParts, agent: string, times: readonly Time[]) => {
  const labels = new Map<string, PathLabels>()
  const sums = new Map<string, CellSum>()
  for (const time of times)
    await readAggregates(parts, { ...time, agent }, (_, { paths }) => {
      for (const one of paths) {
        if (isSelf(one.labels)) continue
        const key = labelsKey(one.labels)
        labels.set(key, one.labels)
        const sum = sums.get(key) ?? new CellSum()
        sums.set(key, sum)
        sum.add(one.cells.filter(({ column }) => column.form === 'times' && (column.key === 'rtt' || column.key === 'duration')))
      }
    })
  const timesOf = (key: string, name: string): Histogram | undefined =>
    sums.get(key)?.cells.find(({ column }) => column.key === name)?.value as Histogram | undefined
  return { labels, timesOf }
}
