import { randomBytes } from 'node:crypto'
import { inTurn } from '../in-turn.ts'
import { Disk } from './disk.ts'
import { changeEndpoints } from './endpoints.ts'
import { realFiles } from './files.ts'
import { numbering } from './numbering.ts'
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
import { newPending, type Pending } from './pending.ts'
import { readNext } from './read-next.ts'
import type { DropReason, NewRecord, Order, RecordKind, SpooledRecord, Takes } from './record.ts'
import { noteSettled } from './settle.ts'
import { HeldRecords } from './under-way.ts'
import { holdsWindow, ledgerOf, oldestAtMsOf, stateOf } from './views.ts'
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
export const openSpool = (options: SpoolOptions): Promise<Spool> => new Spool(options).open()

export class Spool {
  readonly boot: string
  readonly limitBytes: number
  readonly #memoryBytes: number
  readonly #flushEveryMs: number
  readonly #disk: Disk
  readonly #waiting = new Waiting()
  readonly #held = new HeldRecords()
  readonly #listeners = new Set<() => void>()
  readonly #takes: Takes
  readonly #number: ReturnType<typeof numbering>
  readonly #serial = inTurn()
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: SpoolOptions) {
    this.boot = options.boot ?? randomBytes(8).toString('hex')
    this.limitBytes = options.limitBytes ?? defaultLimitBytes
    this.#memoryBytes = options.memoryBytes ?? defaultMemoryBytes
    this.#flushEveryMs = options.flushEveryMs ?? defaultFlushEveryMs
    const { merge, nowMs, files = realFiles(options.directory), takes = () => true } = options
    this.#takes = takes
    this.#number = numbering(this.boot)
    this.#disk = new Disk(
      { merge, nowMs, takes, underWay: segment => this.#held.in(segment), files, limitBytes: this.limitBytes },
      options.endpoints,
    )
  }

  async open(): Promise<this> {
    await this.#disk.open()
    this.#arm()
    return this
  }

  /** Whether anybody is to get such records: they are forgotten otherwise. */
  isTaken(kind: RecordKind): boolean {
    return [...this.#disk.ledgers.keys()].some(e => this.#takes(e, kind))
  }

  /** Takes a record and gives its sequence number. Never waits and never fails: what can't be kept is counted as dropped. */
  append(record: NewRecord): number {
    const whole = this.#number(record)
    if (this.#closed || !this.isTaken(record.kind)) return whole.sequence
    const strangers = [...this.#disk.ledgers.keys()].filter(e => !this.#takes(e, record.kind))
    const pending = newPending(whole, strangers)
    if (record.payload.length > segmentBytesOf(this.limitBytes)) this.#drop(pending, 'size')
    else this.#waiting.add(pending)
    for (const oldest of this.#waiting.takeBeyond(this.#memoryBytes, one => this.#held.has(one))) this.#drop(oldest, 'memory')
    if (this.#disk.degraded) this.#announce()
    else if (this.#waiting.bytes > this.#memoryBytes / 2) void this.flush()
    this.#arm()
    return whole.sequence
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
      const onDisk = async () => store && (await readNext(store, { endpoint, order, held: this.#held.all }))
      const held =
        order === 'newest' ? (this.#inMemory(endpoint, order) ?? (await onDisk())) : ((await onDisk()) ?? this.#inMemory(endpoint, order))
      if (held) this.#held.add(held)
      return held
    })
  }

  /** The endpoint is done with it: it has it, but for `droppedItems`, which `why` explains. */
  settle(held: Held, droppedItems = 0, why: DropReason = 'rejected'): void {
    if (!this.#held.end(held)) return
    noteSettled(this.#disk, this.#waiting, held, { items: droppedItems, why })
    this.#arm()
  }

  /** The endpoint may not have it: `next` offers it again. */
  release(held: Held): void {
    this.#held.end(held)
  }

  /** From now on these are the endpoints. */
  setEndpoints(names: readonly string[]): Promise<void> {
    return this.#serial(async () => {
      await this.#writeOut()
      await changeEndpoints(this.#disk, this.#waiting, names)
      await this.#writeOut()
    })
  }

  /** All zero for an endpoint that is none. */
  ledger(endpoint: string): Ledger {
    return ledgerOf(this.#disk, this.#waiting, endpoint)
  }

  /** Whether this window's record is on disk, from a process before this one. */
  holds(record: SpooledRecord): boolean {
    return holdsWindow(this.#disk, record)
  }

  /** When the oldest record that the endpoint has yet to get began; undefined when it has got everything. */
  oldestAtMs(endpoint: string): number | undefined {
    return oldestAtMsOf(this.#disk, this.#waiting, endpoint)
  }

  state(): SpoolState {
    return stateOf(this.#disk, this.#waiting, this.limitBytes)
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
    const pending = this.#waiting.next(endpoint, order, one => this.#held.has(one, endpoint))
    pending?.tried.add(endpoint)
    return pending && { endpoint, record: pending.record, source: pending }
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
}
