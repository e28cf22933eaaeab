/** The fleet as it is now: the documents of all owners, merged once for each generation and read again when another controller may have changed them. */
import type { Fleet } from '../../wire/fleet.ts'
import { currentDocuments, fleetGeneration, type StoredDocument } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import { type MergedFleet, mergeFleets } from './merge.ts'

export type CurrentFleet = {
  /** 0 before anything was applied. */
  readonly generation: number
  readonly documents: readonly StoredDocument[]
  readonly fleets: readonly Fleet[]
  readonly merged: MergedFleet
}

export type FleetReader = {
  /** The last that was read. */
  now(): CurrentFleet
  /** Asks the store: what has been committed is in the answer. */
  refresh(): Promise<CurrentFleet>
}

const madeOf = (generation: number, documents: readonly StoredDocument[]): CurrentFleet => {
  const fleets = documents.map(({ document }) => document)
  return { generation, documents, fleets, merged: mergeFleets(fleets) }
}

export const openFleet = async (store: Pick<Store, 'read'>): Promise<FleetReader> => {
  let current = madeOf(-1, [])
  const refresh = async (): Promise<CurrentFleet> => {
    const read = await store.read(async sql => {
      const generation = await fleetGeneration(sql)
      return { generation, documents: generation === current.generation ? undefined : await currentDocuments(sql) }
    })
    // Of two that ask at once, the older answer may come later.
    if (read.documents && read.generation > current.generation) current = madeOf(read.generation, read.documents)
    return current
  }
  await refresh()
  return { now: () => current, refresh }
}
