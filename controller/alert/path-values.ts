/** Alerts of the values of a path that stand until they are measured anew: its MTU, and the ends of certificates. Memory of arrays; time is an argument. */
import { grown } from '../ingest/grow.ts'
import { type Badness, badnessIn } from './badness.ts'
import { type Expiry, judgeExpiry } from './expiry.ts'
import type { Rules } from './rules.ts'
import type { Mtu } from './say-mtu.ts'
import { bad, good, type SavedSeries, Series } from './series.ts'
import type { Tally } from './tally.ts'

/** Beside the level of an end that is near. */
const shortLife = 4
export type SavedValues = {
  mtu?: SavedSeries
  expiry?: SavedSeries
  level?: number
  /** Of the certificate that ends: when, and how long it lives, in seconds. */
  end?: [number, number]
  mtuWas?: [number, number]
}
type World = { readonly nowMs: number; readonly rules: Rules }

export class PathValues {
  readonly mtu = new Series()
  readonly expiry = new Series()
  #level = new Uint8Array(0)
  /** Of certificates that are late: when they end, and how long they live. Seconds. */
  readonly #ends = new Map<number, [number, number]>()
  #mtuNow = [new Float64Array(0), new Float64Array(0)]
  #mtuWas = [new Float64Array(0), new Float64Array(0)]

  reserve(count: number): void {
    this.mtu.reserve(count)
    this.expiry.reserve(count)
    this.#level = grown(this.#level, count)
    for (const k of [0, 1] as const) {
      this.#mtuNow[k] = grown(this.#mtuNow[k]!, count)
      this.#mtuWas[k] = grown(this.#mtuWas[k]!, count)
    }
  }

  take(path: number, { values }: Tally, world: World): void {
    if (values.mtuForward > 0 || values.mtuReverse > 0) this.#takeMtu(path, [values.mtuForward, values.mtuReverse], world)
    if (values.notAfter > 0) this.#takeEnd(path, values.notAfter, values.lifetime, world)
    else this.#takeEnd(path, values.svidNotAfter, values.svidLifetime, world)
  }

  #takeMtu(path: number, sizes: readonly number[], { nowMs, rules }: World): void {
    const rule = rules.byName.get('default/path-mtu')
    if (!rule) return
    let isLess = false
    for (const [k, now] of sizes.entries()) {
      if (now <= 0) continue
      this.#mtuNow[k]![path] = now
      if (now > this.#mtuWas[k]![path]!) this.#mtuWas[k]![path] = now
      isLess ||= now < this.#mtuWas[k]![path]!
    }
    this.mtu.step(path, isLess ? bad : good, rule.limits, nowMs)
  }

  #takeEnd(path: number, end: number, life: number, { nowMs, rules }: World): void {
    const expiry = judgeExpiry(end, life, nowMs)
    const rule = expiry && rules.byName.get(expiry.rule)
    if (!expiry || !rule) return
    this.#level[path] = expiry.level + (expiry.rule === 'default/svid-rotation' ? shortLife : 0)
    if (expiry.level > 0) this.#ends.set(path, [end, life])
    else this.#ends.delete(path)
    this.expiry.step(path, expiry.level > 0 ? bad : good, rule.limits, nowMs)
  }

  /** Whether it does not carry what it should; what ends soon works still. */
  isBad(path: number): boolean {
    return this.mtu.isBad(path)
  }

  badnessOf(path: number, rules: Rules): Badness | undefined {
    const rule = this.mtu.isBad(path) ? rules.byName.get('default/path-mtu') : undefined
    return rule && badnessIn(this.mtu, path, { rule, severity: rule.severity, layer: 'path' })
  }

  /** Of a certificate that should have been renewed. */
  lateOf(path: number, rules: Rules): Badness | undefined {
    if (!this.expiry.isBad(path)) return undefined
    const level = this.#level[path]!
    const rule = rules.byName.get(level & shortLife ? 'default/svid-rotation' : 'default/certificate-expiry')
    return rule && badnessIn(this.expiry, path, { rule, severity: (level & 3) === 3 ? 'page' : rule.severity, layer: 'certificate' })
  }

  /** Of a certificate that should have been renewed: how near its end it is now. */
  endOf(path: number, nowMs: number): (Expiry & { endsMs: number; lifeMs: number }) | undefined {
    const [end, life] = this.#ends.get(path) ?? []
    const expiry = end === undefined || life === undefined ? undefined : judgeExpiry(end, life, nowMs)
    return expiry && { ...expiry, endsMs: end! * 1000, lifeMs: life! * 1000 }
  }

  /** What it carried, and carries. */
  mtuOf(path: number): Mtu {
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
    this.mtu.forget(path)
    this.expiry.forget(path)
    this.#ends.delete(path)
    for (const column of [this.#level, ...this.#mtuNow, ...this.#mtuWas]) if (path < column.length) column[path] = 0
  }

  save(path: number): SavedValues | undefined {
    const [mtu, expiry] = [this.mtu.save(path), this.expiry.save(path)]
    if (!mtu && !expiry) return undefined
    const { was } = this.mtuOf(path)
    const end = this.#ends.get(path)
    return {
      ...(mtu && { mtu, mtuWas: [was[0], was[1]] }),
      ...(expiry && { expiry, level: this.#level[path]!, ...(end && { end }) }),
    }
  }

  load(path: number, { mtu, expiry, level, end, mtuWas }: SavedValues): void {
    this.reserve(path + 1)
    if (mtu) this.mtu.load(path, mtu)
    if (expiry) this.expiry.load(path, expiry)
    this.#level[path] = level ?? 0
    if (end) this.#ends.set(path, end)
    for (const [k, was] of (mtuWas ?? []).entries()) this.#mtuWas[k]![path] = was
  }
}
