/**
 * What is wrong right now, per target: while any path to a target fails, the last result of each of its kinds is kept, and the diagnosis is made
 * anew with every result. Healthy targets cost nothing. Pure but for its own memory.
 */
import { diagnose } from '../judge/diagnose/diagnose.ts'
import { settle } from '../judge/diagnose/verdict.ts'
import type { Diagnosis } from '../wire/causes.ts'
import type { AnyResult, Kind, Outcome } from '../wire/result.ts'
import type { Path } from './path.ts'
import type { Ran } from './run-path.ts'
import { connected, holdSiblings, isEchoFailure } from './siblings.ts'

/** A path's state: how its last run ended. `unmeasured` is a state too: it is neither good nor bad. */
export type State = { outcome: Outcome['kind']; reason?: string; sinceMs: number }
export type Change = { path: Path; from?: State; to: State; result: AnyResult; diagnosis: Diagnosis[] }

export type Faults = {
  /** Takes a result; answers with the change when the path's state or its target's causes are not what they were. */
  take(ran: Pick<Ran, 'path' | 'result' | 'dns'>, nowMs: number): Change | undefined
  /** Its failure is only that echoes are not answered where TCP works: worth a line, and no alarm. */
  isFiltered(path: Path): boolean
  /** All paths there are: forgets those that are no more. */
  keep(paths: readonly Path[]): void
}

type Faulty = { results: Map<Kind, AnyResult>; causes: string; failing: Set<string>; filtered: boolean }

export const watchFaults = (): Faults => {
  const states = new Map<string, State>()
  const faulty = new Map<string, Faulty>()
  const siblings = holdSiblings()
  const postponed = new Set<string>()

  /** Echoes that nobody answers mean nothing until something was heard of TCP: at the start, one run is waited for it. */
  const isEarly = ({ key, target }: Path, result: AnyResult): boolean => {
    if (!isEchoFailure(result) || states.has(key) || postponed.delete(key)) return false
    const isOpen = siblings.of(target.name).some(one => !states.has(one.key))
    if (isOpen) postponed.add(key)
    return isOpen
  }

  /** What is known of a target that has a fault, and that TCP works there when another path says so. */
  const gather = (target: string, { results }: Faulty, startedAt: string): AnyResult[] => {
    const all = [...results.values()]
    if (results.has('tcp') || !all.some(isEchoFailure)) return all
    const open = siblings.of(target).find(({ key }) => states.get(key)?.outcome === 'ok')
    return open ? [...all, connected(open, startedAt) as AnyResult] : all
  }

  const noteResult = (path: Path, result: AnyResult, evidence: AnyResult): Faulty | undefined => {
    const name = path.target.name
    let fault = faulty.get(name)
    const bad = result.outcome.kind === 'fail'
    if (!fault && !bad) return undefined
    fault ??= { results: new Map(), causes: '', failing: new Set(), filtered: false }
    faulty.set(name, fault)
    fault.results.set(evidence.kind, evidence)
    if (bad) fault.failing.add(path.key)
    else if (result.outcome.kind === 'ok') fault.failing.delete(path.key)
    if (fault.failing.size === 0) faulty.delete(name)
    return fault
  }

  return {
    take({ path, result, dns }, nowMs) {
      if (isEarly(path, result)) return undefined
      const { outcome } = result
      const last = states.get(path.key)
      const reason = outcome.kind === 'ok' ? undefined : outcome.reason
      const changed = last?.outcome !== outcome.kind || last.reason !== reason
      const to: State = changed ? { outcome: outcome.kind, reason, sinceMs: nowMs } : last
      if (changed) states.set(path.key, to)
      const fault = noteResult(path, result, dns ?? result)
      const known = fault ? gather(path.target.name, fault, result.startedAt) : []
      if (fault) fault.filtered = !settle(known, []).some(isEchoFailure)
      const diagnosis = fault ? diagnose(known, { startedAt: result.startedAt }) : []
      const causes = diagnosis.map(({ cause, direction, confidence }) => `${cause} ${direction} ${confidence}`).join()
      const learned = fault !== undefined && outcome.kind === 'fail' && causes !== fault.causes
      // Told with the next failure: only a path that fails has something to say.
      if (fault && outcome.kind === 'fail') fault.causes = causes
      // A path that starts well is no news.
      if (!learned && (!changed || (last === undefined && outcome.kind === 'ok'))) return undefined
      return { path, from: last, to, result, diagnosis }
    },
    isFiltered: ({ kind, target }) => kind === 'icmp' && faulty.get(target.name)?.filtered === true,
    keep(paths) {
      siblings.set(paths)
      const keys = new Set(paths.map(({ key }) => key))
      const names = new Set(paths.map(({ target }) => target.name))
      for (const key of states.keys()) if (!keys.has(key)) states.delete(key)
      for (const key of postponed) if (!keys.has(key)) postponed.delete(key)
      for (const [name, fault] of faulty) {
        for (const key of fault.failing) if (!keys.has(key)) fault.failing.delete(key)
        if (!names.has(name) || fault.failing.size === 0) faulty.delete(name)
      }
    },
  }
}
