import { join } from 'node:path'
import type { Secret } from '../../wire/secret.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

export type StoreOptions = {
  /** `postgres://…`; without it the store is a file in the data directory. */
  url?: Secret
  caFile?: string
  directory: string
}

/** The store that the controller's configuration names. */
export const openStore = ({ url, caFile, directory }: StoreOptions): Promise<Store> =>
  url ? openPostgres({ url, ...(caFile === undefined ? {} : { caFile }) }) : openSqlite({ path: join(directory, 'controller.db') })
