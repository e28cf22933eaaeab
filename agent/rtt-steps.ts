/** Where the round trip of a path takes another level: told once, with the level before and after. A change point in the medians of its windows, not a threshold. */
import { addValue, type ChangePoint, newChangePoint, type Step } from '../judge/change-point.ts'
import type { Labels } from './metrics.ts'
import type { AgentEvent, WindowRecord } from './record.ts'

/** A path that was in no window for so long is forgotten: it is not measured any more. */
const forgetMs = 3_600_000
/** How often it is looked for such. */
const sweepMs = 600_000

type Known = { state: ChangePoint; seenMs: number }

export type RttSteps = { take: (record: WindowRecord) => void; size: () => number }

/** Takes every window once, in the order of time. */
export const watchRttSteps = (onEvent: (event: AgentEvent) => void): RttSteps => {
  const paths = new Map<string, Known>()
  let sweptMs = 0

  const sweep = (nowMs: number): void => {
    if (nowMs - sweptMs < sweepMs) return
    sweptMs = nowMs
    for (const [key, { seenMs }] of paths) if (nowMs - seenMs > forgetMs) paths.delete(key)
  }

  return {
    size: () => paths.size,
    take({ paths: measured, startMs, endMs }) {
      for (const { labels, points } of measured) {
        const median = points.find(({ series }) => series.key === 'rtt')?.value
        if (median === undefined || typeof median === 'number') continue
        const key = keyOf(labels)
        let known = paths.get(key)
        if (!known) paths.set(key, (known = { state: newChangePoint(), seenMs: endMs }))
        known.seenMs = endMs
        const step = addValue(known.state, median.quantiles[0]! * 1000)
        if (step) onEvent(buildStepEvent(labels, step, { atMs: endMs, sinceMs: startMs - (step.windowsAgo - 1) * (endMs - startMs) }))
      }
      sweep(endMs)
    },
  }
}

/** Another address or family is another path: its round trip has nothing to do with the one before. */
const keyOf = ({ check, target, host, port, family }: Labels): string => `${check} ${target} ${host} ${port} ${family}`

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000

const buildStepEvent = (labels: Labels, { before, after }: Step, { atMs, sinceMs }: { atMs: number; sinceMs: number }): AgentEvent => ({
  atMs,
  name: 'causeway.path.rtt_step',
  severity: after > before ? 'warn' : 'info',
  body: `${labels.check}/${labels.target}: the round trip went from ${rounded(before)} to ${rounded(after)} ms`,
  labels,
  attributes: {
    'causeway.rtt.before_ms': rounded(before),
    'causeway.rtt.after_ms': rounded(after),
    'causeway.state.since': new Date(sinceMs).toISOString(),
  },
})
