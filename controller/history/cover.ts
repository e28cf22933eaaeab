import { resolutionsMs } from './query.ts'

/** How long each resolution is kept. */
export type Keep = readonly [number, number, number]
const [hourMs, dayMs] = [3_600_000, 86_400_000]
export const defaultKeep: Keep = [48 * hourMs, 14 * dayMs, 396 * dayMs]

/** A time, and the resolution in which it is read. */
export type Span = { readonly level: number; readonly fromMs: number; readonly toMs: number }
type Asked = { readonly fromMs: number; readonly toMs: number; readonly stepMs?: number; readonly nowMs: number; readonly keep?: Keep }

/**
 * In which resolutions a time is read: the longest that fit between its ends and into a step, shorter ones at the ends. Where those are no longer kept,
 * a little more is read than was asked for. Pure.
 */
export const coverOf = ({ fromMs, toMs, stepMs, nowMs, keep = defaultKeep }: Asked): Span[] => {
  const cover = (from: number, to: number, level: number): Span[] => {
    if (from >= to) return []
    const span = resolutionsMs[level]!
    if (level === 0) return [{ level, fromMs: down(from, span), toMs: to }]
    const shorterFromMs = nowMs - keep[level - 1]!
    if (stepMs !== undefined && stepMs % span !== 0) {
      const cut = Math.min(to, Math.max(from, up(shorterFromMs, span)))
      return [...(from < cut ? [{ level, fromMs: down(from, span), toMs: cut }] : []), ...cover(cut, to, level - 1)]
    }
    const first = from < shorterFromMs ? down(from, span) : up(from, span)
    const last = to < shorterFromMs ? up(to, span) : down(to, span)
    if (first >= last) return cover(from, to, level - 1)
    return [...cover(from, first, level - 1), { level, fromMs: first, toMs: last }, ...cover(last, to, level - 1)]
  }
  const top = resolutionsMs.length - 1
  return cover(Math.max(fromMs, nowMs - keep[top]!), toMs, top)
}

const down = (ms: number, span: number): number => Math.floor(ms / span) * span
const up = (ms: number, span: number): number => Math.ceil(ms / span) * span
