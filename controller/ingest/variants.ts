import type { Measure } from '../../wire/metrics.ts'
import type { Wanted } from '../../wire/otlp-judge.ts'
import type { WirePoint } from '../../wire/otlp-point.ts'
import { type ColumnNumbers, columnFormsOf } from '../history/column.ts'
import { ofPath, rawKey } from './raw-attributes.ts'

/** Columns found by the raw bytes of the attributes that tell the series of a path apart. */
const maxKnown = 512

/** A metric with what is known of its variants: the columns that a point goes to, found by the raw bytes of its attributes. */
export class Variants {
  readonly wanted: Wanted
  readonly measure: Measure
  readonly keys: readonly Uint8Array[]
  readonly #known = new Map<string, readonly number[]>()
  #last: readonly number[] | undefined
  #lastRaw = ''

  constructor(wanted: Wanted) {
    this.wanted = wanted
    this.measure = wanted.measure
    this.keys = wanted.measure.by.map(rawKey)
  }

  /** Undefined for bytes that were never seen. */
  find(point: WirePoint, bytes: Buffer, kinds: Uint8Array): readonly number[] | undefined {
    const raw = rawOf(point, bytes, kinds)
    if (raw !== this.#lastRaw || !this.#last) {
      this.#last = this.#known.get(raw)
      this.#lastRaw = raw
    }
    return this.#last
  }

  /** The columns of these values, made known by the bytes of the point. */
  learn(values: readonly string[], numbers: ColumnNumbers, point: WirePoint, bytes: Buffer, kinds: Uint8Array): readonly number[] {
    const columns = this.columnsOf(values, numbers)
    if (this.#known.size < maxKnown) this.#known.set(rawOf(point, bytes, kinds), columns)
    return columns
  }

  columnsOf(values: readonly string[], numbers: ColumnNumbers): readonly number[] {
    return columnFormsOf(this.measure.form).map(form => numbers.numberOf({ key: this.wanted.key, form, variant: values }))
  }
}

/** Short, and of one byte per character, so it costs little; none where a metric has no attributes of its own. */
const rawOf = (point: WirePoint, bytes: Buffer, kinds: Uint8Array): string => {
  let raw = ''
  for (let k = 0; k < point.attributes; k++) if (kinds[k] !== ofPath) raw += bytes.toString('latin1', point.from[k], point.to[k])
  return raw
}
