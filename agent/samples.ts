import { quantile } from '../probes/net/quantile.ts'
import { emptyHistogram, type Histogram, histogramOf, mergeInto, quantileOf, record } from '../wire/histogram.ts'
import { quantiles } from '../wire/metrics.ts'

/** Durations of a window, in seconds: their histogram, and the quantiles 0.5, 0.95 and 0.99. */
export type Times = { readonly histogram: Histogram; readonly quantiles: readonly number[] }

/** So many samples of one row are kept as they are, for exact quantiles; further ones go into a histogram. */
export const exactSamples = 256
const none = -1
const smallestPool = 1024

/** The samples of all rows and columns, in the order they came: each knows the one before it of its own cell. */
export class SamplePool {
  #values = new Float64Array(smallestPool)
  #previous = new Int32Array(smallestPool)
  #used = 0

  push(value: number, previous: number): number {
    if (this.#used === this.#values.length) this.#resize(2 * this.#used)
    this.#values[this.#used] = value
    this.#previous[this.#used] = previous
    return this.#used++
  }

  /** Writes a chain of samples into an array, which has room. */
  gather(last: number, into: Float64Array): number {
    let count = 0
    for (let at = last; at !== none; at = this.#previous[at]!) into[count++] = this.#values[at]!
    return count
  }

  /** Forgets all; what a burst needed is given back step by step. */
  clear(): void {
    const isTooLarge = this.#used < this.#values.length / 4 && this.#values.length > smallestPool
    this.#used = 0
    if (isTooLarge) this.#resize(this.#values.length / 2)
  }

  #resize(size: number): void {
    const [values, previous] = [new Float64Array(size), new Int32Array(size)]
    values.set(this.#values.subarray(0, this.#used))
    previous.set(this.#previous.subarray(0, this.#used))
    this.#values = values
    this.#previous = previous
  }
}

const scratch = new Float64Array(exactSamples)

/** The durations of one series for every row. */
export class TimesCells {
  readonly #pool: SamplePool
  #last: Int32Array
  #counts: Uint32Array
  readonly #spilled = new Map<number, Histogram>()

  constructor(rows: number, pool: SamplePool) {
    this.#pool = pool
    this.#last = new Int32Array(rows).fill(none)
    this.#counts = new Uint32Array(rows)
  }

  /** Takes a duration in ms; one that is none (NaN, negative) is left out. */
  push(row: number, ms: number): void {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) return
    if (this.#counts[row]! < exactSamples) {
      this.#counts[row]!++
      this.#last[row] = this.#pool.push(ms / 1000, this.#last[row]!)
      return
    }
    let histogram = this.#spilled.get(row)
    if (!histogram) this.#spilled.set(row, (histogram = emptyHistogram()))
    record(histogram, ms / 1000)
  }

  read(row: number): Times | undefined {
    if (this.#counts[row] === 0) return undefined
    const sorted = scratch.subarray(0, this.#pool.gather(this.#last[row]!, scratch)).sort()
    const histogram = histogramOf(sorted)
    const spilled = this.#spilled.get(row)
    if (!spilled) return { histogram, quantiles: quantiles.map(q => quantile(sorted, q)) }
    mergeInto(histogram, spilled)
    return timesOf(histogram)
  }

  grow(rows: number): void {
    const [last, counts] = [new Int32Array(rows).fill(none, this.#last.length), new Uint32Array(rows)]
    last.set(this.#last)
    counts.set(this.#counts)
    this.#last = last
    this.#counts = counts
  }

  clear(): void {
    this.#last.fill(none)
    this.#counts.fill(0)
    this.#spilled.clear()
  }
}

/** With the quantiles of the histogram, where the samples themselves are gone. */
export const timesOf = (histogram: Histogram): Times => ({
  histogram,
  quantiles: quantiles.map(q => quantileOf(histogram, q) ?? 0),
})
