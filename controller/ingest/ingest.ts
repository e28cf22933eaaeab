import type { OtlpAnswer } from '../../wire/otlp-answer.ts'
import { ColumnNumbers } from '../history/column.ts'
import type { OpenMinute } from '../store/open-history.ts'
import type { Owns, Rejections } from './decode.ts'
import { type Delivery, isRefusal, refuse } from './delivery.ts'
import { EventBudget } from './event-budget.ts'
import type { Commit, Recoverable, StoredBatch } from './group.ts'
import { type BodyLimits, defaultBodyLimits } from './gunzip.ts'
import { type ClosedMinute, OpenMinutes } from './open-minutes.ts'
import { type Prepared, Preparer, problemsOf, sentenceOf, total } from './prepare.ts'
import { type BatchId, Received, type ReceivedRow } from './received.ts'

export type IngestLimits = {
  readonly body: BodyLimits
  readonly pathsPerAgent: number
  readonly waitingBytes: number
  readonly groupBatches: number
}
export const defaultIngestLimits: IngestLimits = {
  body: defaultBodyLimits,
  pathsPerAgent: 2_000,
  waitingBytes: 32 * 2 ** 20,
  groupBatches: 64,
}
/** What has to be counted of ingest, since the start. `items` are points and log records that were taken. */
export type IngestCounts = {
  items: number
  batches: number
  duplicates: number
  refused: number
  failed: number
  /** Events that were more than an agent may have in a minute. */
  eventsLeftOut: number
  readonly rejected: Rejections
}
export type IngestParts = { readonly owns: Owns; readonly nowMs: () => number; readonly commit: Commit; readonly limits?: IngestLimits }

type Waiting = { readonly delivery: Delivery; readonly answer: (answer: OtlpAnswer) => void }
/** The same batch may have been sent twice at once: all who wait for it get the same answer. */
type Entry = { readonly delivery: Delivery; readonly prepared: Prepared; readonly waiting: Waiting[] }

const taken: OtlpAnswer = { kind: 'taken', rejected: 0, message: '' }
const keyOf = ({ agent, boot, sequence }: BatchId): string => `${sequence} ${boot} ${agent}`
const retryAfterS = 5

/** From requests to blobs: inflate, decode, commit all that waits together, then merge. One group after another, in the thread in which it is made. */
export class Ingest {
  readonly counts: IngestCounts = { items: 0, batches: 0, duplicates: 0, refused: 0, failed: 0, eventsLeftOut: 0, rejected: {} }
  readonly received = new Received()
  readonly #limits: IngestLimits
  readonly #parts: IngestParts
  readonly #preparer: Preparer
  readonly #open: OpenMinutes
  readonly #events = new EventBudget()
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #running: Promise<void> | undefined

  constructor(parts: IngestParts) {
    this.#parts = parts
    this.#limits = parts.limits ?? defaultIngestLimits
    const numbers = new ColumnNumbers()
    this.#preparer = new Preparer({ numbers, owns: parts.owns, ...this.#limits })
    this.#open = new OpenMinutes(numbers.all)
  }

  /** Resolves after the commit; never rejects. */
  receive(delivery: Delivery): Promise<OtlpAnswer> {
    const bytes = delivery.body.length
    if (this.#waitingBytes + bytes > this.#limits.waitingBytes)
      return Promise.resolve(refuse(503, 'too much is waiting to be stored', retryAfterS))
    this.#waitingBytes += bytes
    const { promise, resolve } = Promise.withResolvers<OtlpAnswer>()
    this.#waiting.push({ delivery, answer: resolve })
    this.#running ??= this.#run()
    return promise
  }

  /** A batch that was committed before a restart. False: nothing of it is to be counted any more, so it need not be kept. */
  recover(batch: Recoverable): boolean {
    const prepared = this.#preparer.prepare({ ...batch, signal: 'metrics' }, batch.atMs)
    if (isRefusal(prepared)) return false
    const isHeld = this.#open.add(batch.id, prepared.staged, prepared.paths, batch.done)
    this.#preparer.release(prepared)
    return isHeld
  }

  /** Takes out the minutes that ended by `endMs`. Who takes one must store it, or keep it until it can; and in this order. */
  closeMinutes(endMs: number): Generator<ClosedMinute> {
    return this.#open.close(endMs)
  }

  /** What is known of the minutes that are not closed, of those that have changed since this was asked last. */
  openMinutes(): Generator<OpenMinute> {
    return this.#open.changed()
  }

  /** Of minutes that are not closed. */
  get openBytes(): number {
    return this.#open.bytes
  }

  /** What was silent for 27 hours; returns the rows of received batches that the store may delete. */
  forget(): { agent: string; boot: string }[] {
    for (const agent of this.#preparer.forget(this.#parts.nowMs())) this.#open.forget(agent)
    return this.received.forget(this.#parts.nowMs())
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // What comes within this turn goes into the first group.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commit(this.#prepare(this.#waiting.splice(0, this.#limits.groupBatches)))
    this.#running = undefined
  }

  /** What is to be committed; all else is answered. */
  #prepare(group: readonly Waiting[]): Entry[] {
    const entries = new Map<string, Entry>()
    for (const waiting of group) {
      const { delivery } = waiting
      this.#waitingBytes -= delivery.body.length
      const same = entries.get(keyOf(delivery.id))
      if (same || this.received.has(delivery.id)) {
        this.counts.duplicates++
        if (same) same.waiting.push(waiting)
        else waiting.answer(taken)
        continue
      }
      const prepared = this.#preparer.prepare(delivery, this.#parts.nowMs())
      if (isRefusal(prepared)) {
        this.counts.refused++
        waiting.answer(prepared)
      } else entries.set(keyOf(delivery.id), { delivery, prepared, waiting: [waiting] })
    }
    return [...entries.values()]
  }

  async #commit(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return
    const before = this.#claim(entries)
    const atMs = this.#parts.nowMs()
    const received = entries.map(({ delivery }) => delivery.id)
    const batches = entries.filter(({ prepared }) => prepared.staged.points > 0).map(({ delivery }) => storedOf(delivery))
    const events = entries.flatMap(({ delivery: { id }, prepared }) =>
      this.#events.take(id.agent, prepared.events, atMs).map(event => ({ id, event })),
    )
    try {
      const elsewhere = new Set((await this.#parts.commit({ atMs, received, batches, events })).map(keyOf))
      for (const entry of entries) this.#take(entry, elsewhere.has(keyOf(entry.delivery.id)))
    } catch {
      // The store says in its own words what is wrong with it; agents only need to come again.
      this.counts.failed++
      for (const [key, row] of before) this.received.restore(...(JSON.parse(key) as [string, string]), row)
      for (const { waiting } of entries) for (const { answer } of waiting) answer(refuse(503, 'it could not be stored', retryAfterS))
    }
    for (const { prepared } of entries) this.#preparer.release(prepared)
  }

  /** Marks them as received; returns what was known of their boots before. */
  #claim(entries: readonly Entry[]): Map<string, ReceivedRow | undefined> {
    const before = new Map<string, ReceivedRow | undefined>()
    for (const { delivery } of entries) {
      const { agent, boot } = delivery.id
      const key = JSON.stringify([agent, boot])
      if (!before.has(key)) {
        const row = this.received.row(agent, boot)
        before.set(key, row && { ...row, ranges: [...row.ranges] })
      }
      this.received.add(delivery.id, this.#parts.nowMs())
    }
    return before
  }

  #take({ delivery, prepared, waiting }: Entry, isElsewhere: boolean): void {
    const rejected = total(prepared.rejections)
    if (isElsewhere) this.counts.duplicates++
    else {
      this.counts.batches++
      this.counts.items += prepared.items - rejected
      this.counts.eventsLeftOut = this.#events.leftOut
      for (const problem of problemsOf(prepared.rejections))
        this.counts.rejected[problem] = (this.counts.rejected[problem] ?? 0) + prepared.rejections[problem]!
      this.#open.add(delivery.id, prepared.staged, prepared.paths)
    }
    const answer: OtlpAnswer = { kind: 'taken', rejected, message: sentenceOf(prepared.rejections) }
    for (const one of waiting) one.answer(answer)
  }
}

const storedOf = ({ id, encoding, isGzip, body }: Delivery): StoredBatch => ({ id, encoding, isGzip, body })
