/** Reads the history: everything that was said of a time, once, in the resolutions that are cheapest. */
import { setImmediate as turn } from 'node:timers/promises'
import { readParts } from '../store/history-rolled.ts'
import { readOpenMinutes } from '../store/open-history.ts'
import type { Store } from '../store/store.ts'
import type { Aggregate } from './aggregate.ts'
import { decodeBlob } from './blob.ts'
import { coverOf, type Keep, type Span } from './cover.ts'
import { resolutionsMs } from './query.ts'

export type ReadRange = { readonly fromMs: number; readonly toMs: number; readonly stepMs?: number; readonly agent?: string }
export type ReadParts = { readonly store: Pick<Store, 'read'>; readonly nowMs: number; readonly keep?: Keep }

const pageSize = 64
/** Parts become longer ones within an hour, so that whole hours of one snapshot say everything once. Days of hours are as short to read. */
const [hourMs, dayMs] = [3_600_000, 86_400_000]

/** Calls with each part in the order of time, as far as resolutions allow. Returns how many blobs could not be read. */
export const readAggregates = async (
  { store, nowMs, keep }: ReadParts,
  { agent: agentId, ...range }: ReadRange,
  take: (agent: string, aggregate: Aggregate) => void,
): Promise<number> => {
  let bad = 0
  const decode = (agent: string, bytes: Uint8Array): void => {
    const decoded = decodeBlob(bytes)
    if (decoded.ok) take(agent, decoded.value)
    else bad++
  }
  for (const { level, fromMs, toMs } of inPieces(coverOf({ ...range, nowMs, ...(keep && { keep }) })))
    await store.read(async sql => {
      for (let at = level; at >= 0; at--) {
        const query = {
          resolutionMs: resolutionsMs[at]!,
          fromMs,
          toMs,
          isUnrolled: at < level,
          limit: pageSize,
          ...(agentId !== undefined && { agentId }),
        }
        for (let after: { startMs: number; id: number } | undefined; ; ) {
          const parts = await readParts(sql, { ...query, ...(after && { after }) })
          for (const part of parts) decode(part.agentId, part.bytes)
          after = parts.at(-1)
          if (parts.length < pageSize) break
          await turn()
        }
      }
      for (const { agent, blob } of await readOpenMinutes(sql, { fromMs, toMs, ...(agentId !== undefined && { agentId }) }))
        decode(agent, blob)
    })
  return bad
}

function* inPieces(spans: readonly Span[]): Generator<Span> {
  for (const { level, fromMs, toMs } of spans) {
    const pieceMs = level === resolutionsMs.length - 1 ? dayMs : hourMs
    for (let from = fromMs; from < toMs; ) {
      const to = Math.min(toMs, (Math.floor(from / pieceMs) + 1) * pieceMs)
      yield { level, fromMs: from, toMs: to }
      from = to
    }
  }
}
