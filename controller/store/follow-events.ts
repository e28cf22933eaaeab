import { lastEventId, readEvents, type StoredEvent } from './events.ts'
import type { Store } from './store.ts'

/**
 * Ids are given out when a row is written and seen when it is committed, so a row may appear below one that has been read already. Longer than any
 * transaction lives (postgres.ts).
 */
const overlapMs = 60_000
const pageSize = 1000

/**
 * Everything that happens from now on, each event once. Or everything after `afterId`, where a former follower stopped: then also what is in the overlap
 * before it, which that one may have had or not. `next` resolves at once, with nothing when nothing is new.
 */
export const followEvents = async (store: Pick<Store, 'read'>, afterId?: number): Promise<{ next(): Promise<StoredEvent[]> }> => {
  let last = afterId ?? (await store.read(lastEventId))
  /** Those of the overlap that have been handed out, by when. */
  const seen = new Map<number, number>()
  const old = afterId === undefined ? await store.read(sql => readEvents(sql, last, 0, overlapMs)) : []
  for (const { id, atMs } of old) seen.set(id, atMs)
  return {
    next: async () => {
      const rows = await store.read(sql => readEvents(sql, last, pageSize, overlapMs))
      const fresh = rows.filter(({ id }) => !seen.has(id))
      for (const { id, atMs } of fresh) seen.set(id, atMs)
      last = Math.max(last, ...fresh.map(({ id }) => id))
      const newestMs = Math.max(0, ...rows.map(({ atMs }) => atMs))
      for (const [id, atMs] of seen) if (atMs < newestMs - 2 * overlapMs) seen.delete(id)
      return fresh
    },
  }
}
