/** A path that fails is traced at once: where its packets end is known when somebody looks, and gone an hour later. Seldom enough to be no load on anybody. */
import { optionSchemas, withDefaults } from '../wire/options.ts'
import type { FailReason } from '../wire/reasons.ts'
import type { AnyResult, Kind, Result } from '../wire/result.ts'
import { type Bucket, refill } from './budget.ts'
import type { Path } from './path.ts'

/** Failures of which a route may be the reason: the target itself has said nothing. */
const unanswered: readonly FailReason[] = [
  ...(['no_reply', 'packet_loss', 'host_unreachable', 'network_unreachable', 'admin_prohibited', 'ttl_exceeded'] as const),
  ...(['mtu_black_hole', 'tcp_timeout', 'tls_timeout', 'tls_stalled', 'http_timeout', 'bundle_unreachable'] as const),
]
/** A path, and an address, is traced no more often. */
const againMs = 300_000
const addressAgainMs = 60_000
/** Of all paths together: when half of the network fails, a few traces tell as much as a thousand. */
const tracesPerSecond = 0.2
const mostAtOnce = 2
const mostRemembered = 4096

const overTcp: readonly Kind[] = ['tcp', 'tls', 'mtls', 'http', 'bundle']

export type FailureTraces = {
  /** Looks at a result; starts a trace when it is time for one. */
  take(path: Path, result: AnyResult, nowMs: number): void
  /** Resolves when none is under way any more. */
  stop(): Promise<void>
}

export type Tracing = {
  /** Runs a path once, now, under the policy and the budget. */
  run: (path: Path) => Promise<AnyResult>
  onTraced: (path: Path, failed: AnyResult, trace: Result<'trace'>) => void
}

export const traceFailures = ({ run, onTraced }: Tracing): FailureTraces => {
  const traced = new Map<string, number>()
  const underWay = new Set<Promise<void>>()
  let bucket: Bucket | undefined
  let isStopped = false

  const isEarly = (key: string, nowMs: number, leastMs: number): boolean => nowMs - (traced.get(key) ?? Number.NEGATIVE_INFINITY) < leastMs
  const isDue = (path: Path, address: string, nowMs: number): boolean => {
    if (isStopped || underWay.size >= mostAtOnce || isEarly(path.key, nowMs, againMs) || isEarly(address, nowMs, addressAgainMs))
      return false
    bucket = refill(bucket ?? { tokens: 1, atMs: nowMs }, tracesPerSecond, nowMs)
    if (bucket.tokens < 1) return false
    bucket = { ...bucket, tokens: bucket.tokens - 1 }
    // The oldest go first: what was noted long ago may be traced anyway.
    for (const [key] of traced) if (traced.size >= mostRemembered) traced.delete(key)
    for (const key of [path.key, address]) {
      traced.delete(key)
      traced.set(key, nowMs)
    }
    return true
  }
  const trace = async (path: Path, failed: AnyResult, address: string): Promise<void> => {
    const result = await run(tracePath(path, address))
    if (!isStopped && result.kind === 'trace' && result.outcome.kind !== 'unmeasured') onTraced(path, failed, result)
  }
  return {
    take: (path, result, nowMs) => {
      const { outcome, target } = result
      if (outcome.kind !== 'fail' || path.kind === 'trace' || path.kind === 'dns' || !unanswered.includes(outcome.reason)) return
      if (target.address === undefined || !isDue(path, target.address, nowMs)) return
      const one = trace(path, result, target.address).finally(() => underWay.delete(one))
      underWay.add(one)
    },
    stop: async () => {
      isStopped = true
      await Promise.all(underWay)
    },
  }
}

/** Beside the flow that failed: so many show a broken one of two or four ways. Slower, so that it is no burst. */
const besidePinned = { flows: 6, queries: 1, intervalMs: 20 } as const

/**
 * To the very address that failed, by what a filter on the way would treat alike. Of a check that is pinned to a flow that flow is traced, and others beside it: where it ends and they do not, one
 * of several equal ways is broken.
 */
const tracePath = (path: Path, address: string): Path<'trace'> => {
  const { source } = path.options as { source?: string }
  const protocol = overTcp.includes(path.kind) && path.port !== undefined ? 'tcp' : 'icmp'
  const firstFlow = pinnedFlow(path)
  const options = withDefaults('trace', {
    ...{ protocol, queries: 2 },
    ...(firstFlow !== undefined && { ...besidePinned, firstFlow }),
    ...(source !== undefined && { source }),
  })
  return { ...path, key: `${path.key} (trace)`, kind: 'trace', host: address, timeoutMs: options.timeoutMs, options }
}

/** The port or identifier that all runs of a check have, where a trace can have it too. A responder takes datagrams of its own kind only, so that a flow over UDP is not traced to its end. */
const pinnedFlow = ({ kind, options }: Path): number | undefined => {
  const { sourcePort, identifier } = options as { sourcePort?: number; identifier?: number }
  const flow = kind === 'tcp' ? sourcePort : kind === 'icmp' ? identifier : undefined
  const { minimum, maximum } = optionSchemas.trace.properties.firstFlow
  return flow !== undefined && flow >= minimum && flow <= maximum ? flow : undefined
}
