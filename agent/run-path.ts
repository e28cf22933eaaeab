/**
 * One run of a path: its name resolved, the policy asked, the probe run, and what this machine did wrong meanwhile taken out of the verdict.
 */

import type { Allow } from '../probes/allow.ts'
import type { Resolved, Sources } from '../probes/finding.ts'
import { runProbe } from '../probes/index.ts'
import type { AnyResult, Outcome, Result, Target } from '../wire/result.ts'
import type { Lateness } from './lateness.ts'
import type { Path } from './path.ts'
import type { Resolve } from './resolve.ts'
import type { Clock, Due } from './schedule.ts'

/** A run that ended. Times are monotonic. */
export type Ran = {
  path: Path
  result: AnyResult
  /** The look-up that failed, when it was that. */
  dns?: Result<'dns'>
  dueMs: number
  startedMs: number
  endedMs: number
}

export type Surroundings = {
  clock: Clock
  lateness: Lateness
  resolve: Resolve
  allow: Allow
  /** Why this run may not start now; takes its share of the budget when it may. */
  refuse: (path: Path, address: string | undefined) => string | undefined
  sources: Sources
  stop: AbortSignal
}

/** Runs a path once. Never rejects. */
export const runPath = async ({ path, dueMs }: Due, around: Surroundings): Promise<Ran> => {
  const startedMs = around.clock.elapsedMs()
  const { result, dns } = await measure(path, around)
  const endedMs = around.clock.elapsedMs()
  const worstMs = around.lateness.worstMs(dueMs, endedMs)
  const named = { ...result, check: path.check } as AnyResult
  // Beside the result, not in it: a copy does not have them, and without them the slow twentieth is gone.
  if (result.samplesMs) Object.defineProperty(named, 'samplesMs', { value: result.samplesMs })
  return { path, result: blame(named, worstMs, path), dns, dueMs, startedMs, endedMs }
}

const measure = async (path: Path, around: Surroundings): Promise<{ result: AnyResult; dns?: Result<'dns'> }> => {
  const { host, port, kind, options, target } = path
  const named: Target = { name: target.name, host, port }
  // Two kinds need no address: the one looks for it, the other asks several services and looks each up when it is asked.
  const found = kind === 'dns' || kind === 'federation' ? { target: named as Resolved } : await around.resolve(path, around.stop)
  if ('failed' in found) return { result: { ...found.failed, kind, target: named, measured: {} } as AnyResult, dns: found.failed }
  const refusal = around.refuse(path, found.target.address)
  if (refusal !== undefined) return { result: denied(path, found.target, refusal, around.clock) }
  return {
    result: (await runProbe(kind, found.target, options, around.stop, { allow: around.allow, sources: around.sources })) as AnyResult,
  }
}

const denied = ({ kind }: Path, target: Target, detail: string, clock: Clock): AnyResult =>
  ({
    kind,
    target,
    startedAt: new Date(clock.nowMs()).toISOString(),
    outcome: { kind: 'unmeasured', reason: 'target_denied', detail },
    phasesMs: {},
    measured: {},
    warnings: [],
    violations: [],
  }) as unknown as AnyResult

/** What was measured while this process stood still says nothing about the network. */
const blame = (result: AnyResult, worstMs: number, { latenessMs }: Path): AnyResult => {
  if (worstMs <= latenessMs || result.outcome.kind === 'unmeasured') return result
  const seen = result.outcome.kind === 'ok' ? 'ok' : `${result.outcome.reason}: ${result.outcome.detail}`
  const detail = `this process stood still for ${Math.round(worstMs)} ms during the run, at most ${latenessMs} ms allowed; it saw ${seen}`
  const outcome: Outcome = { kind: 'unmeasured', reason: 'local_overload', detail }
  return { ...result, outcome }
}
