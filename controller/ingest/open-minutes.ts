import type { PathAggregate } from '../history/aggregate.ts'
import { encodeBlob } from '../history/blob.ts'
import type { Column } from '../history/column.ts'
import type { OpenMinute } from '../store/open-history.ts'
import { Minute, type MinuteSizes } from './minute.ts'
import type { PathTable } from './path-table.ts'
import type { BatchId } from './received.ts'
import type { Staged } from './staged.ts'

export const minuteMs = 60_000

/** A minute of one agent as it is stored. Late data makes another one for the same minute; readers merge them. */
export type ClosedMinute = {
  readonly agent: string
  readonly startMs: number
  readonly spanMs: number
  readonly paths: number
  readonly blob: Uint8Array
  /** Batches of which all is in blobs now: they need no longer be kept as they came. */
  readonly finished: readonly BatchId[]
  /** Batches of which other minutes are open still. */
  readonly partly: readonly BatchId[]
}

type Held = { readonly id: BatchId; openMinutes: number }
type Open = { readonly minute: Minute; readonly batches: Set<Held>; readonly paths: PathTable; isChanged: boolean }

/** What came of minutes that are not stored yet, by agent and minute. */
export class OpenMinutes {
  readonly #columns: readonly Column[]
  readonly #agents = new Map<string, Map<number, Open>>()
  readonly #sizes = new Map<string, MinuteSizes>()

  constructor(columns: readonly Column[]) {
    this.#columns = columns
  }

  get bytes(): number {
    let bytes = 0
    for (const minutes of this.#agents.values()) for (const { minute } of minutes.values()) bytes += minute.bytes
    return bytes
  }

  /** An agent that went. */
  forget(agent: string): void {
    this.#sizes.delete(agent)
  }

  /** Without the minutes that are `done`. False if nothing of it is in an open minute. */
  add(id: BatchId, staged: Staged, paths: PathTable, done: readonly number[] = []): boolean {
    const minutes = this.#agents.get(id.agent) ?? new Map<number, Open>()
    this.#agents.set(id.agent, minutes)
    const held: Held = { id, openMinutes: 0 }
    let last = Number.NaN
    for (let k = 0; k < staged.points; k++) {
      const number = staged.minute[k]!
      if (number === last) continue
      last = number
      if (done.includes(number)) continue
      const open = minutes.get(number) ?? this.#open(id.agent, paths)
      minutes.set(number, open)
      if (open.batches.has(held)) continue
      open.batches.add(held)
      open.isChanged = true
      held.openMinutes++
      open.minute.add(staged, number)
    }
    return held.openMinutes > 0
  }

  #open(agent: string, paths: PathTable): Open {
    return { minute: new Minute(this.#columns, this.#sizes.get(agent)), batches: new Set<Held>(), paths, isChanged: false }
  }

  /** Those that have changed since they were last asked for, as blobs; one after the other. */
  *changed(): Generator<OpenMinute> {
    for (const [agent, minutes] of this.#agents)
      for (const [number, open] of minutes) {
        if (!open.isChanged) continue
        open.isChanged = false
        yield { agent, startMs: number * minuteMs, blob: blobOf(number * minuteMs, [...open.minute.paths(open.paths.labels)]) }
      }
  }

  /** Takes out the minutes that ended by `endMs`, as blobs; one agent after the other, so that other work can be done in between. */
  *close(endMs: number): Generator<ClosedMinute> {
    for (const [agent, minutes] of this.#agents) {
      for (const [number, open] of minutes) {
        const startMs = number * minuteMs
        if (startMs + minuteMs > endMs) continue
        minutes.delete(number)
        this.#sizes.set(agent, open.minute.sizes)
        yield closed(agent, startMs, open)
      }
      if (minutes.size === 0) this.#agents.delete(agent)
    }
  }
}

const closed = (agent: string, startMs: number, { minute, batches, paths }: Open): ClosedMinute => {
  const all = [...minute.paths(paths.labels)]
  const [finished, partly]: [BatchId[], BatchId[]] = [[], []]
  for (const held of batches) (--held.openMinutes === 0 ? finished : partly).push(held.id)
  return { agent, startMs, spanMs: minuteMs, paths: all.length, blob: blobOf(startMs, all), finished, partly }
}

const blobOf = (startMs: number, paths: readonly PathAggregate[]): Uint8Array => encodeBlob({ startMs, spanMs: minuteMs, paths })
