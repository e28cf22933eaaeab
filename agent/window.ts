import type { AnyResult, Family, Outcome } from '../wire/result.ts'
import { Row, recordFacts } from './facts.ts'
import type { Labels } from './metrics.ts'
import { outcomeCode } from './outcome-code.ts'
import type { Path, Place } from './path.ts'
import type { WindowRecord } from './record.ts'
import { noRow, Rows } from './rows.ts'
import type { Self } from './self.ts'
import { Table } from './table.ts'
import { Totals } from './totals.ts'
import { type Bounds, boundsOf, type Clock, type Opened } from './window-bounds.ts'

/** So many paths in one record at most: one record is one OTLP request. */
export const pathsPerRecord = 200

/**
 * What a run adds to what is known of its path: `changed`: another outcome or reason than the run before; `failed`: the first failure with
 * this reason in this window; `same`: nothing new; `gone`: the path is not measured any more, and the run is not kept.
 */
export type Noted = 'changed' | 'failed' | 'same' | 'gone'

/** Paths that are read in one go: a ms or two, after which a probe that is due can have its turn. */
const pathsPerTurn = 50

/** A closed window. It is read once and to its end, by either: `parts` says `more` where other work can be done before the next record is whole. */
export type WindowSet = Bounds & {
  readonly records: () => Generator<WindowRecord>
  readonly parts: () => Generator<WindowRecord | 'more'>
}

type Deps = { readonly clock: Clock; readonly self: Self; readonly source?: Place }

/** Windows of every path's runs, in one table that is replaced by another when a window ends. */
export class Windows {
  /** What the paths have added up to until the last window that was read; for the page for Prometheus. */
  readonly totals: Totals
  readonly #deps: Deps
  readonly #rows = new Rows()
  readonly #row: Row
  #families: Uint8Array
  #lastOutcomes: Uint16Array
  #spare: Table | undefined
  #opened: Opened

  constructor(paths: readonly Path[], deps: Deps) {
    const { capacity } = this.#rows
    this.#deps = deps
    this.#row = new Row(new Table(capacity))
    this.totals = new Totals(capacity)
    this.#families = new Uint8Array(capacity)
    this.#lastOutcomes = new Uint16Array(capacity)
    this.#opened = { wallMs: deps.clock.wallMs(), monotonicMs: deps.clock.monotonicMs() }
    this.setPaths(paths)
  }

  /** Measures these paths from now on. Those that stay keep their counts; those that go are in the window that is open. */
  setPaths(paths: readonly Path[]): void {
    const added = this.#rows.replace(paths)
    const { capacity } = this.#rows
    if (this.#families.length < capacity) {
      const [families, lastOutcomes] = [new Uint8Array(capacity), new Uint16Array(capacity)]
      families.set(this.#families)
      lastOutcomes.set(this.#lastOutcomes)
      this.#families = families
      this.#lastOutcomes = lastOutcomes
      this.totals.grow(capacity)
      this.#row.table.grow(capacity)
    }
    for (const fresh of added) {
      this.#families[fresh] = 0
      this.#lastOutcomes[fresh] = 0
    }
  }

  /** Adds a finished run of the path with this key, which is at `index` of the list given last unless that was replaced meanwhile. */
  record(index: number, result: AnyResult, run: { key: string; lateMs: number }): Noted {
    const at = this.#rows.find(index, run.key)
    if (at === noRow) return 'gone'
    this.#row.row = at
    if (result.target.family !== undefined) this.#families[at] = result.target.family
    recordFacts(result, this.#row)
    this.#deps.self.sample('scheduleDelay', run.lateMs)
    return this.#note(at, result.outcome)
  }

  /** Adds an outage that has ended to a path, found as in `record`. */
  recordOutage(index: number, key: string, lengthMs: number): void {
    const at = this.#rows.find(index, key)
    if (at !== noRow) this.#row.table.sample(at, 'outage', lengthMs)
  }

  /** Ends the window that is open and begins the next. */
  close(): WindowSet {
    const { clock } = this.#deps
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()]
    const bounds = boundsOf(this.#opened, wallMs, monotonicMs)
    this.#opened = { wallMs: bounds.endMs, monotonicMs: monotonicMs - Math.max(0, wallMs - bounds.endMs) }
    const table = this.#row.table
    this.#row.table = this.#spare ?? new Table(this.#rows.capacity)
    this.#row.table.grow(this.#rows.capacity)
    this.#spare = undefined
    const measured = this.#rows.paths.slice()
    const retired = this.#rows.takeRetired()
    const parts = () => this.#read({ table, bounds, measured, retired })
    return { ...bounds, parts, records: () => wholeOf(parts()) }
  }

  /** What the window that is open has so far; nothing is changed by it. The agent's own part is left out. */
  *peek(): Generator<WindowRecord> {
    const { clock, source } = this.#deps
    const bounds = boundsOf(this.#opened, clock.wallMs(), clock.monotonicMs())
    const table = this.#row.table
    const measured = this.#rows.paths.slice()
    for (let first = 0, group = 0; first < measured.length; first += pathsPerRecord, group++) {
      const paths = this.#pathsOf(table, measured, first, first + pathsPerRecord).flatMap(({ all, labels, points }) =>
        all.length > 0 ? [{ labels, points }] : [],
      )
      if (paths.length > 0) yield { type: 'window', ...bounds, group, source, self: [], paths }
    }
  }

  /** The paths of now with their rows in `totals`. */
  *current(): Generator<{ row: number; key: string; labels: Labels }> {
    // The list of now: another one may be given before this has been read.
    const { current, paths } = this.#rows
    for (const row of current) {
      const path = paths[row]
      if (path) yield { row, key: path.key, labels: this.#labelsOf(path, row) }
    }
  }

  /** Whose row it is now. */
  keyOf(row: number): string | undefined {
    return this.#rows.paths[row]?.key
  }

  /** Reads a table that is not written to any more, and keeps it for the window after next. */
  *#read({ table, bounds, measured, retired }: Closed): Generator<WindowRecord | 'more'> {
    const { self, source } = this.#deps
    for (let first = 0, group = 0; first < Math.max(1, measured.length); first += pathsPerRecord, group++) {
      const record: WindowRecord = { type: 'window', ...bounds, group, source, self: group === 0 ? self.take() : [], paths: [] }
      const end = Math.min(first + pathsPerRecord, measured.length)
      for (let from = first; from < end; from += pathsPerTurn) {
        if (from > first) yield 'more'
        for (const { at, all, labels, points } of this.#pathsOf(table, measured, from, Math.min(from + pathsPerTurn, end))) {
          this.totals.take(at, all)
          if (all.length > 0) record.paths.push({ labels, points })
        }
      }
      if (record.paths.length > 0 || record.self.length > 0) yield record
    }
    for (const row of retired) this.totals.forget(row)
    this.#rows.free(retired)
    table.clear()
    this.#spare = table
  }

  /** Some paths with what a table has of them. `points` leaves out what nothing was added to: it goes without saying, and the totals know it as a zero. */
  #pathsOf(table: Table, measured: readonly (Path | undefined)[], first: number, end: number) {
    const found = []
    for (let at = first; at < Math.min(end, measured.length); at++) {
      const path = measured[at]
      if (!path) continue
      const all = table.points(at)
      found.push({ at, all, labels: this.#labelsOf(path, at), points: all.filter(({ value }) => value !== 0) })
    }
    return found
  }

  #labelsOf(path: Path, row: number): Labels {
    const { check, kind, target, host, port, destination } = path
    const family = this.#families[row] === 0 ? undefined : (this.#families[row] as Family)
    return { check, kind, target: target.name, host, port, family, destination }
  }

  #note(row: number, outcome: Outcome): Noted {
    const code = outcomeCode(outcome)
    const before = this.#lastOutcomes[row]
    this.#lastOutcomes[row] = code
    // The first run of a path changes nothing when it is as it should be.
    if (before !== code && (before !== 0 || outcome.kind !== 'ok')) return 'changed'
    return outcome.kind === 'fail' && this.#row.table.sumOf(row, 'runs', 'fail', outcome.reason) === 1 ? 'failed' : 'same'
  }
}

function* wholeOf(parts: Iterable<WindowRecord | 'more'>): Generator<WindowRecord> {
  for (const part of parts) if (part !== 'more') yield part
}

type Closed = {
  readonly table: Table
  readonly bounds: Bounds
  readonly measured: readonly (Path | undefined)[]
  readonly retired: readonly number[]
}
