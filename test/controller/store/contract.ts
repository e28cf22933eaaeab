/** What every store keeps, whichever database is below. */
import type { Test } from 'tap'
import type { Store } from '../../../controller/store/store.ts'
import { agentsContract } from './contract-agents.ts'
import { alertsContract } from './contract-alerts.ts'
import { assignmentsContract } from './contract-assignments.ts'
import { dataContract } from './contract-data.ts'
import { ingestContract } from './contract-ingest.ts'
import { leaseContract } from './contract-lease.ts'
import { outboxContract } from './contract-outbox.ts'
import { transactionContract } from './contract-transactions.ts'

/** `open` gives an empty store, which the caller closes; `again` opens the same one a second time. */
export type Subject = { open(): Promise<Store>; again(store: Store): Promise<Store> }

export const storeContract = async (t: Test, subject: Subject): Promise<void> => {
  for (const part of [
    transactionContract,
    dataContract,
    agentsContract,
    assignmentsContract,
    ingestContract,
    leaseContract,
    outboxContract,
    alertsContract,
  ])
    await part(t, subject)
}

/** A test with an empty store of its own. */
export const withStore = (t: Test, { open }: Pick<Subject, 'open'>, name: string, body: (t: Test, store: Store) => Promise<void>) =>
  t.test(name, async t => {
    const store = await open()
    try {
      await body(t, store)
    } finally {
      await store.close()
    }
  })
