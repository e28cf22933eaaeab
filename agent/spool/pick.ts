import type { Entries, Segment } from './entries.ts'
import type { EndpointState } from './ledger.ts'
import { lastFree, type Marks, nextFree } from './marks.ts'
import type { Order } from './record.ts'

const nothing: Marks = []

/** The place of the first (or last) entry that is neither done nor skipped; −1 when there is none. */
const placeIn = (entries: Entries, done: Marks, order: Order, skip: (index: number) => boolean): number => {
  if (order === 'oldest') {
    for (let i = 0; i < entries.length; ) {
      const index = entries.indexAt(i)
      const free = nextFree(done, index)
      if (free === index && !skip(index)) return i
      i = free === index ? i + 1 : entries.placeOf(free)
    }
    return -1
  }
  for (let i = entries.length - 1; i >= 0; ) {
    const index = entries.indexAt(i)
    const free = lastFree(done, index)
    if (free === index && !skip(index)) return i
    i = free === index ? i - 1 : entries.placeOf(free + 1) - 1
  }
  return -1
}

export type Picked = { segment: Segment; place: number }

/** The next record that this endpoint is to get. `skip` is asked about the few that are on their way. */
export const pick = (
  endpoint: EndpointState,
  segments: readonly Segment[],
  order: Order,
  skip: (segment: number, index: number) => boolean = () => false,
): Picked | undefined => {
  const [first, step] = order === 'oldest' ? [0, 1] : [segments.length - 1, -1]
  for (let i = first; i >= 0 && i < segments.length; i += step) {
    const segment = segments[i]!
    if (segment.number < endpoint.from) continue
    const done = endpoint.claims.get(segment.number)?.done ?? nothing
    const place = placeIn(segment.entries, done, order, index => skip(segment.number, index))
    if (place >= 0) return { segment, place }
  }
  return undefined
}

/** Has no endpoint anything left to get from this segment? */
export const isFinished = (endpoints: Iterable<EndpointState>, segment: Segment): boolean => {
  for (const endpoint of endpoints) if (pick(endpoint, [segment], 'oldest')) return false
  return true
}
