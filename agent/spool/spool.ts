import { randomBytes } from 'node:crypto'
import { Disk } from './disk.ts'
import { type Files, realFiles } from './files.ts'
import { emptyTally, spooledItems } from './ledger.ts'
import {
  defaultFlushEveryMs,
  defaultLimitBytes,
  defaultMemoryBytes,
  type Held,
  type Ledger,
  type SpoolOptions,
  type SpoolState,
  segmentBytesOf,
} from './options.ts'
import { newPending, owedItems, type Pending } from './pending.ts'
import { pick } from './pick.ts'
import { readNext } from './read-next.ts'
import type { DropReason, NewRecord, Order, SpooledRecord } from './record.ts'
import type { UnderWay } from './store.ts'
import { Waiting } from './waiting.ts'

const retryDiskMs = 5_000

/**
 * Opens the spool of a directory, whatever state its files are in. Rejects with `DirectoryInUse` when another agent has it, and for nothing else: a
 * directory that can't be used leaves the spool degraded from the start.
 *
 * A record counts as produced from `append` on in this process, and for good once it is in its file. A crash takes back what had not reached the
 * file (`flushEveryMs` and one write): after the restart it was never produced, as nobody can have got it. While the directory can't be written records
 * are sent from memory, and a crash then takes back both what they produced and what they delivered.
 * An endpoint that is new starts from now; one that is configured no more gives up its claims, and its ledger ends.
 */
export const openSpool = async (options: SpoolOptions): Promise<Spool> => {
  const spool = new Spool(options)
  await spool.open()
  return spool
}

export class Spool {
  readonly boot: string
  readonly limitBytes: number
  readonly #memoryBytes: number
  readonly #flushEveryMs: number
  readonly #files: Files
  readonly #disk: Disk
  readonly #waiting = new Waiting()
  readonly #held = new Set<Held>()
  readonly #listeners = new Set<() => void>()
  #sequence = 0
  #chain: Promise<unknown> = Promise.resolve()
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: SpoolOptions) {
    this.boot = options.boot ?? randomBytes(8).toString('hex')
    this.limitBytes = options.limitBytes ?? defaultLimitBytes
    this.#memoryBytes = options.memoryBytes ?? defaultMemoryBytes
    this.#flushEveryMs = options.flushEveryMs ?? defaultFlushEveryMs
    this.#files = options.files ?? realFiles(options.directory)
    const { merge, nowMs } = options
    const underWay = (segment: number): UnderWay[] => underWayIn(segment, this.#held)
    this.#disk = new Disk({ merge, nowMs, underWay, files: this.#files, limitBytes: this.limitBytes }, options.endpoints)
  }

  /** Rejects with `DirectoryInUse` only. */
  async open(): Promise<void> {
    await this.#disk.open()
    this.#arm()
  }

  /** Without any, what is appended is forgotten. */
  get hasEndpoints(): boolean {
    return this.#disk.ledgers.size > 0
  }

  /** Takes a record and gives its sequence number. Never waits and never fails: what can't be kept is counted as dropped. */
  append(record: NewRecord): number {
    const sequence = ++this.#sequence
    if (this.#closed || !this.hasEndpoints) return sequence
    const whole: SpooledRecord = { ...record, boot: this.boot, sequence }
    if (record.payload.length > segmentBytesOf(this.limitBytes)) this.#drop(newPending(whole), 'size')
    else this.#waiting.add(whole)
    while (this.#waiting.bytes > this.#memoryBytes) {
      const oldest = this.#waiting.takeOldest(pending => this.#isHeld(pending))
      if (!oldest) break
      this.#drop(oldest, 'memory')
    }
    if (this.#disk.degraded) this.#announce()
    else if (this.#waiting.bytes > this.#memoryBytes / 2) void this.flush()
    this.#arm()
    return sequence
  }

  /** Writes everything now. Resolves when that is done, or has failed: see `state().degraded`. Never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#serial(async () => {
      this.#flushing = undefined
      await this.#writeOut()
    })
    return this.#flushing
  }

  /** The next record for this endpoint that is not on its way already; undefined when there is none. */
  next(endpoint: string, order: Order): Promise<Held | undefined> {
    return this.#serial(async () => {
      const { store } = this.#disk
      const onDisk = async () => store && (await readNext(store, this.#files, { endpoint, order, held: this.#held }))
      const held =
        order === 'newest' ? (this.#inMemory(endpoint, order) ?? (await onDisk())) : ((await onDisk()) ?? this.#inMemory(endpoint, order))
      if (held) this.#held.add(held)
      return held
    })
  }

  /** The endpoint is done with it: it has it, but for `droppedItems`, which `why` explains. */
  settle(held: Held, droppedItems = 0, why: DropReason = 'rejected'): void {
    if (!this.#held.delete(held)) return
    const { endpoint: e, source, record } = held
    const settled = { e, i: record.items, ...(droppedItems > 0 ? { d: Math.min(droppedItems, record.items), why } : {}) }
    if (source.place) this.#disk.note({ t: 'done', s: source.place.segment, n: source.place.index, ...settled })
    else {
      // A `Pending` without a place is still in memory.
      const pending = source as Pending
      if (this.#disk.ledgers.has(e) && !pending.settled.has(e)) this.#disk.note({ t: 'pass', ...settled })
      pending.settled.add(e)
      this.#waiting.sweep(this.#disk.ledgers.keys())
    }
    this.#arm()
  }

  /** The endpoint may not have it: `next` offers it again. */
  release(held: Held): void {
    this.#held.delete(held)
  }

  /** From now on these are the endpoints. */
  setEndpoints(names: readonly string[]): Promise<void> {
    return this.#serial(async () => {
      await this.#writeOut()
      const { ledgers, store } = this.#disk
      const from = (await store?.seal()) ?? 0
      for (const e of [...ledgers.keys()]) if (!names.includes(e)) this.#disk.note({ t: 'leave', e })
      for (const e of names.filter(name => !ledgers.has(name))) {
        this.#disk.note({ t: 'join', e, from })
        for (const { settled } of this.#waiting.list) settled.add(e)
      }
      this.#waiting.sweep(ledgers.keys())
      await this.#writeOut()
    })
  }

  /** All zero for an endpoint that is none. */
  ledger(endpoint: string): Ledger {
    const state = this.#disk.ledgers.get(endpoint)
    const { produced, delivered, dropped } = state?.tally ?? emptyTally()
    const owed = state ? owedItems(this.#waiting.list, endpoint) : 0
    return { produced: produced + owed, delivered, dropped: { ...dropped }, spooled: (state ? spooledItems(state) : 0) + owed }
  }

  /** Whether this window's record is on disk, from a process before this one. */
  holds({ boot, atMs, group = 0 }: SpooledRecord): boolean {
    const segments = this.#disk.store?.segments ?? []
    return segments.some(({ entries }) =>
      entries.some(one => one.kind === 'windows' && one.boot === boot && one.atMs === atMs && one.group === group),
    )
  }

  /** When the oldest record that the endpoint has yet to get began; undefined when it has got everything. */
  oldestAtMs(endpoint: string): number | undefined {
    const state = this.#disk.ledgers.get(endpoint)
    const picked = state && this.#disk.store && pick(state, this.#disk.store.segments, 'oldest')
    if (picked) return picked.segment.entries.at(picked.place).atMs
    return state && this.#waiting.next(endpoint, 'oldest', () => false)?.record.atMs
  }

  state(): SpoolState {
    const { store, degraded, problems } = this.#disk
    return {
      bytes: store?.bytes ?? 0,
      limitBytes: this.limitBytes,
      segments: store?.segments.length ?? 0,
      inMemoryBytes: this.#waiting.bytes,
      mergedAway: store?.mergedAway ?? 0,
      ...(degraded ? { degraded: { ...degraded } } : {}),
      problems: [...problems],
    }
  }

  /** Calls when there may be something new for `next`. Gives what ends that. */
  onReady(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Writes what can be written and gives the directory up. What then is only in memory is lost, and was never produced for the next start. */
  async close(): Promise<void> {
    await this.flush()
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#serial(() => this.#disk.close())
  }

  /** While the disk can't be written, what waits for it can be sent all the same. */
  #inMemory(endpoint: string, order: Order): Held | undefined {
    if (!this.#disk.degraded || !this.#disk.ledgers.has(endpoint)) return undefined
    const pending = this.#waiting.next(endpoint, order, one => this.#isHeld(one, endpoint))
    pending?.tried.add(endpoint)
    return pending && { endpoint, record: pending.record, source: pending }
  }

  #isHeld(pending: Pending, by?: string): boolean {
    for (const { source, endpoint } of this.#held) if (source === pending && (by ?? endpoint) === endpoint) return true
    return false
  }

  #drop({ record, settled }: Pending, why: DropReason): void {
    for (const e of this.#disk.ledgers.keys()) if (!settled.has(e)) this.#disk.note({ t: 'pass', e, i: record.items, d: record.items, why })
  }

  async #writeOut(): Promise<void> {
    await this.#disk.write(this.#waiting)
    if (this.#disk.degraded) this.#arm()
    this.#announce()
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }

  #arm(): void {
    if (this.#flushEveryMs === 0 || this.#timer || this.#closed) return
    const inMs = this.#disk.degraded ? retryDiskMs : this.#flushEveryMs
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.flush()
    }, inMs)
    this.#timer.unref()
  }

  #serial<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#chain.then(task)
    this.#chain = run.catch(() => {})
    return run
  }
}

const underWayIn = (segment: number, held: Iterable<Held>): UnderWay[] =>
  [...held].flatMap(({ endpoint, record, source: { place } }) =>
    place?.segment === segment ? [{ endpoint, index: place.index, items: record.items }] : [],
  )
