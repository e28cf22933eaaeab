/** How fast an error budget goes: several windows at once (Google SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts"). Pure. */
import { bad, good, unknown } from './series.ts'

export type Runs = { readonly ok: number; readonly fail: number }
/** Of the last 5 and 30 minutes, 1 and 6 hours and 3 days. `hours`: how many of the hours of those days anything is known of. */
export type BurnWindows = {
  readonly m5: Runs
  readonly m30: Runs
  readonly h1: Runs
  readonly h6: Runs
  readonly d3: Runs
  readonly hours: number
}

/** One run in thirty of five minutes is 3.3 %, or 33 times too fast at 99.9 %: fewer failures than this burn nothing. */
const leastFailures = 3
const fast = { short: 'm5', long: 'h1', rate: 14.4 } as const
const slow = { short: 'm30', long: 'h6', rate: 6 } as const
/** As fast as the budget lasts a month exactly: a ticket, and no page. What is known of less than a day is no trend. */
const steady = { short: 'h6', long: 'd3', rate: 1, leastHours: 24 } as const

/** 1: the budget is used up exactly at its end. */
export const burnRate = ({ ok, fail }: Runs, availabilityPercent: number): number | undefined =>
  ok + fail === 0 ? undefined : fail / (ok + fail) / (1 - availabilityPercent / 100)

type Burn = { verdict: number; rate: number }

/** The budget goes as fast as it comes, for three days and still: it will be gone before the month is. */
export const judgeSlowBurn = (windows: BurnWindows, availabilityPercent: number): Burn => {
  const { short, long, rate, leastHours } = steady
  const burning = burnRate(windows[long], availabilityPercent)
  if (burning === undefined || windows.hours < leastHours) return { verdict: unknown, rate: burning ?? 0 }
  const still = burnRate(windows[short], availabilityPercent) ?? 0
  return { verdict: windows[short].fail >= leastFailures && still >= rate && burning >= rate ? bad : good, rate: burning }
}

/** The rate is the faster of the two long windows. */
export const judgeBurn = (windows: Omit<BurnWindows, 'd3' | 'hours'>, availabilityPercent: number): Burn => {
  const of = (name: keyof typeof windows): number => burnRate(windows[name], availabilityPercent) ?? 0
  const total = windows.h6.ok + windows.h6.fail
  if (total === 0) return { verdict: unknown, rate: 0 }
  const burns = [fast, slow].some(({ short, long, rate }) => windows[short].fail >= leastFailures && of(short) >= rate && of(long) >= rate)
  return { verdict: burns ? bad : good, rate: Math.max(of('h1'), of('h6')) }
}

/** `told`: the path is bad by itself, and its failures are no second page; `open`: it may become that. */
export type Attribution = 'told' | 'open' | 'counts'
type Waiting = { minute: number; path: number; fail: number }

const [hourMinutes, keptHours] = [60, 72] as const
const spans = { m5: 5, m30: 30, h1: hourMinutes, h6: 6 * hourMinutes } as const

const add = (runs: Map<number, Runs>, when: number, ok: number, fail: number): void => {
  const one = runs.get(when)
  runs.set(when, { ok: (one?.ok ?? 0) + ok, fail: (one?.fail ?? 0) + fail })
}

const sumOf = (runs: ReadonlyMap<number, Runs>, isIn: (when: number) => boolean): Runs => {
  const sum = { ok: 0, fail: 0 }
  for (const [when, { ok, fail }] of runs) {
    if (!isIn(when)) continue
    sum.ok += ok
    sum.fail += fail
  }
  return sum
}

/** Runs by minute, for six hours, and by hour, for three days. Failures count once it is known that no incident of their path tells them. */
export class BurnCounts {
  readonly #minutes = new Map<number, Runs>()
  readonly #hours = new Map<number, Runs>()
  #waiting: Waiting[] = []

  /** Of the history: what was told is left out there. */
  seed(minute: number, ok: number, fail: number): void {
    add(this.#minutes, minute, ok, fail)
    this.seedHour(Math.floor(minute / hourMinutes), ok, fail)
  }
  /** Of a whole hour, counted since 1970 as minutes are, whose minutes are not asked for any more. */
  seedHour(hour: number, ok: number, fail: number): void {
    add(this.#hours, hour, ok, fail)
  }

  add(minute: number, path: number, ok: number, fail: number): void {
    if (ok > 0) this.seed(minute, ok, 0)
    if (fail > 0) this.#waiting.push({ minute, path, fail })
  }

  /** Before the windows are asked for. `attribute` is asked with the minute of the failure. */
  settle(attribute: (path: number, minute: number) => Attribution): void {
    this.#waiting = this.#waiting.filter(({ minute, path, fail }) => {
      const decided = attribute(path, minute)
      if (decided === 'counts') this.seed(minute, 0, fail)
      return decided === 'open'
    })
  }

  windows(minute: number): BurnWindows {
    const hour = Math.floor(minute / hourMinutes)
    for (const at of this.#minutes.keys()) if (minute - at >= spans.h6) this.#minutes.delete(at)
    for (const at of this.#hours.keys()) if (hour - at >= keptHours) this.#hours.delete(at)
    const of = (span: number): Runs => sumOf(this.#minutes, at => minute - at < span)
    return {
      ...{ m5: of(spans.m5), m30: of(spans.m30), h1: of(spans.h1), h6: of(spans.h6) },
      ...{ d3: sumOf(this.#hours, () => true), hours: this.#hours.size },
    }
  }
}
