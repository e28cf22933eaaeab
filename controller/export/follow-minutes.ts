/**
 * Closed minutes of all agents, of this replica and the others, each once, in the order in which they were stored. Ids are given out when a row is written and
 * seen when it is committed, so the ids of the last minute are looked at again (a transaction lives no longer: postgres.ts).
 */
import { setImmediate } from 'node:timers/promises'
import type { Aggregate } from '../history/aggregate.ts'
import { decodeBlob } from '../history/blob.ts'
import { historyIdsAfter, historyPart, lastHistoryId } from '../store/history-since.ts'
import type { Store } from '../store/store.ts'

const minuteMs = 60_000
const overlapMs = 60_000
const pageSize = 5000

export type Minutes = {
  /** Hands over what is new; resolves with how many parts that were. */
  read(take: (agent: string, aggregate: Aggregate) => void): Promise<number>
}

/** From now on: what was stored before is not handed over. */
export const followMinutes = async (store: Pick<Store, 'read'>, nowMs: () => number): Promise<Minutes> => {
  const first = await store.read(lastHistoryId)
  /** The largest id that was seen, and when. */
  let marks = [{ atMs: nowMs(), id: first }]
  const seen = new Set<number>()
  return {
    async read(take) {
      const floor = marks[0]!.id
      let [after, count, largest] = [floor, 0, marks.at(-1)!.id]
      for (;;) {
        const ids = await store.read(sql => historyIdsAfter(sql, minuteMs, after, pageSize))
        for (const id of ids) {
          if (seen.has(id)) continue
          seen.add(id)
          largest = Math.max(largest, id)
          const part = await store.read(sql => historyPart(sql, id))
          const decoded = part && decodeBlob(part.bytes)
          if (decoded?.ok) take(part!.agentId, decoded.value)
          count++
          await setImmediate()
        }
        if (ids.length < pageSize) break
        after = ids.at(-1)!
      }
      marks = [...marks, { atMs: nowMs(), id: largest }]
      // One mark stays that is older than the overlap.
      while (marks.length > 1 && marks[1]!.atMs <= nowMs() - overlapMs) marks.shift()
      for (const id of seen) if (id <= marks[0]!.id) seen.delete(id)
      return count
    },
  }
}
