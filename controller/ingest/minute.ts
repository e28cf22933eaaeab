import { type Histogram, maxBuckets } from '../../wire/histogram.ts'
import type { Cell, PathAggregate } from '../history/aggregate.ts'
import type { Column } from '../history/column.ts'
import type { PathLabels } from '../history/labels.ts'
import { grown } from './grow.ts'
import type { Staged } from './staged.ts'

/** Buckets 1.1 % wide: what is kept is for judging paths, and half as many buckets cost half as much. */
export const historyScale = 6
const none = -1
export type MinuteSizes = { readonly paths: number; readonly cells: number; readonly buckets: number }
const mostInBucket = 2 ** 32 - 1
const old = new Float64Array(maxBuckets)

/**
 * What one agent's paths had in one minute, as arrays: a list of cells per path, and the buckets of all histograms one behind the other. A histogram
 * that needs more room is moved to the end; its old place is free only when the minute is closed.
 */
export class Minute {
  readonly #columns: readonly Column[]
  #first = new Int32Array(0)
  #cells = 0
  #column = new Int32Array(0)
  #next = new Int32Array(0)
  /** Of a histogram its number. */
  #value = new Float64Array(0)

  #histograms = 0
  #zeroCount = new Float64Array(0)
  #sum = new Float64Array(0)
  #min = new Float64Array(0)
  #max = new Float64Array(0)
  #scale = new Int8Array(0)
  #offset = new Int32Array(0)
  #size = new Int32Array(0)
  #room = new Int32Array(0)
  #start = new Int32Array(0)
  #counts = new Uint32Array(0)
  #used = 0

  /** `columns` by their numbers, as `ColumnNumbers` has them; it may grow. */
  constructor(columns: readonly Column[], like: MinuteSizes = { paths: 0, cells: 0, buckets: 0 }) {
    this.#columns = columns
    this.#first = new Int32Array(like.paths).fill(none)
    this.#column = new Int32Array(like.cells)
    this.#next = new Int32Array(like.cells)
    this.#value = new Float64Array(like.cells)
    this.#counts = new Uint32Array(like.buckets)
  }

  /** What it holds: the next minute of the same agent is made as large at once. */
  get sizes(): MinuteSizes {
    return { paths: this.#first.length, cells: this.#cells, buckets: this.#used }
  }

  /** Of all arrays. */
  get bytes(): number {
    const perCell = this.#column.byteLength + this.#next.byteLength + this.#value.byteLength
    const perHistogram = this.#sum.length * (4 * 8 + 1 + 4 * 4)
    return this.#first.byteLength + perCell + perHistogram + this.#counts.byteLength
  }

  /** Adds the staged points of this minute. */
  add(staged: Staged, minute: number): void {
    for (let k = 0; k < staged.points; k++) {
      if (staged.minute[k] !== minute) continue
      const cell = this.#cellOf(staged.path[k]!, staged.column[k]!, staged.isHistogram[k] === 1)
      const value = staged.value[k]!
      if (staged.isHistogram[k] === 1) this.#merge(this.#value[cell]!, staged, value)
      else this.#combine(cell, value)
    }
  }

  /** Every path that has something, with all that it has. */
  *paths(labels: readonly PathLabels[]): Generator<PathAggregate> {
    for (let path = 0; path < this.#first.length; path++) {
      const cells: Cell[] = []
      for (let cell = this.#first[path]!; cell !== none; cell = this.#next[cell]!) {
        const column = this.#columns[this.#column[cell]!]!
        cells.push({ column, value: column.form === 'times' ? this.#histogram(this.#value[cell]!) : this.#value[cell]! })
      }
      if (cells.length > 0) yield { labels: labels[path]!, cells }
    }
  }

  #cellOf(path: number, column: number, isHistogram: boolean): number {
    if (path >= this.#first.length) this.#first = grown(this.#first, path + 1, none)
    let last = none
    for (let cell = this.#first[path]!; cell !== none; cell = this.#next[cell]!) {
      if (this.#column[cell] === column) return cell
      last = cell
    }
    const cell = this.#cells++
    this.#column = grown(this.#column, this.#cells)
    this.#next = grown(this.#next, this.#cells)
    this.#value = grown(this.#value, this.#cells)
    this.#column[cell] = column
    this.#next[cell] = none
    this.#value[cell] = isHistogram ? this.#addHistogram() : Number.NaN
    if (last === none) this.#first[path] = cell
    else this.#next[last] = cell
    return cell
  }

  #combine(cell: number, value: number): void {
    const before = this.#value[cell]!
    const { form } = this.#columns[this.#column[cell]!]!
    if (Number.isNaN(before) || form === 'last') this.#value[cell] = value
    else this.#value[cell] = form === 'sum' ? before + value : Math.min(before, value)
  }

  #addHistogram(): number {
    const h = this.#histograms++
    if (h >= this.#sum.length) {
      this.#zeroCount = grown(this.#zeroCount, h + 1)
      this.#sum = grown(this.#sum, h + 1)
      this.#min = grown(this.#min, h + 1)
      this.#max = grown(this.#max, h + 1)
      this.#scale = grown(this.#scale, h + 1)
      this.#offset = grown(this.#offset, h + 1)
      this.#size = grown(this.#size, h + 1)
      this.#room = grown(this.#room, h + 1)
      this.#start = grown(this.#start, h + 1)
    }
    this.#min[h] = Number.POSITIVE_INFINITY
    this.#scale[h] = historyScale
    return h
  }

  /** As wire/histogram.ts merges: the coarser of both scales, and coarser still until the buckets are few enough. */
  #merge(h: number, staged: Staged, other: number): void {
    this.#zeroCount[h]! += staged.zeroCount[other]!
    this.#sum[h]! += staged.sum[other]!
    this.#min[h] = Math.min(this.#min[h]!, staged.min[other]!)
    this.#max[h] = Math.max(this.#max[h]!, staged.max[other]!)
    const [offset, size, scale] = [staged.offset[other]!, staged.size[other]!, staged.scale[other]!]
    if (size === 0) return
    const has = this.#size[h]! > 0
    let to = Math.min(this.#scale[h]!, scale)
    let [low, high] = [0, 0]
    for (; ; to--) {
      const [own, its] = [this.#scale[h]! - to, scale - to]
      low = offset >> its
      high = (offset + size - 1) >> its
      if (has) {
        low = Math.min(low, this.#offset[h]! >> own)
        high = Math.max(high, (this.#offset[h]! + this.#size[h]! - 1) >> own)
      }
      if (high - low < maxBuckets) break
    }
    this.#reach(h, to, low, high)
    const [shift, base] = [scale - to, this.#start[h]! - low]
    for (let k = 0; k < size; k++) {
      const count = staged.counts[staged.start[other]! + k]!
      if (count === 0) continue
      const place = base + ((offset + k) >> shift)
      this.#counts[place] = Math.min(mostInBucket, this.#counts[place]! + count)
    }
  }

  /** Makes a histogram have this scale and the buckets from `low` to `high`. */
  #reach(h: number, scale: number, low: number, high: number): void {
    const [shift, before, start] = [this.#scale[h]! - scale, this.#size[h]!, this.#start[h]!]
    const size = high - low + 1
    if (shift === 0 && before === size && this.#offset[h] === low) return
    for (let k = 0; k < before; k++) old[k] = this.#counts[start + k]!
    if (size > this.#room[h]!) {
      const room = Math.min(maxBuckets, size + 7)
      this.#counts = grown(this.#counts, this.#used + room)
      this.#start[h] = this.#used
      this.#room[h] = room
      this.#used += room
    }
    const now = this.#start[h]!
    this.#counts.fill(0, now, now + size)
    for (let k = 0; k < before; k++) {
      const place = now + ((this.#offset[h]! + k) >> shift) - low
      this.#counts[place] = Math.min(mostInBucket, this.#counts[place]! + old[k]!)
    }
    this.#scale[h] = scale
    this.#offset[h] = low
    this.#size[h] = size
  }

  #histogram(h: number): Histogram {
    const counts = Float64Array.from(this.#counts.subarray(this.#start[h], this.#start[h]! + this.#size[h]!))
    const zeroCount = this.#zeroCount[h]!
    return {
      scale: this.#scale[h]!,
      count: counts.reduce((sum, count) => sum + count, zeroCount),
      zeroCount,
      sum: this.#sum[h]!,
      min: this.#min[h]!,
      max: this.#max[h]!,
      offset: this.#offset[h]!,
      size: this.#size[h]!,
      counts,
    }
  }
}
