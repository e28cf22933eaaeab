import { type Attached, attach, carryOver, ledgerWithout } from './attach.ts'
import { frameBytesAtMost } from './frame.ts'
import { apply, type LedgerState, type Line } from './ledger.ts'
import { DirectoryInUse } from './lock.ts'
import { type SpoolState, segmentBytesOf } from './options.ts'
import type { StoreOptions } from './store-options.ts'
import type { Waiting } from './waiting.ts'

export type DiskOptions = Pick<StoreOptions, 'files' | 'limitBytes' | 'merge' | 'takes' | 'underWay'> & { nowMs: () => number }

/** The directory, and what there is instead of it while it can't be used. Its methods are called one at a time. */
export class Disk {
  readonly #options: DiskOptions
  /** The ledger until the directory can be used. */
  readonly #without: LedgerState
  #attached: Attached | undefined
  degraded: SpoolState['degraded']

  constructor(options: DiskOptions, endpoints: readonly string[]) {
    this.#options = options
    this.#without = ledgerWithout(endpoints)
  }

  get store(): Attached['store'] | undefined {
    return this.#attached?.store
  }

  get problems(): readonly string[] {
    return this.#attached?.problems ?? []
  }

  get ledgers(): LedgerState['endpoints'] {
    return (this.store?.state ?? this.#without).endpoints
  }

  note(line: Line): void {
    if (this.store) this.store.note(line)
    else apply(this.#without, line)
  }

  /** Rejects with `DirectoryInUse` only. */
  async open(): Promise<void> {
    try {
      await this.#attach()
    } catch (error) {
      if (error instanceof DirectoryInUse) throw error
      this.#degrade(error as Error)
    }
  }

  /** Writes what waits and the ledger. Never rejects: what can't be written stays where it is. */
  async write(waiting: Waiting): Promise<void> {
    try {
      const store = await this.#attach()
      // First, as on a full disk this is what makes room.
      await store.removeFinished()
      const due = waiting.list.slice()
      for (let written = 0; written < due.length; ) written += await this.#writeSome(waiting, due.slice(written))
      await store.removeFinished()
      await store.makeRoom(0)
      await store.writeLedger(true)
      this.degraded = undefined
    } catch (error) {
      this.#degrade(error as Error)
    }
  }

  /** About a segment's worth. Gives how many. */
  async #writeSome(waiting: Waiting, due: Waiting['list']): Promise<number> {
    const store = this.store!
    let bytes = 0
    let count = 0
    while (count < due.length && bytes < segmentBytesOf(this.#options.limitBytes)) bytes += frameBytesAtMost(due[count++]!.record)
    const present = new Set(waiting.list)
    const batch = due.slice(0, count).filter(pending => present.has(pending))
    for (const pending of batch) pending.writing = true
    try {
      await store.makeRoom(bytes)
      await store.write(batch)
    } finally {
      for (const pending of batch) pending.writing = false
      waiting.sweep(this.ledgers.keys())
    }
    return count
  }

  async #attach(): Promise<Attached['store']> {
    if (!this.#attached) {
      this.#attached = await attach(this.#options.files, [...this.#without.endpoints.keys()], this.#options)
      for (const line of carryOver(this.#without)) this.#attached.store.note(line)
    }
    return this.#attached.store
  }

  #degrade({ message }: Error): void {
    this.degraded = { sinceMs: this.degraded?.sinceMs ?? this.#options.nowMs(), detail: message }
  }

  async close(): Promise<void> {
    await this.store?.close()
    this.#attached?.lock.release()
  }
}
