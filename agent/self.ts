import type { SelfMeasure, selfMeasures } from '../wire/metrics.ts'
import { type Point, Table } from './table.ts'
import { Totals } from './totals.ts'

type KeyOf<F> = { [K in SelfMeasure]: (typeof selfMeasures)[K]['form'] extends F ? K : never }[SelfMeasure]

/** What the agent counts of itself. Everything that runs in it writes here; windows and the page for Prometheus read it. */
export type Self = {
  /** `first` and `second` are the values of the attributes that the measure has. */
  add(key: KeyOf<'sum'>, n: number, first?: string, second?: string): void
  set(key: KeyOf<'gauge'>, value: number): void
  /** A duration in ms. */
  sample(key: KeyOf<'times'>, ms: number): void
  /** What there was since the last call: the agent's part of a window. */
  take(): Point[]
  readonly totals: Totals
}

const onlyRow = 0

export const createSelf = (): Self => {
  const table = new Table(1)
  const totals = new Totals(1)
  return {
    add: (key, n, first, second) => table.add(onlyRow, key, n, first, second),
    set: (key, value) => table.set(onlyRow, key, value),
    sample: (key, ms) => table.sample(onlyRow, key, ms),
    take: () => {
      const points = table.points(onlyRow)
      totals.take(onlyRow, points)
      table.clear()
      return points
    },
    totals,
  }
}
