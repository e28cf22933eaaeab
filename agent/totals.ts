import { Cells, Columns, type Series } from './columns.ts'
import type { Point } from './table.ts'

/** Count and sum of all durations so far, and the quantiles of the last window: NaN when it had none. Seconds. */
export type TimesTotal = { readonly count: number; readonly sum: number; readonly quantiles: readonly number[] }
export type Total = number | TimesTotal

const quantileCount = 3

class TimesTotals {
  readonly count: Cells
  readonly sum: Cells
  readonly quantiles: readonly Cells[]

  constructor(rows: number) {
    this.count = new Cells(rows)
    this.sum = new Cells(rows)
    this.quantiles = Array.from({ length: quantileCount }, () => new Cells(rows))
  }

  get parts(): Cells[] {
    return [this.count, this.sum, ...this.quantiles]
  }
}

/** What every path has added up to since it is measured: counts and sums over all windows, and the last gauges. Typed arrays, as `Table`. */
export class Totals {
  #rows: number
  readonly #sums = new Columns(() => new Cells(this.#rows))
  readonly #gauges = new Columns(() => new Cells(this.#rows))
  readonly #times = new Columns(() => new TimesTotals(this.#rows))

  constructor(rows: number) {
    this.#rows = rows
  }

  /** Adds a window of a row. Quantiles are the last window's only, so that a path which answers no more has none. */
  take(row: number, points: readonly Point[]): void {
    for (const { cells } of this.#times.all) for (const { values } of cells.quantiles) values[row] = Number.NaN
    for (const { series, value } of points) {
      const [first = '', second = ''] = series.variant
      if (typeof value !== 'number') {
        const { count, sum, quantiles } = this.#times.cells(series.key, first, second)
        count.values[row] = (count.values[row]! || 0) + value.histogram.count
        sum.values[row] = (sum.values[row]! || 0) + value.histogram.sum
        quantiles.forEach((cells, place) => {
          cells.values[row] = value.quantiles[place]!
        })
      } else if (series.form === 'sum') {
        const { values } = this.#sums.cells(series.key, first, second)
        values[row] = (values[row]! || 0) + value
      } else this.#gauges.cells(series.key, first, second).values[row] = value
    }
  }

  /** The series that there are for any row. */
  get series(): Series[] {
    return [...this.#sums.all, ...this.#gauges.all, ...this.#times.all].map(({ series }) => series)
  }

  /** What a row has of a series; undefined for nothing. */
  read(row: number, { key, form, variant: [first = '', second = ''] }: Series): Total | undefined {
    if (form === 'times') {
      const { count, sum, quantiles } = this.#times.cells(key, first, second)
      if (Number.isNaN(count.values[row])) return undefined
      return { count: count.values[row]!, sum: sum.values[row]!, quantiles: quantiles.map(({ values }) => values[row]!) }
    }
    const value = (form === 'sum' ? this.#sums : this.#gauges).cells(key, first, second).values[row]!
    return Number.isNaN(value) ? undefined : value
  }

  /** A row that another path will have. */
  forget(row: number): void {
    for (const cells of this.#parts()) cells.values[row] = Number.NaN
  }

  grow(rows: number): void {
    if (rows <= this.#rows) return
    this.#rows = rows
    for (const cells of this.#parts()) cells.grow(rows)
  }

  *#parts(): Generator<Cells> {
    for (const { cells } of this.#sums.all) yield cells
    for (const { cells } of this.#gauges.all) yield cells
    for (const { cells } of this.#times.all) yield* cells.parts
  }
}
