import type { Held } from './options.ts'
import type { Pending } from './pending.ts'

/** A record of a segment that is on its way to an endpoint. */
export type UnderWay = { endpoint: string; index: number; items: number }

/** What is on its way now: a few records, one for each request. */
export class HeldRecords {
  readonly all = new Set<Held>()

  add(held: Held): void {
    this.all.add(held)
  }

  /** False when it was not. */
  end(held: Held): boolean {
    return this.all.delete(held)
  }

  /** Whether a record in memory is on its way to this endpoint; to any, unless one is named. */
  has(pending: Pending, by?: string): boolean {
    for (const { source, endpoint } of this.all) if (source === pending && (by ?? endpoint) === endpoint) return true
    return false
  }

  /** Of one segment. */
  in(segment: number): UnderWay[] {
    return [...this.all].flatMap(({ endpoint, record, source: { place } }) =>
      place?.segment === segment ? [{ endpoint, index: place.index, items: record.items }] : [],
    )
  }
}
