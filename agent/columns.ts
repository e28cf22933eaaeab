import { type Form, measureOf, otherVariant } from '../wire/metrics.ts'

/** One metric of one path with the values of its attributes: what a column has for every row. */
export type Series = { readonly key: string; readonly form: Form; readonly variant: readonly string[] }

/** More than there are reasons, so that only what peers can invent (trust domains) ends up in `_OTHER`. */
const maxVariants = 96

/**
 * Columns by series, made when first used: `first` and `second` are the values of the attributes that a measure has beside the path's.
 * Looked up for every value recorded, so without making an object or a string unless there are two attributes.
 */
export class Columns<C> {
  readonly all: { readonly series: Series; readonly cells: C }[] = []
  readonly #byKey = new Map<string, Map<string, C>>()
  readonly #make: (series: Series) => C

  constructor(make: (series: Series) => C) {
    this.#make = make
  }

  cells(key: string, first: string, second: string): C {
    let variants = this.#byKey.get(key)
    if (!variants) {
      variants = new Map()
      this.#byKey.set(key, variants)
    }
    const name = second === '' ? first : `${first}\0${second}`
    const known = variants.get(name)
    if (known) return known
    if (variants.size >= maxVariants && name !== otherVariant) return this.cells(key, otherVariant, '')
    const measure = measureOf(key)
    if (!measure) throw new Error(`no measure is called ${key}`)
    const series = { key, form: measure.form, variant: second === '' ? (first === '' ? [] : [first]) : [first, second] }
    const cells = this.#make(series)
    variants.set(name, cells)
    this.all.push({ series, cells })
    return cells
  }
}

/** One number per row, NaN where nothing was recorded, that can be given more rows. */
export class Cells {
  values: Float64Array

  constructor(rows: number) {
    this.values = new Float64Array(rows).fill(Number.NaN)
  }

  grow(rows: number): void {
    const values = new Float64Array(rows).fill(Number.NaN, this.values.length)
    values.set(this.values)
    this.values = values
  }

  clear(): void {
    this.values.fill(Number.NaN)
  }
}
