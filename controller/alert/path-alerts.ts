/** The alerts of paths: what each window says of each path, and what the rules make of it. Memory of arrays; time and the world are arguments. */
import type { Cause, Layer } from '../../wire/causes.ts'
import type { FailReason } from '../../wire/reasons.ts'
import { grown } from '../ingest/grow.ts'
import { type Expiry, judgeExpiry } from './expiry.ts'
import { kindCode, type Paths } from './paths.ts'
import { layerOfFailure, limitsFor, type Rule, type Rules } from './rules.ts'
import { bad, good, type SavedSeries, Series, unknown } from './series.ts'
import { at, failOf, type Tally, width } from './tally.ts'
import type { Windows } from './windows.ts'

/** Why a path is bad, the lowest layer of all that is wrong with it. */
export type Badness = {
  readonly rule: Rule
  readonly severity: 'page' | 'ticket'
  readonly layer: Layer
  readonly reason?: FailReason
  readonly isFiring: boolean
  readonly sinceMs: number
}
/** What is to be known of a path's surroundings before it is judged. */
export type PathWorld = {
  readonly nowMs: number
  readonly rules: Rules
  /** How often its check runs; 10 s where nothing says. */
  everyMs(path: number): number
  isExpectedAuthorized(path: number): boolean
  /** Its agent is late or lost, or its paths are under maintenance. */
  isBlindfold(path: number): boolean
  causeOf(path: number): Cause | undefined
}

/** A window stands for the time before it was read. */
export const windowMs = 10_000
/** More than this share of runs that blame the agent itself, and the rest says nothing. */
const mostUnmeasured = 0.2
/** Silent ICMP beside a TCP that has answered so lately is filtered, not down. */
const siblingMs = 60_000
const [tcp, icmp] = [kindCode('tcp'), kindCode('icmp')]
/** Beside the level of an end that is near. */
const shortLife = 4
const saved = ['failures', 'mtu', 'expiry'] as const
export type SavedPath = { [K in (typeof saved)[number]]?: SavedSeries } & {
  code?: number
  mtuWas?: [number, number]
  level?: number
  /** Of the certificate that ends: when, and how long it lives, in seconds. */
  end?: [number, number]
}

export class PathAlerts {
  readonly failures = new Series()
  readonly mtu = new Series()
  readonly expiry = new Series()
  readonly #paths: Paths
  #code = new Uint8Array(0)
  #level = new Uint8Array(0)
  /** Of certificates: when they end, and how long they live. Seconds. */
  readonly #ends = new Map<number, [number, number]>()
  /** When something was last known of it, and what that was. */
  #knownMs = new Float64Array(0)
  #last = new Uint8Array(0)
  /** Of the window that was judged last. */
  #window = new Uint8Array(0)
  #mtuNow = [new Float64Array(0), new Float64Array(0)]
  #mtuWas = [new Float64Array(0), new Float64Array(0)]
  #answeredMs = new Float64Array(0)
  #silentMs = new Float64Array(0)

  constructor(paths: Paths) {
    this.#paths = paths
  }

  reserve(count: number): void {
    for (const series of [this.failures, this.mtu, this.expiry]) series.reserve(count)
    this.#code = grown(this.#code, count)
    this.#level = grown(this.#level, count)
    this.#knownMs = grown(this.#knownMs, count)
    this.#last = grown(this.#last, count)
    this.#window = grown(this.#window, count)
    for (const k of [0, 1] as const) {
      this.#mtuNow[k] = grown(this.#mtuNow[k]!, count)
      this.#mtuWas[k] = grown(this.#mtuWas[k]!, count)
    }
    this.#answeredMs = grown(this.#answeredMs, this.#paths.groups.all.length)
    this.#silentMs = grown(this.#silentMs, this.#paths.groups.all.length)
  }

  /** Values that stand: path MTU and ends of certificates. */
  takeValues(path: number, { values }: Tally, { nowMs, rules }: Pick<PathWorld, 'nowMs' | 'rules'>): void {
    const [mtuRule, expiryOf] = [rules.byName.get('default/path-mtu'), values.notAfter > 0 ? 'tls' : 'svid']
    if (mtuRule && (values.mtuForward > 0 || values.mtuReverse > 0)) {
      let isLess = false
      for (const [k, now] of [values.mtuForward, values.mtuReverse].entries()) {
        if (now <= 0) continue
        this.#mtuNow[k]![path] = now
        if (now > this.#mtuWas[k]![path]!) this.#mtuWas[k]![path] = now
        isLess ||= now < this.#mtuWas[k]![path]!
      }
      this.mtu.step(path, isLess ? bad : good, mtuRule.limits, nowMs)
    }
    const [end, life] = expiryOf === 'tls' ? [values.notAfter, values.lifetime] : [values.svidNotAfter, values.svidLifetime]
    const expiry = judgeExpiry(end, life, nowMs)
    const rule = expiry && rules.byName.get(expiry.rule)
    if (!expiry || !rule) return
    this.#level[path] = expiry.level + (expiry.rule === 'default/svid-rotation' ? shortLife : 0)
    if (expiry.level > 0) this.#ends.set(path, [end, life])
    else this.#ends.delete(path)
    this.expiry.step(path, expiry.level > 0 ? bad : good, rule.limits, nowMs)
  }

  /** All paths of which this window has something. */
  judge(windows: Windows, world: PathWorld): void {
    this.#noteAnswers(windows, world.nowMs)
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

  #noteAnswers({ touched, now }: Windows, nowMs: number): void {
    const { kind, group: groups } = this.#paths
    for (const path of touched) {
      if (kind[path] !== tcp) continue
      const group = groups[path]!
      if (now[path * width + at.ok]! > 0) this.#answeredMs[group] = nowMs
      else if (now[path * width + at.fail]! > 0) this.#silentMs[group] = nowMs
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
    if (this.#isFiltered(path, world.nowMs)) return unknown
    if (!world.rules.ofFailure[code]) return good
    this.#code[path] = code
    return bad
  }

  #isFiltered(path: number, nowMs: number): boolean {
    if (this.#paths.kind[path] !== icmp) return false
    const group = this.#paths.group[path]!
    return this.#answeredMs[group]! > nowMs - siblingMs && this.#answeredMs[group]! > this.#silentMs[group]!
  }

  /** What the window said in which something of the path came last: one of series.ts. */
  windowOf(path: number): number {
    return this.#window[path] ?? unknown
  }

  /** Whether it does not carry what it should; what ends soon works still. */
  isBad(path: number): boolean {
    return this.failures.isBad(path) || this.mtu.isBad(path)
  }

  /** `bad` where the hysteresis says so; unknown where nothing was heard lately, or a first bad window is not enough. */
  verdictOf(path: number, { nowMs, everyMs }: PathWorld): 'good' | 'bad' | 'unknown' {
    if (this.isBad(path)) return 'bad'
    const oldMs = Math.max(60_000, 2.5 * everyMs(path))
    return this.#knownMs[path]! > nowMs - oldMs && this.#last[path] === good && this.failures.isDefault(path) ? 'good' : 'unknown'
  }

  badnessOf(path: number, rules: Rules): Badness | undefined {
    const failing = this.failures.isBad(path) ? rules.ofFailure[this.#code[path]!] : undefined
    if (failing) {
      const reason = failOf(this.#code[path]!)!
      return this.#badness(this.failures, path, failing, failing.severity, layerOfFailure(reason), reason)
    }
    const mtuRule = this.mtu.isBad(path) ? rules.byName.get('default/path-mtu') : undefined
    return mtuRule && this.#badness(this.mtu, path, mtuRule, mtuRule.severity, 'path')
  }

  /** Of a certificate that should have been renewed. */
  lateOf(path: number, rules: Rules): Badness | undefined {
    if (!this.expiry.isBad(path)) return undefined
    const level = this.#level[path]!
    const rule = rules.byName.get(level & shortLife ? 'default/svid-rotation' : 'default/certificate-expiry')
    return rule && this.#badness(this.expiry, path, rule, (level & 3) === 3 ? 'page' : rule.severity, 'certificate')
  }

  #badness(series: Series, path: number, rule: Rule, severity: 'page' | 'ticket', layer: Layer, reason?: FailReason): Badness {
    const sinceMs = series.sinceMs(path) - windowMs
    return { rule, severity, layer, ...(reason && { reason }), isFiring: series.isFiring(path), sinceMs }
  }

  /** Of a certificate that should have been renewed: how near its end it is now. */
  endOf(path: number, nowMs: number): (Expiry & { endsMs: number; lifeMs: number }) | undefined {
    const [end, life] = this.#ends.get(path) ?? []
    const expiry = end === undefined || life === undefined ? undefined : judgeExpiry(end, life, nowMs)
    return expiry && { ...expiry, endsMs: end! * 1000, lifeMs: life! * 1000 }
  }

  /** What it carried, and carries. */
  mtuOf(path: number): { was: readonly [number, number]; now: readonly [number, number] } {
    return {
      was: [this.#mtuWas[0]![path] ?? 0, this.#mtuWas[1]![path] ?? 0],
      now: [this.#mtuNow[0]![path] ?? 0, this.#mtuNow[1]![path] ?? 0],
    }
  }

  /** From now on what it carries is what it should. */
  acceptMtu(path: number): void {
    for (const k of [0, 1] as const) this.#mtuWas[k]![path] = this.#mtuNow[k]![path]!
  }

  forget(path: number): void {
    for (const series of [this.failures, this.mtu, this.expiry]) series.forget(path)
    this.#ends.delete(path)
    for (const column of [this.#code, this.#level, this.#knownMs, this.#last, this.#window, ...this.#mtuNow, ...this.#mtuWas])
      if (path < column.length) column[path] = 0
  }

  save(path: number): SavedPath | undefined {
    const one: SavedPath = {}
    for (const name of saved) {
      const state = this[name].save(path)
      if (state) one[name] = state
    }
    if (Object.keys(one).length === 0) return undefined
    const { was } = this.mtuOf(path)
    const end = this.#ends.get(path)
    return {
      ...one,
      code: this.#code[path]!,
      level: this.#level[path]!,
      ...(one.mtu && { mtuWas: [...was] as [number, number] }),
      ...(end && { end }),
    }
  }

  load(path: number, state: SavedPath): void {
    this.reserve(path + 1)
    for (const name of saved) if (state[name]) this[name].load(path, state[name])
    this.#code[path] = state.code ?? 0
    this.#level[path] = state.level ?? 0
    if (state.end) this.#ends.set(path, state.end)
    for (const [k, was] of (state.mtuWas ?? []).entries()) this.#mtuWas[k]![path] = was
  }
}
