/** Whether silent ICMP, echoes or the answers that a trace lives of, is a filter: TCP beside it, from the same agent to the same target, has answered lately. */
import { grown } from '../ingest/grow.ts'
import { kindCode, type Paths } from './paths.ts'
import { at, width } from './tally.ts'
import type { Windows } from './windows.ts'

/** Silent ICMP beside a TCP that has answered so lately is filtered, not down. */
const siblingMs = 60_000
const [tcp, icmp, trace] = [kindCode('tcp'), kindCode('icmp'), kindCode('trace')]

export class Filtered {
  readonly #paths: Paths
  #answeredMs = new Float64Array(0)
  #silentMs = new Float64Array(0)

  constructor(paths: Paths) {
    this.#paths = paths
  }

  /** What TCP said in this window, before anything is judged. */
  note({ touched, now }: Windows, nowMs: number): void {
    const { kind, group: groups } = this.#paths
    this.#answeredMs = grown(this.#answeredMs, groups.length)
    this.#silentMs = grown(this.#silentMs, groups.length)
    for (const path of touched) {
      if (kind[path] !== tcp) continue
      const group = groups[path]!
      if (now[path * width + at.ok]! > 0) this.#answeredMs[group] = nowMs
      else if (now[path * width + at.fail]! > 0) this.#silentMs[group] = nowMs
    }
  }

  has(path: number, nowMs: number): boolean {
    const kind = this.#paths.kind[path]
    if (kind !== icmp && kind !== trace) return false
    const group = this.#paths.group[path]!
    return this.#answeredMs[group]! > nowMs - siblingMs && this.#answeredMs[group]! > this.#silentMs[group]!
  }
}
