/**
 * What is wrong right now, per target: while any path to a target fails, the last result of each of its kinds is kept, and the diagnosis is made
 * anew with every result. Healthy targets cost nothing. Pure but for its own memory.
 */
import { diagnose } from '../judge/diagnose/diagnose.ts'
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, Kind, Outcome } from '../wire/result.ts'
import type { Path } from './path.ts'
import type { Ran } from './run-path.ts'

/** A path's state: how its last run ended. `unmeasured` is a state too: it is neither good nor bad. */
export type State = { outcome: Outcome['kind']; reason?: string; sinceMs: number }
export type Change = { path: Path; from?: State; to: State; result: AnyResult; diagnosis: Diagnosis[] }

export type Faults = {
  /** Takes a result; answers with the change when the path's state or its target's causes are not what they were. */
  take(ran: Pick<Ran, 'path' | 'result' | 'dns'>, nowMs: number): Change | undefined
  /** Forgets paths that are no more. */
  keep(paths: readonly Path[]): void
  /** Paths that fail now, with since when. */
  failing(): { path: Path; state: State }[]
}

type Faulty = { results: Map<Kind, AnyResult>; causes: string; failing: Set<string> }

export const watchFaults = (): Faults => {
  const states = new Map<string, { path: Path; state: State }>()
  const faulty = new Map<string, Faulty>()

  const noteResult = (path: Path, result: AnyResult, evidence: AnyResult): Faulty | undefined => {
    const name = path.target.name
    let fault = faulty.get(name)
    const bad = result.outcome.kind === 'fail'
    if (!fault && !bad) return undefined
    fault ??= { results: new Map(), causes: '', failing: new Set() }
    faulty.set(name, fault)
    fault.results.set(evidence.kind, evidence)
    if (bad) fault.failing.add(path.key)
    else if (result.outcome.kind === 'ok') fault.failing.delete(path.key)
    if (fault.failing.size === 0) faulty.delete(name)
    return fault
  }

  return {
    take({ path, result, dns }, nowMs) {
      const { outcome } = result
      const last = states.get(path.key)?.state
      const reason = outcome.kind === 'ok' ? undefined : outcome.reason
      const changed = last?.outcome !== outcome.kind || last.reason !== reason
      const to: State = changed ? { outcome: outcome.kind, reason, sinceMs: nowMs } : last
      if (changed) states.set(path.key, { path, state: to })
      const fault = noteResult(path, result, dns ?? result)
      const diagnosis = fault ? diagnose([...fault.results.values()], { startedAt: result.startedAt }) : []
      const causes = diagnosis.map(({ cause, direction, confidence }) => `${cause} ${direction} ${confidence}`).join()
      const learned = fault !== undefined && outcome.kind === 'fail' && causes !== fault.causes
      // Told with the next failure: only a path that fails has something to say.
      if (fault && outcome.kind === 'fail') fault.causes = causes
      // A path that starts well is no news.
      if (!learned && (!changed || (last === undefined && outcome.kind === 'ok'))) return undefined
      return { path, from: last, to, result, diagnosis }
    },
    keep(paths) {
      const keys = new Set(paths.map(({ key }) => key))
      const names = new Set(paths.map(({ target }) => target.name))
      for (const key of states.keys()) if (!keys.has(key)) states.delete(key)
      for (const [name, fault] of faulty) {
        for (const key of fault.failing) if (!keys.has(key)) fault.failing.delete(key)
        if (!names.has(name) || fault.failing.size === 0) faulty.delete(name)
      }
    },
    failing: () => [...states.values()].filter(({ state }) => state.outcome === 'fail'),
  }
}
