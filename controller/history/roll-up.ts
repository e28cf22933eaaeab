/** Minutes become ten of them, and those an hour. */
import { setImmediate as turn } from 'node:timers/promises'
import { appendHistory } from '../store/history.ts'
import { markRolled, readParts, type Slot, unrolledSlots } from '../store/history-rolled.ts'
import { type Lease, writeAsLeader } from '../store/leases.ts'
import type { Store } from '../store/store.ts'
import { resolutionsMs, rollUp } from './query.ts'

export type RolledUp = {
  readonly slots: number
  readonly parts: number /** Blobs that could not be read: left out. */
  readonly bad: number
}

/** Most of what is late has come by then. What is later still becomes another part of the same time. */
const settleMs = 120_000
const perRound = 64
const mostParts = 1000

/** All that is over and not yet part of a longer resolution. `isStopped` is asked between slots. */
export const rollUpAll = async (store: Store, lease: Lease, nowMs: number, isStopped: () => boolean): Promise<RolledUp> => {
  const all = { slots: 0, parts: 0, bad: 0 }
  for (const [level, spanMs] of resolutionsMs.slice(1).entries()) {
    const query = { resolutionMs: resolutionsMs[level]!, spanMs, beforeMs: nowMs - settleMs, limit: perRound }
    for (;;) {
      const slots = await store.read(sql => unrolledSlots(sql, query))
      for (const slot of slots) {
        if (isStopped()) return all
        const { parts, bad } = await rollUpSlot(store, lease, slot, query)
        all.slots++
        all.parts += parts
        all.bad += bad
        await turn()
      }
      if (slots.length < perRound) break
    }
  }
  return all
}

const rollUpSlot = async (
  store: Store,
  lease: Lease,
  { agentId, startMs }: Slot,
  { resolutionMs, spanMs }: { resolutionMs: number; spanMs: number },
): Promise<{ parts: number; bad: number }> => {
  const times = { fromMs: startMs, toMs: startMs + spanMs }
  const parts = await store.read(sql => readParts(sql, { ...times, resolutionMs, agentId, isUnrolled: true, limit: mostParts }))
  const { blob, bad } = rollUp(
    parts.map(({ bytes }) => bytes),
    startMs,
    spanMs,
  )
  await writeAsLeader(store, lease, async sql => {
    if (
      !(await markRolled(
        sql,
        parts.map(({ id }) => id),
      ))
    )
      throw new Error('parts of the history are gone that only the leader takes away')
    if (bad.length < parts.length) await appendHistory(sql, { agentId, resolutionMs: spanMs, startMs }, blob)
  })
  return { parts: parts.length, bad: bad.length }
}
