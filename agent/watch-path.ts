/** One path probed without a pause for a bounded time: somebody waits for it. Under the local policy, beside the schedule and in no window. */
import { isPublic, parseAddress } from '../judge/addresses.ts'
import type { Budgets } from '../judge/policy.ts'
import { summarise } from '../judge/watch/summary.ts'
import { buildWatch } from '../judge/watch/watch.ts'
import { runProbe } from '../probes/index.ts'
import { buildLook, loadLook, type RunLook, startLooks } from '../probes/watch/look.ts'
import { isWatchKind, type PathOptions, runPath } from '../probes/watch/run.ts'
import type { WatchAsk } from '../wire/api/watches.ts'
import { withDefaults } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import type { WatchDocument, WatchEvent } from '../wire/watch.ts'
import type { Path } from './path.ts'
import type { Surroundings } from './run-path.ts'

export type WatchTell = { begun: (startedAt: string, address: string) => void; event: (event: WatchEvent) => void }
export type Watched = { document: WatchDocument } | { problem: string }

/** What is spent by all watches of this agent together. */
export type WatchSpending = { packetsPerSecond: number }

type Around = Pick<Surroundings, 'clock' | 'resolve' | 'allow' | 'refuse'> & { budgets: () => Budgets; spending: WatchSpending }

/** Never rejects. */
export const watchPath = async (path: Path, ask: WatchAsk, around: Around, tell: WatchTell, signal: AbortSignal): Promise<Watched> => {
  const { kind, options } = path
  if (!isWatchKind(kind)) return { problem: `${path.key}: a watch probes by icmp, udp or tcp, not by ${kind}` }
  const found = await around.resolve(path, signal)
  if ('failed' in found) return { problem: sayOutcome(path, found.failed.outcome) }
  const { address, family, port } = found.target
  const source = (options as { source?: string }).source
  const perSecond = 1000 / ask.intervalMs
  const refusal =
    around.allow({ kind, address, source, ...(port !== undefined && kind !== 'icmp' && { port }) }) ??
    judgeWatchRate(kind, perSecond, address, around.spending.packetsPerSecond, around.budgets()) ??
    around.refuse(path, address)
  if (refusal !== undefined) return { problem: `${path.key}: ${refusal}` }
  const { intervalMs, timeoutMs, durationMs, objectiveMs } = ask
  const { sizeBytes = 0 } = options as { sizeBytes?: number }
  const sending = { kind, address, family, port, source, sizeBytes, intervalMs, timeoutMs, durationMs }
  around.spending.packetsPerSecond += perSecond
  try {
    const target = { host: path.host, address, family, ...(port !== undefined && { port }) }
    return await run(path, sending, { target, objectiveMs }, around, tell, signal)
  } catch (error) {
    return { problem: `${path.key}: ${(error as Error).message}` }
  } finally {
    around.spending.packetsPerSecond -= perSecond
  }
}

type Facts = Pick<WatchDocument, 'target' | 'objectiveMs'>

const run = async (
  path: Path,
  sending: PathOptions,
  facts: Facts,
  around: Around,
  tell: WatchTell,
  signal: AbortSignal,
): Promise<Watched> => {
  const { clock } = around
  const { kind, intervalMs, timeoutMs, durationMs = Number.POSITIVE_INFINITY } = sending
  let [startMs, startedAt] = [clock.elapsedMs(), '']
  const watch = buildWatch({ intervalMs, timeoutMs }, event => {
    tell.event(event)
    looks.event(event)
  })
  const look = buildLook(lookBy(path, around), facts.target, kind, sending.source)
  const looks = startLooks(
    look,
    () => watch,
    () => clock.elapsedMs() - startMs,
  )
  await loadLook(kind)
  const ran = await runPath(sending, watch, signal, () => {
    startMs = clock.elapsedMs()
    startedAt = new Date(clock.nowMs()).toISOString()
    tell.begun(startedAt, sending.address)
    looks.begin()
  }).finally(looks.end)
  if ('kind' in ran) return { problem: sayOutcome(path, ran) }
  const spentMs = clock.elapsedMs() - startMs
  watch.close()
  const { overflow, latenessMs } = ran
  return {
    document: summarise(watch.totals, {
      ...facts,
      ...{ startedAt, kind, intervalMs, overflow, latenessMs, durationMs: Math.min(spentMs, durationMs) },
    }),
  }
}

/** The MTU and the route beside the probes: runs like any other, under the local policy and the budget. What these refuse is not known of the path. */
const lookBy =
  (path: Path, { allow, refuse }: Around): RunLook =>
  (kind, target, options, signal) => {
    const refusal = refuse({ ...path, kind, options: withDefaults(kind, options) } as Path, target.address)
    return runProbe(kind, target, options, signal, { allow: refusal === undefined ? allow : () => refusal })
  }

/**
 * Why so many a second are more than the local policy allows, beside what other watches send already; undefined when they are not. A watch runs for long, so what a
 * run may send in all is no measure for it: its rate is.
 */
export const judgeWatchRate = (
  kind: string,
  perSecond: number,
  address: string,
  underWay: number,
  { packetsPerSecond, connectionsPerSecond }: Budgets,
): string | undefined => {
  const parsed = parseAddress(address)
  const isDear = kind === 'tcp' && (!parsed || isPublic(parsed))
  const [most, name] = isDear
    ? [Math.min(packetsPerSecond, connectionsPerSecond), 'connectionsPerSecond']
    : [packetsPerSecond, 'packetsPerSecond']
  if (perSecond + underWay <= most) return undefined
  const others = underWay > 0 ? `, with ${Math.round(underWay)} of other watches` : ''
  return `the watch sends ${Math.round(perSecond)} probes a second${others}, the local policy allows ${most}; to change that: a longer interval, or budgets: { ${name}: … }`
}

const sayOutcome = ({ key }: Path, outcome: Outcome): string =>
  outcome.kind === 'ok' ? `${key}: nothing was measured` : `${key}: ${outcome.reason}: ${outcome.detail}`
