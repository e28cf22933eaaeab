/** The part of an agent that measures: paths on their schedule, each result into its window, what is new into an event. */
import { setMaxListeners } from 'node:events'
import type { Policy } from '../judge/policy.ts'
import type { Sources } from '../probes/finding.ts'
import { holdEchoes } from '../probes/net/echoes.ts'
import type { WatchAsk } from '../wire/api/watches.ts'
import type { AnyResult } from '../wire/result.ts'
import { type Budget, openBudget } from './budget.ts'
import { causeAttributes } from './cause-attributes.ts'
import { buildEvent } from './events.ts'
import { type Change, watchFaults } from './faults.ts'
import { allowBy, refuseRun } from './gate.ts'
import { judgeIntercepted } from './interception.ts'
import { watchCertificates } from './late-certificates.ts'
import { watchLateness } from './lateness.ts'
import type { Path } from './path.ts'
import { watchOutages } from './path-outages.ts'
import type { AgentEvent } from './record.ts'
import { createResolve } from './resolve.ts'
import { buildRouteEvent, buildTracedEvent } from './route-events.ts'
import { watchRoutes } from './routes.ts'
import { type Ran, runPath, type Surroundings } from './run-path.ts'
import { type Clock, startSchedule } from './schedule.ts'
import type { Self } from './self.ts'
import { traceFailures } from './trace-failures.ts'
import type { Watched, WatchTell } from './watch-path.ts'
import type { Windows } from './window.ts'

export type Rules = { paths: readonly Path[]; policy: Policy; probesPerSecond?: number }

export type Measuring = {
  /** Other paths and another policy; what stays the same goes on undisturbed. */
  change(rules: Rules): void
  /** Once, now, beside the schedule and in no window; under the same policy and budget. */
  once(path: Path, signal: AbortSignal): Promise<AnyResult>
  /** Without a pause, for a bounded time; under the same policy, in no window. */
  watch(path: Path, ask: WatchAsk, tell: WatchTell, signal: AbortSignal): Promise<Watched>
  /** From now on, whether a proxy answers our connections. */
  intercepted(is: boolean): void
  /** Resolves when no run is under way any more. */
  stop(): Promise<void>
}

type Parts = {
  clock: Clock
  self: Self
  windows: Windows
  onEvent: (event: AgentEvent) => void
  /** A run of a check that is part of a trace. */
  onTraced: (ran: Ran) => void
  /** How many runs a second the paths want. */
  onPace: (runsPerSecond: number) => void
  sources: Sources
}

export const startMeasuring = (rules: Rules, { clock, self, windows, onEvent, onTraced, onPace, sources }: Parts): Measuring => {
  const stop = new AbortController()
  // Every run under way listens to it.
  setMaxListeners(0, stop.signal)
  const lateness = watchLateness(clock, ms => self.sample('loopDelay', ms))
  const faults = watchFaults()
  const outages = watchOutages()
  const routes = watchRoutes()
  const certificates = watchCertificates()
  const releaseEchoes = holdEchoes()
  const resolve = createResolve(clock)
  let policy = rules.policy
  let allow = allowBy(policy)
  const budget: Budget = openBudget(policy.budgets, clock.elapsedMs())
  let indexes = new Map<string, number>()
  let isIntercepted = false
  const spending = { packetsPerSecond: 0 }

  const refuse = (path: Path, address: string | undefined): string | undefined =>
    refuseRun({ policy, budget, nowMs: clock.elapsedMs() }, { kind: path.kind, options: path.options, address })
  const around = (): Surroundings => ({ clock, lateness, resolve, allow, refuse, sources, stop: stop.signal })

  const take = (seen: Ran): void => {
    const { path } = seen
    const { result, change: rerouted } = routes.take(path, isIntercepted ? judgeIntercepted(seen.result) : seen.result)
    const ran = { ...seen, result }
    if (stop.signal.aborted && result.outcome.kind === 'unmeasured' && result.outcome.reason === 'aborted') return
    const index = indexes.get(path.key) ?? -1
    const noted = windows.record(index, result, { key: path.key, lateMs: ran.startedMs - ran.dueMs })
    if (noted === 'gone') return
    const awayMs = outages.take(path.key, result.outcome, ran.startedMs)
    if (awayMs !== undefined) windows.recordOutage(index, path.key, awayMs)
    if (path.kind === 'http') onTraced(ran)
    const nowMs = clock.nowMs()
    const change = faults.take(ran, nowMs)
    if (rerouted) onEvent(buildRouteEvent(path, rerouted, nowMs))
    const ending = certificates.take(path, result, nowMs)
    if (ending) onEvent(ending)
    const severity = faults.isFiltered(path) ? 'warn' : undefined
    if (change) onEvent(withDiagnosis(buildEvent(path, result, 'changed', nowMs, severity), change))
    else if (noted === 'failed') onEvent(buildEvent(path, result, 'failed', nowMs, severity))
    if (!faults.isFiltered(path)) traces.take(path, result, clock.elapsedMs())
  }

  const runNow = async (path: Path, signal: AbortSignal): Promise<AnyResult> => {
    const { result } = await runPath({ path, dueMs: clock.elapsedMs(), lateMs: 0 }, { ...around(), stop: signal })
    return isIntercepted ? judgeIntercepted(result) : result
  }
  const traces = traceFailures({
    run: path => runNow(path, stop.signal),
    onTraced: (path, failed, trace) => onEvent(buildTracedEvent(path, failed, trace, clock.nowMs())),
  })

  const schedule = startSchedule(clock, {
    run: async due => take(await runPath(due, around())),
    skipped: (_path, runs, why) => self.add('runsSkipped', runs, why),
  })

  const change = (next: Rules): void => {
    policy = next.policy
    allow = allowBy(policy)
    const probesPerSecond = Math.min(policy.budgets.probesPerSecond, next.probesPerSecond ?? Number.POSITIVE_INFINITY)
    budget.limit({ ...policy.budgets, probesPerSecond })
    indexes = new Map(next.paths.map(({ key }, i) => [key, i]))
    windows.setPaths(next.paths)
    faults.keep(next.paths)
    outages.keep(indexes.keys())
    certificates.keep(indexes.keys())
    routes.keep(next.paths)
    schedule.set(next.paths)
    onPace(next.paths.reduce((sum, { everyMs }) => sum + 1000 / everyMs, 0))
  }
  change(rules)
  return {
    change,
    once: (path, signal) => runNow(path, AbortSignal.any([stop.signal, signal])),
    async watch(path, ask, tell, signal) {
      // Few agents ever watch: none of it is loaded before.
      const { watchPath } = await import('./watch-path.ts')
      return await watchPath(
        path,
        ask,
        { ...around(), budgets: () => policy.budgets, spending },
        tell,
        AbortSignal.any([stop.signal, signal]),
      )
    },
    intercepted: is => {
      isIntercepted = is
    },
    async stop() {
      const stopped = schedule.stop()
      stop.abort()
      await Promise.all([stopped, traces.stop()])
      releaseEchoes()
      lateness.stop()
    },
  }
}

/** The diagnosis goes with the change: on-call reads the cause, not the reason. */
const withDiagnosis = (event: AgentEvent, { from, to, diagnosis }: Change): AgentEvent => {
  const [first] = diagnosis
  return {
    ...event,
    ...(first ? { body: `${event.body} — ${first.summary}` } : {}),
    attributes: {
      ...event.attributes,
      'causeway.state.since': new Date(to.sinceMs).toISOString(),
      ...(from
        ? { 'causeway.state.before': from.reason ?? from.outcome, 'causeway.state.before_since': new Date(from.sinceMs).toISOString() }
        : {}),
      ...causeAttributes(first),
    },
  }
}
