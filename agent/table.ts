import { Cells, Columns, type Series } from './columns.ts'
import { SamplePool, type Times, TimesCells } from './samples.ts'

/** What a series had to say in a window: a count, the last value, or durations. */
export type Point = { readonly series: Series; readonly value: number | Times }

/**
 * What is measured in one window, in typed arrays: a row per path, a column per series. Whatever the number of paths, the heap has only
 * the columns.
 */
export class Table {
  #rows: number
  readonly #pool = new SamplePool()
  readonly #sums = new Columns(() => new Cells(this.#rows))
  readonly #gauges = new Columns(() => new Cells(this.#rows))
  readonly #times = new Columns(() => new TimesCells(this.#rows, this.#pool))

  constructor(rows: number) {
    this.#rows = rows
  }

  add(row: number, key: string, n: number, first = '', second = ''): void {
    const { values } = this.#sums.cells(key, first, second)
    values[row] = (values[row]! || 0) + n
  }

  set(row: number, key: string, value: number, first = ''): void {
    this.#gauges.cells(key, first, '').values[row] = value
  }

  sample(row: number, key: string, ms: number, first = ''): void {
    this.#times.cells(key, first, '').push(row, ms)
  }

  sampleAll(row: number, key: string, samplesMs: ArrayLike<number>): void {
    const cells = this.#times.cells(key, '', '')
    for (let k = 0; k < samplesMs.length; k++) cells.push(row, samplesMs[k]!)
  }

  /** What a row has of a sum so far. */
  sumOf(row: number, key: string, first = '', second = ''): number {
    return this.#sums.cells(key, first, second).values[row]! || 0
  }

  /** All that a row has; what was never recorded is left out, a zero is not. */
  points(row: number): Point[] {
    const points: Point[] = []
    for (const columns of [this.#sums, this.#gauges])
      for (const { series, cells } of columns.all) {
        const value = cells.values[row]!
        if (!Number.isNaN(value)) points.push({ series, value })
      }
    for (const { series, cells } of this.#times.all) {
      const value = cells.read(row)
      if (value) points.push({ series, value })
    }
    return points
  }

  grow(rows: number): void {
    if (rows <= this.#rows) return
    this.#rows = rows
    for (const columns of [this.#sums, this.#gauges, this.#times]) for (const { cells } of columns.all) cells.grow(rows)
  }

  clear(): void {
    this.#pool.clear()
    for (const columns of [this.#sums, this.#gauges, this.#times]) for (const { cells } of columns.all) cells.clear()
  }
}
