/** Keeps what the worker knows of agents' paths and what the store has of them the same. */
import { type AssignedPaths, putAssigned, readAssigned } from '../store/assigned.ts'
import type { Store } from '../store/store.ts'
import type { OwnedPaths } from './owned-paths.ts'

export type Assigned = { readonly agentId: string; readonly paths: AssignedPaths; readonly atMs: number }

/** A change may be committed later than its time says. Longer than a transaction lives (postgres.ts). */
const overlapMs = 60_000
const perTransaction = 64

export type Assignments = {
  /** Resolves when it is stored: from then on any replica takes what the agents send. */
  assign(all: readonly Assigned[]): Promise<void>
  /** What other replicas have stored since. */
  refresh(): Promise<void>
}

export const openAssignments = (store: Pick<Store, 'read' | 'write'>, owned: OwnedPaths): Assignments => {
  let newestMs = 0
  return {
    assign: async all => {
      for (let from = 0; from < all.length; from += perTransaction) {
        const some = all.slice(from, from + perTransaction).toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))
        const held = await store.write(
          async sql => {
            const held = []
            for (const one of some) held.push({ agentId: one.agentId, paths: await putAssigned(sql, one) })
            return held
          },
          { idempotent: true },
        )
        for (const one of held) owned.put(one)
      }
    },
    refresh: async () => {
      for (const row of await store.read(sql => readAssigned(sql, newestMs - overlapMs))) {
        newestMs = Math.max(newestMs, row.changedMs)
        owned.put(row)
      }
    },
  }
}
