import type { WirePoint } from '../../wire/otlp-point.ts'
import { labelsKey, type PathLabels } from '../history/labels.ts'
import { grown } from './grow.ts'
import { copyPath, hashPath, isSamePath } from './raw-attributes.ts'

export const noPath = -1
/** An attribute of more bytes is over every limit, and its length would not fit two bytes. */
const maxRawBytes = 16_384
/** A path may be known by several orders of its attributes; more are looked up by their names. */
const entriesPerPath = 4

/**
 * The paths of one agent, each with a small number, found by the bytes of their attributes. Numbers of paths that were silent for longer than
 * `keptMs` are given to others.
 */
export class PathTable {
  readonly labels: PathLabels[] = []
  readonly seenMs: number[] = []
  readonly checkedMs: number[] = []
  readonly #byKey = new Map<string, number>()
  readonly #maxPaths: number
  #slots = new Int32Array(64).fill(noPath)
  #entries = 0
  #hash = new Int32Array(0)
  #path = new Int32Array(0)
  #offset = new Uint32Array(0)
  #length = new Uint32Array(0)
  #following = new Int32Array(0)
  #otherFollowing = new Int32Array(0)
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  #used = 0
  #last = noPath
  #earliestMs = Number.NEGATIVE_INFINITY

  constructor(maxPaths: number) {
    this.#maxPaths = maxPaths
  }

  get rawBytes(): number {
    return this.#used
  }

  /**
   * The path with exactly these bytes; `noPath` if they were never seen. Requests of an agent have their paths in one order, metrics of one kind of check
   * without those of the others: so the two that followed the last one before are tried first, and the last one itself. Most points are found without a hash.
   */
  find(point: WirePoint, view: DataView, kinds: Uint8Array): number {
    const last = this.#last
    if (last !== noPath) {
      const next = this.#following[last]!
      if (next !== noPath && this.#isAt(next, point, view, kinds)) return this.#path[(this.#last = next)]!
      const other = this.#otherFollowing[last]!
      if (other !== noPath && this.#isAt(other, point, view, kinds)) return this.#path[(this.#last = other)]!
      if (this.#isAt(last, point, view, kinds)) return this.#path[last]!
    }
    const entry = this.#lookUp(hashPath(point, view, kinds), point, view, kinds)
    if (entry === noPath) return noPath
    if (last !== noPath) {
      this.#otherFollowing[last] = this.#following[last]!
      this.#following[last] = entry
    }
    this.#last = entry
    return this.#path[entry]!
  }

  #isAt(entry: number, point: WirePoint, view: DataView, kinds: Uint8Array): boolean {
    const offset = this.#offset[entry]!
    return isSamePath(point, view, kinds, this.#view, offset, offset + this.#length[entry]!)
  }

  #lookUp(hash: number, point: WirePoint, view: DataView, kinds: Uint8Array): number {
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!
      if (entry === noPath || (this.#hash[entry] === hash && this.#isAt(entry, point, view, kinds))) return entry
    }
  }

  /** The path with these labels, which may be new; `noPath` when there are too many. */
  add(labels: PathLabels, nowMs: number, keptMs: number): number {
    const key = labelsKey(labels)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const path = this.labels.length < this.#maxPaths ? this.labels.length : this.#takeSilent(nowMs - keptMs)
    if (path === noPath) return noPath
    this.labels[path] = labels
    this.seenMs[path] = nowMs
    this.checkedMs[path] = nowMs
    this.#byKey.set(key, path)
    return path
  }

  /** So that a path is found by these bytes from now on. */
  learn(path: number, point: WirePoint, bytes: Uint8Array, view: DataView, kinds: Uint8Array): void {
    const raw = copyPath(point, bytes, kinds)
    if (this.#entries >= this.#maxPaths * entriesPerPath || raw.length > maxRawBytes) return
    const entry = this.#entries++
    this.#hash = grown(this.#hash, this.#entries)
    this.#path = grown(this.#path, this.#entries)
    this.#offset = grown(this.#offset, this.#entries)
    this.#length = grown(this.#length, this.#entries)
    this.#following = grown(this.#following, this.#entries)
    this.#otherFollowing = grown(this.#otherFollowing, this.#entries)
    this.#bytes = grown(this.#bytes, this.#used + raw.length)
    this.#view = new DataView(this.#bytes.buffer)
    this.#hash[entry] = hashPath(point, view, kinds)
    this.#following[entry] = this.#otherFollowing[entry] = noPath
    this.#path[entry] = path
    this.#offset[entry] = this.#used
    this.#length[entry] = raw.length
    this.#bytes.set(raw, this.#used)
    this.#used += raw.length
    if (this.#entries * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2)
    else this.#place(entry)
  }

  #place(entry: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hash[entry]! & mask
    while (this.#slots[slot] !== noPath) slot = (slot + 1) & mask
    this.#slots[slot] = entry
  }

  #rehash(size: number): void {
    this.#slots = new Int32Array(size).fill(noPath)
    for (let entry = 0; entry < this.#entries; entry++) this.#place(entry)
  }

  /** Everything known by its bytes is forgotten with it: it is learnt again with the next batch. */
  #takeSilent(beforeMs: number): number {
    // Whoever asks for too many asks often: while nothing can have become old enough, nothing is looked for.
    if (beforeMs <= this.#earliestMs) return noPath
    const path = this.seenMs.findIndex(seenMs => seenMs < beforeMs)
    if (path === noPath) {
      this.#earliestMs = this.seenMs.reduce((least, seenMs) => Math.min(least, seenMs), Number.POSITIVE_INFINITY)
      return noPath
    }
    this.#byKey.delete(labelsKey(this.labels[path]!))
    this.#entries = this.#used = 0
    this.#last = noPath
    this.#rehash(this.#slots.length)
    return path
  }
}
