import type { Segment } from './entries.ts'
import { readRecord } from './frame.ts'
import { isWaiting } from './ledger.ts'
import type { Held } from './options.ts'
import { pick } from './pick.ts'
import type { Order } from './record.ts'
import type { Store } from './store.ts'

/**
 * The endpoint's next record from disk. One that is damaged there is counted as such for everyone who has yet to get it, and the next one taken; a
 * segment that can't be read now is passed over: it may be readable later, and if not, it goes when there is need for room.
 */
export const readNext = async (
  store: Store,
  { endpoint: e, order, held }: { endpoint: string; order: Order; held: ReadonlySet<Held> },
): Promise<Held | undefined> => {
  const unreadable = new Set<Segment>()
  const isHeld = (s: number, n: number): boolean => {
    for (const { endpoint, source } of held) if (endpoint === e && source.place?.segment === s && source.place.index === n) return true
    return false
  }
  for (;;) {
    const state = store.state.endpoints.get(e)
    const segments = unreadable.size === 0 ? store.segments : store.segments.filter(segment => !unreadable.has(segment))
    const picked = state && pick(state, segments, order, isHeld)
    if (!picked) return undefined
    const { segment, place } = picked
    const entry = segment.entries.at(place)
    const frame = await store.read(segment, entry).catch(() => undefined)
    if (!frame) {
      unreadable.add(segment)
      continue
    }
    const record = readRecord(frame)
    if (record && record.sequence === entry.sequence && record.boot === entry.boot) {
      const at = { segment: segment.number, index: entry.index }
      await noteTry(store, e, at.segment, at.index)
      return { endpoint: e, record, source: { place: at } }
    }
    for (const [name, other] of store.state.endpoints)
      if (isWaiting(other, segment.number, entry.index) && !(name !== e && isHeldBy(held, name, segment.number, entry.index)))
        store.note({ t: 'done', e: name, s: segment.number, n: entry.index, i: entry.items, d: entry.items, why: 'corrupt' })
  }
}

const isHeldBy = (held: ReadonlySet<Held>, name: string, s: number, n: number): boolean =>
  [...held].some(({ endpoint, source }) => endpoint === name && source.place?.segment === s && source.place.index === n)

/** Before anything is sent it is on record, this side of a crash at least, that the endpoint may have it. */
const noteTry = async (store: Store, e: string, s: number, n: number): Promise<void> => {
  store.note({ t: 'try', e, s, n })
  await store.writeLedger(false).catch(() => {})
}
