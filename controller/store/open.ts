import { join } from 'node:path'
import { Secret } from '../../wire/secret.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

export type StoreOptions = {
  /** `postgres://…`; without it the store is a file in the data directory. */
  url?: Secret
  caFile?: string
  directory: string
  /** False for a further thread of the process that has it open. */
  owner?: boolean
}

/** The store that the controller's configuration names. */
export const openStore = ({ url, caFile, directory, owner = true }: StoreOptions): Promise<Store> =>
  url ? openPostgres({ url, ...(caFile === undefined ? {} : { caFile }) }) : openSqlite({ path: join(directory, 'controller.db'), owner })

/** As a worker is told: a secret does not go from thread to thread by itself. */
export type ThreadStore = { readonly url?: string; readonly caFile?: string; readonly directory: string }
export const toThread = ({ url, caFile, directory }: StoreOptions): ThreadStore => ({
  directory,
  ...(url && { url: url.reveal() }),
  ...(caFile !== undefined && { caFile }),
})
export const openInThread = ({ url, ...rest }: ThreadStore): Promise<Store> =>
  openStore({ ...rest, ...(url !== undefined && { url: new Secret(url) }), owner: false })
