/**
 * What an alert remembers of each of many subjects, as arrays: a million paths are judged in less than a second. Pure: time is an argument. A window that
 * is unknown changes nothing: no data neither fires nor resolves.
 */
import { grown } from '../ingest/grow.ts'

export const verdicts = ['unknown', 'good', 'bad'] as const
export type Verdict = (typeof verdicts)[number]
/** As the arrays have them. */
export const [unknown, good, bad] = [0, 1, 2] as const

export const phases = ['quiet', 'pending', 'firing'] as const
export type Phase = (typeof phases)[number]
const [quiet, pending, firing] = [0, 1, 2] as const

/** `bad` of the last `of` known windows make it pending, `good` in a row end it; at most eight. */
export type Hysteresis = { readonly bad: number; readonly of: number; readonly good: number }
export type Limits = Hysteresis & {
  /** From the first bad window. */
  readonly forMs: number
  /** How long after the first good window it goes on firing. */
  readonly keepMs: number
}
export type Change = 'pending' | 'firing' | 'resolved' | 'cancelled'

/** More changes than this within this time, and it is held instead of told again and again, until it has been well for so long. */
const [flapChanges, flapMs, calmMs] = [4, 30 * 60_000, 5 * 60_000]

/** What is kept of one subject over a restart. */
export type SavedSeries = {
  phase: number
  bits: number
  goods: number
  /** The first bad window. */
  since: number
  /** When it fired; 0 before. */
  fired: number
  until: number
  /** When the bad windows of a subject that is quiet were. */
  bads?: number[]
  changes?: number[]
}

const eight = 0xff
const onesOf = (bits: number): number => {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

export class Series {
  #phase = new Uint8Array(0)
  #bits = new Uint8Array(0)
  #goods = new Uint8Array(0)
  #since = new Float64Array(0)
  #fired = new Float64Array(0)
  #until = new Float64Array(0)
  readonly #bads = new Map<number, number[]>()
  readonly #changes = new Map<number, number[]>()

  /** Room for subjects 0 to `count` - 1. */
  reserve(count: number): void {
    if (count <= this.#phase.length) return
    this.#phase = grown(this.#phase, count)
    this.#bits = grown(this.#bits, count)
    this.#goods = grown(this.#goods, count)
    this.#since = grown(this.#since, count)
    this.#fired = grown(this.#fired, count)
    this.#until = grown(this.#until, count)
  }

  phaseOf(subject: number): Phase {
    return phases[this.#phase[subject] ?? quiet]!
  }
  isFiring(subject: number): boolean {
    return this.#phase[subject] === firing
  }
  /** Pending or firing: the hysteresis holds it for bad. */
  isBad(subject: number): boolean {
    return (this.#phase[subject] ?? quiet) !== quiet
  }
  /** Bad still, and the last window was good. */
  isRecovering(subject: number): boolean {
    return this.isBad(subject) && this.#goods[subject]! > 0
  }
  sinceMs(subject: number): number {
    return this.#since[subject] ?? 0
  }
  /** Nothing is remembered of it that has to be kept. */
  isDefault(subject: number): boolean {
    return this.#phase[subject] === quiet && this.#bits[subject] === 0 && !this.#changes.has(subject)
  }
  isFlapping(subject: number, nowMs: number): boolean {
    return this.#recent(subject, nowMs).length > flapChanges
  }

  /** One window. Resolves nothing and fires nothing on `unknown`. */
  step(subject: number, verdict: number, limits: Limits, nowMs: number): Change | undefined {
    if (verdict === unknown) return undefined
    const phase = this.#phase[subject]!
    const isBad = verdict === bad
    if (!isBad && phase === quiet && this.#bits[subject] === 0) return undefined
    this.#note(subject, isBad, nowMs, limits)
    if (phase === quiet) return isBad ? this.#enter(subject, limits, nowMs) : undefined
    if (isBad) return phase === pending && nowMs - this.#since[subject]! >= limits.forMs ? this.#fire(subject, nowMs) : undefined
    if (this.#goods[subject]! < limits.good) return undefined
    if (phase === pending) return this.#leave(subject, 'cancelled')
    if (nowMs < this.#until[subject]! + (this.isFlapping(subject, nowMs) ? calmMs : 0)) return undefined
    this.#changed(subject, nowMs)
    return this.#leave(subject, 'resolved')
  }

  #note(subject: number, isBad: boolean, nowMs: number, { of, keepMs }: Limits): void {
    const bits = this.#bits[subject]!
    if (this.#phase[subject] === quiet) {
      const bads = this.#bads.get(subject) ?? []
      if ((bits >> (of - 1)) & 1) bads.shift()
      if (isBad) bads.push(nowMs)
      if (bads.length > 0) this.#bads.set(subject, bads)
      else this.#bads.delete(subject)
    }
    if (!isBad && this.#goods[subject] === 0) this.#until[subject] = nowMs + keepMs
    this.#bits[subject] = ((bits << 1) | (isBad ? 1 : 0)) & (eight >> (8 - of))
    this.#goods[subject] = isBad ? 0 : Math.min(eight, this.#goods[subject]! + 1)
  }

  #enter(subject: number, limits: Limits, nowMs: number): Change | undefined {
    if (onesOf(this.#bits[subject]!) < limits.bad) return undefined
    this.#phase[subject] = pending
    this.#since[subject] = this.#bads.get(subject)?.[0] ?? nowMs
    this.#bads.delete(subject)
    return nowMs - this.#since[subject]! >= limits.forMs ? this.#fire(subject, nowMs) : 'pending'
  }

  #fire(subject: number, nowMs: number): Change {
    this.#phase[subject] = firing
    this.#fired[subject] = nowMs
    this.#changed(subject, nowMs)
    return 'firing'
  }

  #leave(subject: number, change: Change): Change {
    this.#phase[subject] = quiet
    this.#bits[subject] = this.#goods[subject] = 0
    this.#since[subject] = this.#fired[subject] = this.#until[subject] = 0
    this.#bads.delete(subject)
    return change
  }

  #recent(subject: number, nowMs: number): number[] {
    return (this.#changes.get(subject) ?? []).filter(atMs => atMs > nowMs - flapMs)
  }

  #changed(subject: number, nowMs: number): void {
    this.#changes.set(subject, [...this.#recent(subject, nowMs), nowMs])
  }

  /** Changes that are too old to count are forgotten. Subjects that are as if they had never been bad. */
  tidy(nowMs: number): number[] {
    const gone: number[] = []
    for (const subject of this.#changes.keys())
      if (this.#phase[subject] !== firing && this.#recent(subject, nowMs).length === 0) {
        this.#changes.delete(subject)
        gone.push(subject)
      }
    return gone
  }

  /** It is measured no longer. Whether it was firing. */
  forget(subject: number): boolean {
    const wasFiring = this.isFiring(subject)
    if (subject < this.#phase.length) this.#leave(subject, 'cancelled')
    this.#changes.delete(subject)
    return wasFiring
  }

  save(subject: number): SavedSeries | undefined {
    if (subject >= this.#phase.length || this.isDefault(subject)) return undefined
    const [bads, changes] = [this.#bads.get(subject), this.#changes.get(subject)]
    return {
      phase: this.#phase[subject]!,
      bits: this.#bits[subject]!,
      goods: this.#goods[subject]!,
      since: this.#since[subject]!,
      fired: this.#fired[subject]!,
      until: this.#until[subject]!,
      ...(bads && { bads: [...bads] }),
      ...(changes && { changes: [...changes] }),
    }
  }

  load(subject: number, saved: SavedSeries): void {
    this.reserve(subject + 1)
    this.#phase[subject] = saved.phase
    this.#bits[subject] = saved.bits
    this.#goods[subject] = saved.goods
    this.#since[subject] = saved.since
    this.#fired[subject] = saved.fired
    this.#until[subject] = saved.until
    if (saved.bads) this.#bads.set(subject, [...saved.bads])
    if (saved.changes) this.#changes.set(subject, [...saved.changes])
  }
}
