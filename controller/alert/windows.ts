/**
 * What came of each path since it was last looked at, out of minutes that grow: agents send every ten seconds, and the history shows each minute as it is so
 * far. A minute of an agent is what of it is history already and what is open still, of every replica; what it has more than the last time is the window.
 */
import type { Aggregate } from '../history/aggregate.ts'
import { isSelf } from '../history/labels.ts'
import { grown } from '../ingest/grow.ts'
import type { Paths } from './paths.ts'
import { at, emptyTally, type Tally, tally, unmeasuredOf, width } from './tally.ts'

/** Minutes that may still grow: older ones come from a spool, and say nothing of now. */
const slots = 3
export const minuteMs = 60_000
/** Runs that started later than this say more of their agent than of the path (reference: 100 ms, p99). */
const lateSeconds = 0.1

/** What there is of one minute of one agent at one moment, all of it. `closed` is handed over once, `open` as long as it is open. */
export type MinuteSeen = {
  readonly agent: string
  readonly startMs: number
  readonly closed: readonly Aggregate[]
  readonly open: readonly Aggregate[]
}

export class Windows {
  readonly #paths: Paths
  readonly #minute = Array.from({ length: slots }, () => new Float64Array(0))
  readonly #seen = Array.from({ length: slots }, () => new Float64Array(0))
  readonly #closed = Array.from({ length: slots }, () => new Float64Array(0))
  /** Of this window, by path and count (tally.ts). */
  now = new Float64Array(0)
  fail = new Uint8Array(0)
  unmeasured = new Uint8Array(0)
  /** Paths of which something came in this window. */
  touched: number[] = []
  #isTouched = new Uint8Array(0)
  /** Agents whose own runs were late in this window. */
  readonly lateAgents = new Set<string>()

  constructor(paths: Paths) {
    this.#paths = paths
  }

  reserve(count: number): void {
    for (let slot = 0; slot < slots; slot++) {
      this.#minute[slot] = grown(this.#minute[slot]!, count)
      this.#seen[slot] = grown(this.#seen[slot]!, count * width)
      this.#closed[slot] = grown(this.#closed[slot]!, count * width)
    }
    this.now = grown(this.now, count * width)
    this.fail = grown(this.fail, count)
    this.unmeasured = grown(this.unmeasured, count)
    this.#isTouched = grown(this.#isTouched, count)
  }

  /** The window is over. */
  clear(): void {
    for (const path of this.touched) {
      this.now.fill(0, path * width, (path + 1) * width)
      this.#isTouched[path] = 0
    }
    this.touched = []
    this.lateAgents.clear()
  }

  /** Adds what is new. `isFirst`: what was there before this controller led is known and is no window. `each` has every path with all that its minute says. */
  take(seen: MinuteSeen, isFirst: boolean, each: (path: number, whole: Tally, isClosed: boolean) => void): void {
    const [closed, open] = [this.#sum(seen.agent, seen.closed), this.#sum(seen.agent, seen.open)]
    for (const path of new Set([...closed.keys(), ...open.keys()])) {
      const [shut, growing] = [closed.get(path), open.get(path)]
      this.#add(path, seen.startMs / minuteMs, shut?.counts, growing?.counts, isFirst)
      if (isFirst && !growing) continue
      const last = growing ?? shut!
      this.fail[path] = last.fail || this.fail[path]!
      this.unmeasured[path] = last.unmeasured
      each(path, last, shut !== undefined)
    }
  }

  /** Agents most of whose runs in this window blame themselves: they answer those of others no better. */
  noteOverload(): void {
    const runs = new Map<number, { all: number; own: number }>()
    for (const path of this.touched) {
      const from = path * width
      const unmeasured = this.now[from + at.unmeasured]!
      const of = runs.get(this.#paths.agent[path]!) ?? { all: 0, own: 0 }
      runs.set(this.#paths.agent[path]!, of)
      of.all += this.now[from + at.ok]! + this.now[from + at.fail]! + unmeasured
      if (unmeasuredOf(this.unmeasured[path]!) === 'local_overload') of.own += unmeasured
    }
    for (const [agent, { all, own }] of runs) if (own * 2 > all) this.lateAgents.add(this.#paths.agentNames.all[agent]!)
  }

  #sum(agent: string, aggregates: readonly Aggregate[]): Map<number, Tally> {
    const sums = new Map<number, Tally>()
    for (const { paths } of aggregates)
      for (const { labels, cells } of paths) {
        if (isSelf(labels)) {
          const delay = cells.find(({ column }) => column.key === 'scheduleDelay' && column.form === 'times')?.value
          if (delay && typeof delay !== 'number' && delay.max > lateSeconds && delay.sum / delay.count > lateSeconds)
            this.lateAgents.add(agent)
          continue
        }
        const path = this.#paths.numberOf(agent, labels)
        this.reserve(path + 1)
        sums.set(path, tally(sums.get(path) ?? emptyTally(), cells))
      }
    return sums
  }

  #add(path: number, minute: number, closed: Float64Array | undefined, open: Float64Array | undefined, isFirst: boolean): void {
    const slot = minute % slots
    const [from, minutes] = [path * width, this.#minute[slot]!]
    const [seen, shut] = [this.#seen[slot]!, this.#closed[slot]!]
    if (minutes[path]! > minute) return
    if (minutes[path]! < minute) {
      minutes[path] = minute
      seen.fill(0, from, from + width)
      shut.fill(0, from, from + width)
    }
    let isNew = false
    for (let k = 0; k < width; k++) {
      if (closed) shut[from + k]! += closed[k]!
      const total = shut[from + k]! + (open?.[k] ?? 0)
      const more = total - seen[from + k]!
      if (more <= 0) continue
      seen[from + k] = total
      if (isFirst) continue
      this.now[from + k]! += more
      isNew = true
    }
    if (!isNew || this.#isTouched[path]) return
    this.#isTouched[path] = 1
    this.touched.push(path)
  }

  forget(path: number): void {
    for (let slot = 0; slot < slots; slot++) if (path < this.#minute[slot]!.length) this.#minute[slot]![path] = 0
    if (path < this.fail.length) this.fail[path] = this.unmeasured[path] = 0
  }
}
