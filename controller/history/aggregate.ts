import { type Histogram, mergeInto } from '../../wire/histogram.ts'
import { type Column, columnName } from './column.ts'
import { labelsKey, type PathLabels } from './labels.ts'

export type Cell = { readonly column: Column; readonly value: number | Histogram }
export type PathAggregate = { readonly labels: PathLabels; readonly cells: readonly Cell[] }
/** What is known of the paths of one agent over a time: a minute, or several that were merged. */
export type Aggregate = { readonly startMs: number; readonly spanMs: number; readonly paths: readonly PathAggregate[] }

/** Adds up cells of one or of several paths, given in the order of time: counts add up, the last and the least stay, histograms merge. */
export class CellSum {
  readonly #cells = new Map<string, { column: Column; value: number | Histogram }>()

  add(cells: readonly Cell[]): void {
    for (const { column, value } of cells) {
      const name = columnName(column)
      const before = this.#cells.get(name)
      if (!before) this.#cells.set(name, { column, value: typeof value === 'number' ? value : copy(value) })
      else before.value = combine(before.value, value, column)
    }
  }

  get cells(): Cell[] {
    return [...this.#cells.values()]
  }
}

const copy = (h: Histogram): Histogram => ({ ...h, counts: h.counts.slice(0, h.size) })

const combine = (before: number | Histogram, value: number | Histogram, { form }: Column): number | Histogram => {
  if (typeof before !== 'number' && typeof value !== 'number') {
    mergeInto(before, value)
    return before
  }
  // A column has one form, and its form says which of both a value is.
  const [a, b] = [Number(before), Number(value)]
  if (form === 'sum') return a + b
  return form === 'least' ? Math.min(a, b) : b
}

/** One aggregate of several of the same agent: of parts of one minute, which came late, or of many minutes. */
export const mergeAggregates = (parts: readonly Aggregate[], startMs: number, spanMs: number): Aggregate => {
  const sums = new Map<string, { labels: PathLabels; sum: CellSum }>()
  for (const { paths } of parts.toSorted((a, b) => a.startMs - b.startMs))
    for (const { labels, cells } of paths) {
      const key = labelsKey(labels)
      let known = sums.get(key)
      if (!known) sums.set(key, (known = { labels, sum: new CellSum() }))
      known.sum.add(cells)
    }
  return { startMs, spanMs, paths: Array.from(sums.values(), ({ labels, sum }) => ({ labels, cells: sum.cells })) }
}
