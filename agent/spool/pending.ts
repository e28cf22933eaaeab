import type { SpooledRecord } from './record.ts'

/** Where a record is on disk. */
export type Place = { segment: number; index: number }

/** A record in memory: on its way to the disk, or kept here because the disk can't be written. */
export type Pending = {
  readonly record: SpooledRecord
  /** The endpoints that have no part in it (any more), with what was counted for each of them elsewhere. */
  readonly settled: Set<string>
  /** The endpoints that may have got it from memory. */
  readonly tried: Set<string>
  /** Set when it is on disk, and the ledger in charge. */
  place?: Place
  /** Being written: too late to drop it. */
  writing: boolean
}

/** `strangers`: the endpoints that it is not for. */
export const newPending = (record: SpooledRecord, strangers: readonly string[] = []): Pending => ({
  record,
  settled: new Set(strangers),
  tried: new Set(),
  writing: false,
})

/** What these records still owe an endpoint. */
export const owedItems = (pending: readonly Pending[], endpoint: string): number =>
  pending.reduce((sum, { record, settled }) => (settled.has(endpoint) ? sum : sum + record.items), 0)

/** For the ledger's `append` line: what endpoints have had of these records already. Index `first` is that of the first. */
export const exceptionsOf = (written: readonly Pending[], first: number): [string, number, ...number[]][] => {
  const exceptions = new Map<string, [string, number, ...number[]]>()
  for (const [i, { record, settled }] of written.entries())
    for (const endpoint of settled) {
      const exception = exceptions.get(endpoint) ?? [endpoint, 0]
      exception[1] += record.items
      exception.push(first + i)
      exceptions.set(endpoint, exception)
    }
  return [...exceptions.values()]
}
