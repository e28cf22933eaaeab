/**
 * What all paths have added up to since this controller leads: counts and histograms over all minutes that came, and the gauges of the last one. Kept by path, up
 * to a number of them: a fleet of more sends its OTLP to a backend itself.
 */
import { type Aggregate, type Cell, CellSum } from '../history/aggregate.ts'
import { isSelf, labelsKey, type PathLabels } from '../history/labels.ts'

export type PathTotal = {
  readonly agent: string
  readonly labels: PathLabels
  /** When counting began, and the end of the last minute that was counted. */
  readonly startMs: number
  endMs: number
  readonly sums: CellSum
  /** Of the newest minute: gauges, and the histograms whose quantiles are shown. */
  latest: readonly Cell[]
}

const isGauge = ({ column: { form } }: Cell): boolean => form === 'last' || form === 'least'

export class Cumulative {
  readonly #paths = new Map<string, PathTotal>()
  readonly #mostPaths: number
  /** Paths that were left out. */
  left = 0

  constructor(mostPaths: number) {
    this.#mostPaths = mostPaths
  }

  /** A minute of one agent, or a part of one that came late. */
  add(agent: string, { startMs, spanMs, paths }: Aggregate): void {
    for (const { labels, cells } of paths) {
      if (isSelf(labels)) continue
      const key = `${agent}\0${labelsKey(labels)}`
      let total = this.#paths.get(key)
      if (!total) {
        if (this.#paths.size >= this.#mostPaths) {
          this.left++
          continue
        }
        total = { agent, labels, startMs, endMs: 0, sums: new CellSum(), latest: [] }
        this.#paths.set(key, total)
      }
      total.sums.add(cells.filter(cell => !isGauge(cell)))
      if (startMs + spanMs < total.endMs) continue
      total.endMs = startMs + spanMs
      total.latest = cells.filter(({ column: { form } }) => form === 'last' || form === 'times')
    }
  }

  /** Paths of which nothing came since then are gone: their agent no longer has them. */
  forget(beforeMs: number): void {
    for (const [key, { endMs }] of this.#paths) if (endMs < beforeMs) this.#paths.delete(key)
  }

  get paths(): Iterable<PathTotal> {
    return this.#paths.values()
  }

  get size(): number {
    return this.#paths.size
  }
}
