/** Reads what the store has of the last minutes, of all replicas, in one snapshot: each minute that has changed, with all that is known of it. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Aggregate } from '../history/aggregate.ts'
import { decodeBlob } from '../history/blob.ts'
import { historyPart, recentHistory } from '../store/history-since.ts'
import { readOpenMinutes } from '../store/open-history.ts'
import type { Store } from '../store/store.ts'
import { type MinuteSeen, minuteMs } from './windows.ts'

/** So many minutes back something may still come. */
const backMs = 3 * minuteMs

export type Recent = {
  /** Calls with what has changed since the last time. `isFirst`: what was there before, which is no news. */
  read(nowMs: number, take: (seen: MinuteSeen, isFirst: boolean) => void): Promise<void>
}

/** `bytes`: of one that was not handed over yet. */
type Part = { id: number; bytes: Uint8Array | undefined }
type Held = { open: readonly Uint8Array[]; parts: Set<number> }

export const followRecent = (store: Pick<Store, 'read'>): Recent => {
  const held = new Map<string, Held>()
  let isFirst = true
  return {
    async read(nowMs, take) {
      const fromMs = Math.floor((nowMs - backMs) / minuteMs) * minuteMs
      const range = { fromMs, toMs: nowMs + minuteMs }
      const { closed, open } = await store.read(async sql => {
        const heads = await recentHistory(sql, minuteMs, fromMs)
        const closed = heads.map(head => ({ ...head, bytes: undefined as Uint8Array | undefined }))
        for (const one of closed)
          if (!held.get(`${one.startMs} ${one.agentId}`)?.parts.has(one.id)) one.bytes = (await historyPart(sql, one.id))?.bytes
        return { closed, open: await readOpenMinutes(sql, range) }
      })
      const minutes = new Map<string, { agent: string; startMs: number; parts: Part[]; open: Uint8Array[] }>()
      const minuteOf = (agent: string, startMs: number) => {
        const key = `${startMs} ${agent}`
        let minute = minutes.get(key)
        if (!minute) minutes.set(key, (minute = { agent, startMs, parts: [], open: [] }))
        return minute
      }
      for (const { agentId, startMs, id, bytes } of closed) minuteOf(agentId, startMs).parts.push({ id, bytes })
      for (const { agent, startMs, blob } of open) minuteOf(agent, startMs).open.push(blob)
      for (const [key, { agent, startMs, parts, open }] of minutes) {
        const before = held.get(key) ?? { open: [], parts: new Set<number>() }
        const fresh = parts.flatMap(({ bytes }) => (bytes ? [bytes] : []))
        if (fresh.length === 0 && isSame(before.open, open)) continue
        held.set(key, { open, parts: new Set(parts.map(({ id }) => id)) })
        take({ agent, startMs, closed: decodeAll(fresh), open: decodeAll(open) }, isFirst)
        await turn()
      }
      for (const key of held.keys()) if (!minutes.has(key)) held.delete(key)
      isFirst = false
    },
  }
}

const isSame = (before: readonly Uint8Array[], now: readonly Uint8Array[]): boolean =>
  before.length === now.length && before.every((bytes, place) => Buffer.compare(bytes, now[place]!) === 0)

/** One that cannot be read says nothing: the reader of history counts it. */
const decodeAll = (blobs: readonly Uint8Array[]): Aggregate[] =>
  blobs.flatMap(blob => {
    const decoded = decodeBlob(blob)
    return decoded.ok ? [decoded.value] : []
  })
