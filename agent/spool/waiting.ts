import { newPending, type Pending } from './pending.ts'
import type { Order, SpooledRecord } from './record.ts'

/** Records in memory: all of them for a second, and while the disk can't be written as many as there is room for. */
export class Waiting {
  #list: Pending[] = []
  bytes = 0

  get list(): readonly Pending[] {
    return this.#list
  }

  add(record: SpooledRecord): void {
    this.#list.push(newPending(record))
    this.bytes += record.payload.length
  }

  /** The oldest that neither the disk nor an endpoint is busy with. */
  takeOldest(isHeld: (pending: Pending) => boolean): Pending | undefined {
    const oldest = this.#list.find(pending => !pending.writing && !isHeld(pending))
    if (oldest) this.#keep(pending => pending !== oldest)
    return oldest
  }

  next(endpoint: string, order: Order, isHeld: (pending: Pending) => boolean): Pending | undefined {
    const isDue = (pending: Pending): boolean => !pending.settled.has(endpoint) && !isHeld(pending)
    return order === 'oldest' ? this.#list.find(isDue) : this.#list.findLast(isDue)
  }

  /** Forgets what is on disk, and what every endpoint is done with. */
  sweep(endpoints: Iterable<string>): void {
    const names = [...endpoints]
    this.#keep(({ place, writing, settled }) => !place && (writing || names.some(name => !settled.has(name))))
  }

  #keep(isKept: (pending: Pending) => boolean): void {
    this.#list = this.#list.filter(isKept)
    this.bytes = this.#list.reduce((sum, { record }) => sum + record.payload.length, 0)
  }
}
