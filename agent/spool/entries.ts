import type { Entry } from './frame.ts'
import { type RecordKind, recordKinds } from './record.ts'

/** A segment's table of contents, in columns: 44 bytes a record, whatever the backlog, and nothing for the garbage collector to walk. */
export class Entries {
  #count = 0
  #numbers = new Uint32Array(5 * 64)
  #times = new Float64Array(2 * 64)
  #tags = new Uint8Array(2 * 64)
  #groups = new Uint16Array(64)
  #boots: string[] = []

  get length(): number {
    return this.#count
  }

  /** Indexes must rise. */
  push(entry: Entry): void {
    const i = this.#count
    if (i * 2 === this.#tags.length) this.#grow()
    let boot = this.#boots.indexOf(entry.boot)
    if (boot < 0) boot = this.#boots.push(entry.boot) - 1
    this.#numbers.set([entry.index, entry.offset, entry.bytes, entry.items, entry.spanMs], i * 5)
    this.#times.set([entry.atMs, entry.sequence], i * 2)
    this.#tags.set([recordKinds.indexOf(entry.kind), boot], i * 2)
    this.#groups[i] = entry.group ?? 0
    this.#count += 1
  }

  at(i: number): Entry {
    const [numbers, times, tags] = [this.#numbers, this.#times, this.#tags]
    return {
      index: numbers[i * 5]!,
      offset: numbers[i * 5 + 1]!,
      bytes: numbers[i * 5 + 2]!,
      items: numbers[i * 5 + 3]!,
      spanMs: numbers[i * 5 + 4]!,
      atMs: times[i * 2]!,
      sequence: times[i * 2 + 1]!,
      group: this.#groups[i]!,
      kind: recordKinds[tags[i * 2]!] as RecordKind,
      boot: this.#boots[tags[i * 2 + 1]!]!,
    }
  }

  indexAt(i: number): number {
    return this.#numbers[i * 5]!
  }

  /** The first place whose index is at least this; `length` when there is none. */
  placeOf(index: number): number {
    let [low, high] = [0, this.#count]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.indexAt(middle) < index) low = middle + 1
      else high = middle
    }
    return low
  }

  some(is: (entry: Entry) => boolean): boolean {
    for (let i = 0; i < this.#count; i++) if (is(this.at(i))) return true
    return false
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let i = 0; i < this.#count; i++) yield this.at(i)
  }

  #grow(): void {
    const larger = <T extends Uint32Array | Float64Array | Uint16Array | Uint8Array>(made: T, from: T): T => {
      made.set(from)
      return made
    }
    this.#numbers = larger(new Uint32Array(this.#numbers.length * 2), this.#numbers)
    this.#times = larger(new Float64Array(this.#times.length * 2), this.#times)
    this.#tags = larger(new Uint8Array(this.#tags.length * 2), this.#tags)
    this.#groups = larger(new Uint16Array(this.#groups.length * 2), this.#groups)
  }
}

/**
 * A segment file. `sealed`: no more is written to it. `merged`: what could be merged in it has been. `thinned`: it was dropped but for what was on its way
 * to an endpoint.
 */
export type Segment = { number: number; bytes: number; sealed: boolean; merged: boolean; thinned?: boolean; entries: Entries }

/** Sixteen digits, so that names sort as numbers do. */
export const segmentName = (number: number): string => `${String(number).padStart(16, '0')}.segment`
export const journalName = (number: number): string => `${String(number).padStart(16, '0')}.ledger`
export const numberOf = (name: string, suffix: 'segment' | 'ledger'): number | undefined => {
  const [, digits] = new RegExp(`^(\\d{16})\\.${suffix}$`).exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}
