import type { Pending } from './pending.ts'
import type { Order } from './record.ts'

/** Records in memory: all of them for a second, and while the disk can't be written as many as there is room for. */
export class Waiting {
  #list: Pending[] = []
  bytes = 0

  get list(): readonly Pending[] {
    return this.#list
  }

  add(pending: Pending): void {
    this.#list.push(pending)
    this.bytes += pending.record.payload.length
  }

  /** Takes the oldest that neither the disk nor an endpoint is busy with, until there are no more than so many bytes. */
  *takeBeyond(bytes: number, isHeld: (pending: Pending) => boolean): Generator<Pending> {
    while (this.bytes > bytes) {
      const oldest = this.#list.find(pending => !pending.writing && !isHeld(pending))
      if (!oldest) return
      this.#keep(pending => pending !== oldest)
      yield oldest
    }
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
