/** How fast an error budget goes: several windows at once (Google SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts"). Pure. */
import { bad, good, unknown } from './series.ts'

export type Runs = { readonly ok: number; readonly fail: number }
/** Of the last 5 and 30 minutes and 1 and 6 hours. */
export type BurnWindows = { readonly m5: Runs; readonly m30: Runs; readonly h1: Runs; readonly h6: Runs }

/** One run in thirty of five minutes is 3.3 %, or 33 times too fast at 99.9 %: fewer failures than this burn nothing. */
const leastFailures = 3
const fast = { short: 'm5', long: 'h1', rate: 14.4 } as const
const slow = { short: 'm30', long: 'h6', rate: 6 } as const

/** 1: the budget is used up exactly at its end. */
export const burnRate = ({ ok, fail }: Runs, availabilityPercent: number): number | undefined =>
  ok + fail === 0 ? undefined : fail / (ok + fail) / (1 - availabilityPercent / 100)

/** The rate is the faster of the two long windows. */
export const judgeBurn = (windows: BurnWindows, availabilityPercent: number): { verdict: number; rate: number } => {
  const of = (name: keyof BurnWindows): number => burnRate(windows[name], availabilityPercent) ?? 0
  const total = windows.h6.ok + windows.h6.fail
  if (total === 0) return { verdict: unknown, rate: 0 }
  const burns = [fast, slow].some(({ short, long, rate }) => windows[short].fail >= leastFailures && of(short) >= rate && of(long) >= rate)
  return { verdict: burns ? bad : good, rate: Math.max(of('h1'), of('h6')) }
}

/** `told`: the path is bad by itself, and its failures are no second page; `open`: it may become that. */
export type Attribution = 'told' | 'open' | 'counts'
type Waiting = { minute: number; path: number; fail: number }

/** Runs by minute, for six hours. Failures count once it is known that no incident of their path tells them. */
export class BurnCounts {
  readonly #minutes = new Map<number, Runs>()
  #waiting: Waiting[] = []

  /** Of the history: what was told is left out there. */
  seed(minute: number, ok: number, fail: number): void {
    const one = this.#minutes.get(minute) ?? { ok: 0, fail: 0 }
    this.#minutes.set(minute, { ok: one.ok + ok, fail: one.fail + fail })
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
    const all = { m5: { ok: 0, fail: 0 }, m30: { ok: 0, fail: 0 }, h1: { ok: 0, fail: 0 }, h6: { ok: 0, fail: 0 } }
    for (const [at, { ok, fail }] of this.#minutes) {
      const ago = minute - at
      if (ago >= 360) this.#minutes.delete(at)
      for (const [name, span] of [
        ['m5', 5],
        ['m30', 30],
        ['h1', 60],
        ['h6', 360],
      ] as const)
        if (ago < span) {
          all[name].ok += ok
          all[name].fail += fail
        }
    }
    return all
  }
}
