import type { WirePoint } from '../../wire/otlp-point.ts'
import { grown } from './grow.ts'

/**
 * The points of one batch that were found good, column by column in arrays that are used again: nothing is counted before the batch is known to be
 * whole, and stored.
 */
export class Staged {
  points = 0
  path = new Int32Array(0)
  column = new Int32Array(0)
  minute = new Int32Array(0)
  /** Of a sum or gauge; of a histogram its number. */
  value = new Float64Array(0)
  isHistogram = new Uint8Array(0)

  histograms = 0
  zeroCount = new Float64Array(0)
  sum = new Float64Array(0)
  min = new Float64Array(0)
  max = new Float64Array(0)
  scale = new Int8Array(0)
  offset = new Int32Array(0)
  size = new Int32Array(0)
  start = new Int32Array(0)
  counts = new Float64Array(0)
  #used = 0

  clear(): void {
    this.points = this.histograms = this.#used = 0
  }

  /** A value, or the histogram that the point has where `value` is undefined. */
  push(path: number, column: number, minute: number, value: number | undefined, point: WirePoint): void {
    const place = this.points++
    if (place >= this.path.length) this.#growPoints()
    this.path[place] = path
    this.column[place] = column
    this.minute[place] = minute
    this.isHistogram[place] = value === undefined ? 1 : 0
    this.value[place] = value === undefined ? this.#pushHistogram(point) : value
  }

  #pushHistogram(point: WirePoint): number {
    const place = this.histograms++
    if (place >= this.sum.length) this.#growHistograms()
    this.zeroCount[place] = point.zeroCount
    this.sum[place] = point.sum!
    this.min[place] = point.min!
    this.max[place] = point.max!
    this.scale[place] = point.scale
    this.offset[place] = point.offset
    this.size[place] = point.size
    this.start[place] = this.#used
    this.counts = grown(this.counts, this.#used + point.size)
    for (let k = 0; k < point.size; k++) this.counts[this.#used + k] = point.counts[k]!
    this.#used += point.size
    return place
  }

  #growPoints(): void {
    const { points } = this
    this.path = grown(this.path, points)
    this.column = grown(this.column, points)
    this.minute = grown(this.minute, points)
    this.value = grown(this.value, points)
    this.isHistogram = grown(this.isHistogram, points)
  }

  #growHistograms(): void {
    const { histograms } = this
    this.zeroCount = grown(this.zeroCount, histograms)
    this.sum = grown(this.sum, histograms)
    this.min = grown(this.min, histograms)
    this.max = grown(this.max, histograms)
    this.scale = grown(this.scale, histograms)
    this.offset = grown(this.offset, histograms)
    this.size = grown(this.size, histograms)
    this.start = grown(this.start, histograms)
  }
}
