import { buildPart } from './build-part.ts'
import { Entries, type Segment, segmentName } from './entries.ts'
import type { Appender } from './files.ts'
import type { Entry } from './frame.ts'
import { Journal } from './journal.ts'
import { apply, type LedgerState, type Line } from './ledger.ts'
import { mergeSegment, planMerge, thinSegment } from './merge.ts'
import { exceptionsOf, type Pending } from './pending.ts'
import { isFinished } from './pick.ts'
import type { Recovered } from './recover.ts'
import type { StoreOptions } from './store-options.ts'
import type { UnderWay } from './under-way.ts'

/** The segments and the ledger on disk. Its methods are called one at a time; those that write reject with the file system's error, and can be called again. */
export class Store {
  readonly state: LedgerState
  readonly segments: Segment[]
  /** Records that merging has saved, since the start. */
  mergedAway = 0
  readonly #options: StoreOptions
  readonly #journal: Journal
  #nextSegment: number
  #active: { segment: Segment; file: Appender } | undefined

  constructor(options: StoreOptions, { state, segments, nextSegment, nextJournal }: Recovered) {
    this.#options = options
    this.state = state
    this.segments = segments
    this.#nextSegment = nextSegment
    this.#journal = new Journal(options.files, nextJournal, Math.min(1024 * 1024, options.limitBytes / 32))
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, this.#journal.allBytes)
  }

  /** Changes the ledger, here at once and on disk with the next `writeLedger`. */
  note(line: Line): void {
    apply(this.state, line)
    this.#journal.add(line)
  }

  writeLedger = (sync: boolean): Promise<void> => this.#journal.write(this.state, sync)

  /** A record's frame. */
  read = ({ number }: Segment, { offset, bytes }: Entry) => this.#options.files.readPart(segmentName(number), offset, bytes)

  /** Those that are durable have their `place` then, also when it rejects half-way. */
  async write(batch: readonly Pending[]): Promise<void> {
    for (let written = 0; written < batch.length; ) {
      const active = (this.#active ??= await this.#beginSegment())
      try {
        written += await this.#fill(active, batch.slice(written))
      } catch (error) {
        await this.#abandon(active)
        throw error
      }
      if (active.segment.bytes >= this.#options.segmentBytes) await this.seal()
    }
  }

  /** Writes until the batch or the room in the segment ends; gives how many. */
  async #fill({ segment, file }: { segment: Segment; file: Appender }, batch: readonly Pending[]): Promise<number> {
    const first = segment.entries.length
    const entries: Entry[] = []
    let end = segment.bytes
    while (entries.length < batch.length && (end < this.#options.segmentBytes || entries.length === 0)) {
      const part = buildPart(batch.slice(entries.length), first + entries.length, end, this.#options.segmentBytes - end)
      entries.push(...part.entries)
      end += part.frames.length
      await file.append(part.frames)
    }
    await file.sync()
    this.#place(segment, batch.slice(0, entries.length), entries, end)
    return entries.length
  }

  #place(segment: Segment, written: readonly Pending[], entries: readonly Entry[], end: number): void {
    const [s, n] = [segment.number, segment.entries.length]
    for (const [i, entry] of entries.entries()) {
      segment.entries.push(entry)
      written[i]!.place = { segment: s, index: entry.index }
    }
    segment.bytes = end
    const except = exceptionsOf(written, n)
    const i = entries.reduce((sum, { items }) => sum + items, 0)
    this.note({ t: 'append', s, n, to: n + entries.length, i, ...(except.length > 0 ? { except } : {}) })
    for (const { tried, place } of written) for (const e of tried) this.note({ t: 'try', e, s, n: place!.index })
  }

  async #beginSegment(): Promise<{ segment: Segment; file: Appender }> {
    const number = this.#nextSegment
    const file = await this.#options.files.create(segmentName(number))
    try {
      await this.#options.files.syncNames()
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    this.#nextSegment += 1
    const segment: Segment = { number, bytes: 0, sealed: false, merged: false, entries: new Entries() }
    this.segments.push(segment)
    return { segment, file }
  }

  /** After a failed write: what was counted stays, the rest is cut off where that is possible (recover.ts sees to it where it is not). */
  async #abandon({ segment, file }: { segment: Segment; file: Appender }): Promise<void> {
    await file.truncate(segment.bytes).catch(() => {})
    await this.seal()
    await this.removeFinished().catch(() => {})
  }

  /** No more goes into the present segment. Gives the number of the next. */
  async seal(): Promise<number> {
    if (this.#active) {
      this.#active.segment.sealed = true
      const { file } = this.#active
      this.#active = undefined
      await file.close().catch(() => {})
    }
    return this.#nextSegment
  }

  /**
   * Deletes the segments that every endpoint is done with. The ledger says so first: a file that comes back must not count as new. But on a full disk it is
   * the deleting that makes room for the ledger.
   */
  async removeFinished(): Promise<void> {
    const endpoints = [...this.state.endpoints.values()]
    const finished = this.segments.filter(segment => segment.sealed && isFinished(endpoints, segment))
    if (finished.length === 0) return
    for (const segment of finished) this.note({ t: 'close', s: segment.number, why: 'corrupt' })
    const isWritten = await this.writeLedger(true).then(
      () => true,
      () => false,
    )
    for (const segment of finished) await this.#remove(segment)
    if (!isWritten) await this.writeLedger(true)
  }

  async #remove(segment: Segment): Promise<void> {
    this.segments.splice(this.segments.indexOf(segment), 1)
    await this.#options.files.remove(segmentName(segment.number)).catch(() => {})
  }

  /** Merges, then drops, from the oldest, until there is room for so many bytes more and for a merge to work in. */
  async makeRoom(bytes: number): Promise<void> {
    const { limitBytes, segmentBytes } = this.#options
    while (this.bytes + bytes > limitBytes - segmentBytes) if (!(await this.#shrink())) return
  }

  async #shrink(): Promise<boolean> {
    const { files, merge } = this.#options
    if (!this.segments.some(({ sealed }) => sealed)) {
      if (!this.#active || this.#active.segment.bytes === 0) return false
      await this.seal()
    }
    const candidate = merge && this.segments.find(({ sealed, merged }) => sealed && !merged)
    if (merge && candidate) {
      candidate.merged = true
      const groups = planMerge(candidate, [...this.state.endpoints.values()])
      if (groups.length < candidate.entries.length) this.mergedAway += await mergeSegment(files, candidate, groups, merge)
      return true
    }
    const { underWay } = this.#options
    const oldest = this.segments.find(({ sealed, thinned, number }) => sealed && !(thinned && underWay(number).length > 0))
    if (!oldest) return false
    await this.#drop(oldest, underWay(oldest.number))
    return true
  }

  /** What is on its way may arrive, and is not dropped: it stays until it is known what became of it. */
  async #drop(segment: Segment, kept: readonly UnderWay[]): Promise<void> {
    const { number: s, entries } = segment
    if (kept.length === 0) this.note({ t: 'close', s, why: 'size' })
    else
      this.note({
        t: 'thin',
        s,
        to: this.state.known.get(s) ?? 0,
        why: 'size',
        keep: kept.map(one => [one.endpoint, one.index, one.items]),
      })
    // Should the disk be full, then this is what makes room on it.
    await this.writeLedger(true).catch(() => {})
    if (kept.length === 0) return this.#remove(segment)
    segment.thinned = true
    const indexes = new Set(kept.map(({ index }) => index))
    await thinSegment(
      this.#options.files,
      segment,
      [...entries].filter(({ index }) => indexes.has(index)),
    )
  }

  async close(): Promise<void> {
    await this.seal()
    await this.#journal.close()
  }
}
