/**
 * Alerts of paths that answer, and not as they should: slower than is usual for them, or against a rule of the fleet file. What is usual is given by the history
 * (history/baseline.ts); while a path fires it stays what it was.
 */

import { type Histogram, mergeInto, quantileOf } from '../../wire/histogram.ts'
import { linkName } from '../../wire/link-name.ts'
import type { ConditionName, Interval } from '../fleet/condition.ts'
import { msOf } from '../fleet/duration.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import { regionOf } from '../fleet/select.ts'
import type { PathLabels } from '../history/labels.ts'
import { baseTarget, type Paths } from './paths.ts'
import type { Rule, Rules } from './rules.ts'
import { bad, good, type SavedSeries, Series, unknown } from './series.ts'
import { at, failOf, type Tally } from './tally.ts'

/** Fewer samples say nothing of a 95th percentile. */
const leastSamples = 30
/** Slower than this many times the base and by at least this much; well again below the second. */
const [factor, more, clearFactor] = [2, 0.005, 1.5] as const
export const latencyRule = 'default/latency'

export type SlowWorld = { readonly nowMs: number; readonly rules: Rules; readonly fleet: MergedFleet; isBlindfold(path: number): boolean }

/** The p95 now against its base, seconds. Between the limits nothing changes. */
export const judgeLatency = (p95: number, base: number | undefined, objective: number | undefined): number => {
  if (objective !== undefined && p95 > objective) return bad
  if (base === undefined) return objective === undefined ? unknown : good
  const limit = Math.max(factor * base, base + more)
  if (p95 > limit) return bad
  return p95 < Math.max(clearFactor * base, base + more) || p95 < clearFactor * base ? good : unknown
}

const isInside = (value: number, { low, lowIn, high, highIn }: Interval): boolean =>
  (value > low || (lowIn && value === low)) && (value < high || (highIn && value === high))

const share = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined)

/** What a condition looks at, in its unit (fleet/condition.ts); undefined where the minute has nothing of it. */
export const measuredOf = (name: ConditionName, { counts, times, values }: Tally, nowMs: number): number | undefined => {
  const of = (place: keyof typeof at): number => counts[at[place]]!
  const quantile = (q: number): number | undefined => (times && times.count > 0 ? quantileOf(times, q)! * 1000 : undefined)
  if (name === 'p50') return quantile(0.5)
  if (name === 'p95') return quantile(0.95)
  if (name === 'p99') return quantile(0.99)
  if (name === 'loss') {
    const [sent, received] = [of('sent') + of('udpSentF') + of('udpSentR'), of('received') + of('udpReceivedF') + of('udpReceivedR')]
    return share(Math.max(0, sent - received), sent)
  }
  if (name === 'retransmits') return share(of('retransmitsF') + of('retransmitsR'), of('segmentsF') + of('segmentsR'))
  if (name === 'availability') return share(of('ok'), of('ok') + of('fail'))
  if (name === 'mtu') return Math.min(...[values.mtuForward, values.mtuReverse].filter(size => size > 0), Number.POSITIVE_INFINITY)
  const end = values.notAfter || values.svidNotAfter
  return end > 0 ? end * 1000 - nowMs : undefined
}

/** A rule of the fleet file on one minute of a path: all of its conditions at once. */
export const judgeRule = (rule: Rule, whole: Tally, nowMs: number): number => {
  const { counts } = whole
  if (counts[at.ok]! + counts[at.fail]! === 0) return unknown
  for (const [name, interval] of rule.when) {
    const value = measuredOf(name, whole, nowMs)
    if (value === undefined || value === Number.POSITIVE_INFINITY) return unknown
    if (!isInside(value, interval)) return good
  }
  const reason = failOf(whole.fail)
  if (rule.reasons.length > 0 && !(counts[at.fail]! > 0 && reason !== undefined && rule.reasons.includes(reason))) return good
  return bad
}

/** Whether a rule of the fleet file is about a path. */
export const isAbout = ({ on }: Rule, labels: PathLabels, fleet: Pick<MergedFleet, 'mesh'>): boolean =>
  (on.check === undefined || on.check === labels.check) &&
  (on.target === undefined || on.target === labels.target || on.target === baseTarget(labels.target)) &&
  (on.from === undefined || on.from === (labels.source && regionOf(labels.source))) &&
  (on.to === undefined || on.to === (labels.destination && regionOf(labels.destination))) &&
  (on.mesh === undefined ||
    (labels.target.startsWith('agent/') && fleet.mesh.some(({ name, checks }) => name === on.mesh && checks.includes(labels.check))))

/** By condition. */
export type Measured = { readonly [N in ConditionName]?: number | undefined }

export class SlowAlerts {
  readonly #paths: Paths
  readonly #series = new Map<string, Series>()
  /** What was heard since the last time that there was enough. */
  readonly #heard = new Map<number, Histogram>()
  /** Seconds. */
  readonly base = new Map<number, number>()
  readonly p95 = new Map<number, number>()
  /** What a rule of the fleet file saw when it judged a path for bad last, in the units of its conditions. */
  readonly #measured = new Map<string, Map<number, Measured>>()
  #objectives: { of: unknown; byLink: Map<string, number> } = { of: undefined, byLink: new Map() }

  constructor(paths: Paths) {
    this.#paths = paths
  }

  seriesOf(rule: string): Series {
    let series = this.#series.get(rule)
    if (!series) this.#series.set(rule, (series = new Series()))
    series.reserve(this.#paths.size)
    return series
  }
  names(): Iterable<string> {
    return this.#series.keys()
  }

  takeMinute(path: number, whole: Tally, isClosed: boolean, world: SlowWorld): void {
    if (world.isBlindfold(path)) return
    const labels = this.#paths.labels[path]
    if (!labels) return
    for (const rule of world.rules.custom) if (isAbout(rule, labels, world.fleet)) this.#judgeOwn(rule, path, whole, world.nowMs)
    const rule = world.rules.byName.get(latencyRule)
    if (!rule || !isClosed || !whole.times || !isAbout(rule, labels, world.fleet)) return
    const heard = this.#heard.get(path)
    if (heard) mergeInto(heard, whole.times)
    else this.#heard.set(path, { ...whole.times, counts: whole.times.counts.slice() })
    const all = heard ?? whole.times
    if (all.count < leastSamples) return
    const p95 = quantileOf(all, 0.95)!
    this.p95.set(path, p95)
    this.#heard.delete(path)
    const objective = this.objectiveOf(path, world.fleet)
    this.seriesOf(latencyRule).step(path, judgeLatency(p95, this.base.get(path), objective), rule.limits, world.nowMs)
  }

  #judgeOwn(rule: Rule, path: number, whole: Tally, nowMs: number): void {
    const verdict = judgeRule(rule, whole, nowMs)
    this.seriesOf(rule.name).step(path, verdict, rule.limits, nowMs)
    if (verdict !== bad) return
    const measured = this.#measured.get(rule.name) ?? new Map<number, Measured>()
    this.#measured.set(rule.name, measured)
    measured.set(path, Object.fromEntries(rule.when.map(([name]) => [name, measuredOf(name, whole, nowMs)])))
  }

  measuredBy(rule: string, path: number): Measured {
    return this.#measured.get(rule)?.get(path) ?? {}
  }

  /** The p95 that the link of a path is allowed, seconds. */
  objectiveOf(path: number, fleet: MergedFleet): number | undefined {
    const link = this.#paths.link[path]!
    return link < 0 ? undefined : this.#objectivesOf(fleet).get(this.#paths.links.all[link]!)
  }

  #objectivesOf(fleet: MergedFleet): Map<string, number> {
    if (this.#objectives.of !== fleet.links) {
      const byLink = new Map<string, number>()
      for (const { from, to, objective } of fleet.links)
        if (objective?.p95 !== undefined) byLink.set(linkName(from, to), msOf(objective.p95) / 1000)
      this.#objectives = { of: fleet.links, byLink }
    }
    return this.#objectives.byLink
  }

  /** From the history; a path that fires keeps what it is held against. */
  setBase(path: number, seconds: number | undefined): void {
    if (this.seriesOf(latencyRule).isBad(path)) return
    if (seconds === undefined) this.base.delete(path)
    else this.base.set(path, seconds)
  }

  /** It is held against nothing until there is a new base. */
  accept(path: number): void {
    this.seriesOf(latencyRule).forget(path)
    this.base.delete(path)
    this.#heard.delete(path)
  }

  forget(path: number): void {
    for (const series of this.#series.values()) series.forget(path)
    for (const map of [this.#heard, this.base, this.p95, ...this.#measured.values()]) map.delete(path)
  }

  /** Rules that there are no more. */
  keep(rules: Rules): void {
    for (const name of this.#series.keys())
      if (!rules.byName.has(name)) {
        this.#series.delete(name)
        this.#measured.delete(name)
      }
  }

  save(path: number): Record<string, SavedSeries & { base?: number }> | undefined {
    const all = [...this.#series].flatMap(([name, series]) => {
      const one = series.save(path)
      const base = name === latencyRule ? this.base.get(path) : undefined
      return one ? [[name, { ...one, ...(base !== undefined && { base }) }] as const] : []
    })
    return all.length > 0 ? Object.fromEntries(all) : undefined
  }

  load(path: number, state: Record<string, SavedSeries & { base?: number }>): void {
    for (const [name, one] of Object.entries(state)) {
      this.seriesOf(name).load(path, one)
      if (one.base !== undefined) this.base.set(path, one.base)
    }
  }
}
