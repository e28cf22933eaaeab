/** What workers that ended had committed and not made history of. */
import { setImmediate as turn } from 'node:timers/promises'
import { batchHolders, finishBatches, takeBatches } from '../store/batches.ts'
import { dropLease, type Lease, takeLease } from '../store/leases.ts'
import { dropOpenMinutesOf } from '../store/open-history.ts'
import type { Store } from '../store/store.ts'
import type { Ingest } from './ingest.ts'
import { dropLedger, type Ledger } from './ledger.ts'

export const leaseOf = (holder: string): string => `ingest/${holder}`
export const holdMs = 30_000
/** Some 20 ms each to read again. */
const perTransaction = 16

export type TakeOver = {
  readonly store: Pick<Store, 'read' | 'write'>
  readonly ingest: Pick<Ingest, 'recover'>
  readonly ledger: Ledger
  readonly holder: string
  /** Whether a holder is known to have ended, so that its lease need not be waited for. */
  readonly hasEnded: (holder: string) => boolean
}

/** Counts the batches of every worker whose lease has ended. Returns how many there were. */
export const takeOver = async ({ store, ingest, ledger, holder, hasEnded }: TakeOver): Promise<number> => {
  let taken = 0
  for (const from of await store.read(batchHolders)) {
    if (from === holder) continue
    const isFree = await ledger(async sql => {
      // A worker that goes on all the same finds that it has lost its lease before it writes anything.
      if (hasEnded(from)) await dropLease(sql, leaseOf(from))
      return (await takeLease(sql, leaseOf(from), holder, holdMs)) !== undefined
    })
    if (!isFree) continue
    await ledger(sql => dropOpenMinutesOf(sql, from))
    for (;;) {
      const batches = await ledger(sql => takeBatches(sql, from, holder, perTransaction))
      if (batches.length === 0) break
      taken += batches.length
      const empty = batches.filter(batch => !ingest.recover(batch)).map(({ id }) => id)
      if (empty.length > 0) await ledger(sql => finishBatches(sql, empty))
      await turn()
    }
    await ledger(async sql => {
      await dropLedger(sql, { name: leaseOf(from) })
      await dropLease(sql, leaseOf(from))
    })
  }
  return taken
}

/** The lease under which a worker writes. */
export const beginHold = async (store: Pick<Store, 'write'>, holder: string): Promise<Lease> => {
  const lease = await store.write(sql => takeLease(sql, leaseOf(holder), holder, holdMs))
  if (!lease) throw new Error(`${holder} has begun before`)
  return lease
}
