import type { Disk } from './disk.ts'
import type { Held } from './options.ts'
import type { Pending } from './pending.ts'
import type { DropReason } from './record.ts'
import type { Waiting } from './waiting.ts'

/** The ledger's word that an endpoint is done with a record, wherever that is. */
export const noteSettled = (
  disk: Disk,
  waiting: Waiting,
  { endpoint: e, source, record }: Held,
  dropped: { items: number; why: DropReason },
): void => {
  const settled = { e, i: record.items, ...(dropped.items > 0 ? { d: Math.min(dropped.items, record.items), why: dropped.why } : {}) }
  if (source.place) {
    disk.note({ t: 'done', s: source.place.segment, n: source.place.index, ...settled })
    return
  }
  // A `Pending` without a place is still in memory.
  const pending = source as Pending
  if (disk.ledgers.has(e) && !pending.settled.has(e)) disk.note({ t: 'pass', ...settled })
  pending.settled.add(e)
  waiting.sweep(disk.ledgers.keys())
}
