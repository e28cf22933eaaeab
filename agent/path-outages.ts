/** How long paths were away: from the start of the first run that nothing answered to the start of the first that something did. By the monotonic clock. */
import type { FailReason } from '../wire/reasons.ts'
import type { Outcome } from '../wire/result.ts'

/** What says that a path is away. A port that refuses, a handshake that fails, loss of a part: there something answers. */
const awayReasons: readonly FailReason[] = ['no_reply', 'tcp_timeout', 'host_unreachable', 'network_unreachable', 'ttl_exceeded']

export type PathOutages = {
  /** The length in ms of the outage that this run ends; undefined for every other run. */
  take: (key: string, outcome: Outcome, startedMs: number) => number | undefined
  /** Forgets every other path. */
  keep: (keys: Iterable<string>) => void
}

export const watchOutages = (): PathOutages => {
  const since = new Map<string, number>()
  return {
    take(key, outcome, startedMs) {
      // Of a run that could not be measured nothing follows.
      if (outcome.kind === 'unmeasured') return undefined
      const began = since.get(key)
      if (outcome.kind === 'fail' && awayReasons.includes(outcome.reason)) {
        if (began === undefined) since.set(key, startedMs)
        return undefined
      }
      if (began === undefined) return undefined
      since.delete(key)
      return startedMs - began
    },
    keep(keys) {
      const kept = new Set(keys)
      for (const key of since.keys()) if (!kept.has(key)) since.delete(key)
    },
  }
}
