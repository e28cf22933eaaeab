/** The alerts of paths: what each window says of each path, and what the rules make of it. Memory of arrays; time and the world are arguments. */
import { grown } from '../ingest/grow.ts'
import { type Badness, badnessIn, windowMs } from './badness.ts'
import { Filtered } from './filtered.ts'
import { PathValues, type SavedValues } from './path-values.ts'
import type { PathWorld } from './path-world.ts'
import type { Paths } from './paths.ts'
import { layerOfFailure, limitsFor, type Rules } from './rules.ts'
import { bad, good, type SavedSeries, Series, unknown } from './series.ts'
import { at, failOf, width } from './tally.ts'
import type { Windows } from './windows.ts'

/** More than this share of runs that blame the agent itself, and the rest says nothing. */
const mostUnmeasured = 0.2
export type SavedPath = SavedValues & { failures?: SavedSeries; code?: number }

export class PathAlerts {
  readonly failures = new Series()
  readonly values = new PathValues()
  readonly #filtered: Filtered
  #code = new Uint8Array(0)
  /** When something was last known of it, and what that was. */
  #knownMs = new Float64Array(0)
  #last = new Uint8Array(0)
  /** Of the window that was judged last. */
  #window = new Uint8Array(0)

  constructor(paths: Paths) {
    this.#filtered = new Filtered(paths)
  }

  reserve(count: number): void {
    this.failures.reserve(count)
    this.values.reserve(count)
    this.#code = grown(this.#code, count)
    this.#knownMs = grown(this.#knownMs, count)
    this.#last = grown(this.#last, count)
    this.#window = grown(this.#window, count)
  }

  /** All paths of which this window has something. */
  judge(windows: Windows, world: PathWorld): void {
    this.#filtered.note(windows, world.nowMs)
    for (const path of windows.touched) {
      const verdict = this.#verdictOf(path, windows, world)
      this.#window[path] = verdict
      if (verdict !== unknown) {
        this.#knownMs[path] = world.nowMs
        this.#last[path] = verdict
      }
      // The path is quiet and well, as nearly all of them are.
      if (verdict !== bad && this.failures.isDefault(path)) continue
      const rule = world.rules.ofFailure[this.#code[path]!]
      if (!rule) {
        this.failures.forget(path)
        continue
      }
      const limits = limitsFor(rule, world.everyMs(path))
      this.failures.step(path, verdict, { ...limits, forMs: Math.max(0, limits.forMs - windowMs) }, world.nowMs)
    }
  }

  #verdictOf(path: number, windows: Windows, world: PathWorld): number {
    const from = path * width
    const [ok, fail, unmeasured] = [windows.now[from + at.ok]!, windows.now[from + at.fail]!, windows.now[from + at.unmeasured]!]
    const runs = ok + fail + unmeasured
    if (runs === 0 || unmeasured / runs > mostUnmeasured) return unknown
    if (world.isBlindfold(path)) return unknown
    if (fail < ok || fail === 0) return good
    const code = windows.fail[path]!
    const reason = failOf(code)
    if (reason === undefined) return unknown
    if (reason === 'authorization_denied' && !world.isExpectedAuthorized(path)) return good
    if (world.causeOf(path) === 'prober_at_fault') return unknown
    if (this.#filtered.has(path, world.nowMs)) return unknown
    if (!world.rules.ofFailure[code]) return good
    this.#code[path] = code
    return bad
  }

  /** What the window said in which something of the path came last: one of series.ts. */
  windowOf(path: number): number {
    return this.#window[path] ?? unknown
  }

  isBad(path: number): boolean {
    return this.failures.isBad(path) || this.values.isBad(path)
  }

  /** `bad` where the hysteresis says so; unknown where nothing was heard lately, or a first bad window is not enough. */
  verdictOf(path: number, { nowMs, everyMs }: PathWorld): 'good' | 'bad' | 'unknown' {
    if (this.isBad(path)) return 'bad'
    const oldMs = Math.max(60_000, 2.5 * everyMs(path))
    return this.#knownMs[path]! > nowMs - oldMs && this.#last[path] === good && this.failures.isDefault(path) ? 'good' : 'unknown'
  }

  /** The lowest layer of all that is wrong with it. */
  badnessOf(path: number, rules: Rules): Badness | undefined {
    const rule = this.failures.isBad(path) ? rules.ofFailure[this.#code[path]!] : undefined
    if (!rule) return this.values.badnessOf(path, rules)
    const reason = failOf(this.#code[path]!)!
    return badnessIn(this.failures, path, { rule, severity: rule.severity, layer: layerOfFailure(reason), reason })
  }

  forget(path: number): void {
    this.failures.forget(path)
    this.values.forget(path)
    for (const column of [this.#code, this.#knownMs, this.#last, this.#window]) if (path < column.length) column[path] = 0
  }

  save(path: number): SavedPath | undefined {
    const [failures, values] = [this.failures.save(path), this.values.save(path)]
    return failures || values ? { ...values, ...(failures && { failures, code: this.#code[path]! }) } : undefined
  }

  load(path: number, state: SavedPath): void {
    this.reserve(path + 1)
    if (state.failures) this.failures.load(path, state.failures)
    this.values.load(path, state)
    this.#code[path] = state.code ?? 0
  }
}
