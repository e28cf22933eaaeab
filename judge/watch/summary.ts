/** What a watch comes to in the end. Pure. */
import { type Histogram, quantileOf } from '../../wire/histogram.ts'
import { plural } from '../../wire/plural.ts'
import type { WatchDocument } from '../../wire/watch.ts'
import type { Totals } from './watch.ts'

export type WatchFacts = Pick<WatchDocument, 'startedAt' | 'target' | 'kind' | 'intervalMs' | 'durationMs' | 'objectiveMs' | 'overflow'> & {
  latenessMs: Histogram
}

export const summarise = (totals: Totals, { latenessMs, ...facts }: WatchFacts): WatchDocument => ({
  schema: 'causeway.watch/1',
  ...facts,
  durationMs: round(facts.durationMs),
  ...verdictOf(totals, facts.objectiveMs),
  ...{ sent: totals.sent, received: totals.received, lost: totals.lost, late: totals.late, duplicates: totals.duplicates },
  rttMs:
    totals.rtt.count === 0
      ? null
      : { min: round(totals.rtt.min), ...quantiles(totals.rtt), p95: round(quantileOf(totals.rtt, 0.95)!), max: round(totals.rtt.max) },
  ...{ ttl: totals.ttl, mtu: totals.look.mtu ?? null, route: totals.look.route?.hops ?? null },
  ...{ downMs: round(totals.downMs), longestMs: round(totals.longestMs) },
  ...{ outageCount: totals.outageCount, outages: totals.outages.map(roundAll) },
  ...{ stepCount: totals.stepCount, steps: totals.steps.map(roundAll), blindMs: round(totals.blindMs) },
  latenessMs: latenessMs.count === 0 ? null : { ...quantiles(latenessMs), max: round(latenessMs.max) },
})

const quantiles = (h: Histogram) => ({ p50: round(quantileOf(h, 0.5)!), p99: round(quantileOf(h, 0.99)!) })

const verdictOf = (totals: Totals, objectiveMs: number | undefined): Pick<WatchDocument, 'verdict' | 'detail'> => {
  if (totals.sent === 0) return { verdict: 'unmeasured', detail: 'nothing was sent' }
  if (totals.received === 0)
    return {
      verdict: 'fail',
      detail: `no answer to any of ${totals.sent} probes${totals.current?.error ? `: ${totals.current.error}` : ''}`,
    }
  const longest = sayLength(totals.longestMs)
  if (objectiveMs !== undefined && totals.longestMs > objectiveMs)
    return { verdict: 'fail', detail: `the longest outage took ${longest}, at most ${sayLength(objectiveMs)} was wanted` }
  if (totals.current) return { verdict: 'fail', detail: `the path is down, for ${sayLength(totals.current.lengthMs)} by now` }
  if (totals.outageCount === 0) return { verdict: 'ok', detail: 'no outage' }
  return {
    verdict: 'ok',
    detail: `${plural(totals.outageCount, 'outage')}, the longest ${longest}${objectiveMs === undefined ? '' : `, within the objective of ${sayLength(objectiveMs)}`}`,
  }
}

/** To the ms up to a minute, as people say it beyond: `1.532 s`, `2 m 05 s`. */
export const sayLength = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(3).replace(/\.?0+$/, '')} s`
  const seconds = Math.round(ms / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours} h ${String(minutes).padStart(2, '0')} m` : `${minutes} m ${String(seconds % 60).padStart(2, '0')} s`
}

/** Thousandths of a ms are enough of anything. */
const round = (ms: number): number => Math.round(ms * 1000) / 1000

/** Every number in what is told of an outage, a step or a second. */
export const roundAll = <T extends object>(value: T): T =>
  Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      typeof one === 'number' ? round(one) : one !== null && typeof one === 'object' ? roundAll(one) : one,
    ]),
  ) as T
