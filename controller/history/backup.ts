/** The copies of the embedded store: two generations beside it. */
import { existsSync, renameSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Store } from '../store/store.ts'

/** The file, both generations of its copy, and one that is being made. */
const copies = 4
const share = 0.8

/** Writes `controller.db.backup`; the one before is `controller.db.backup.1`. A damaged store is not copied over a sound one. Returns what is damaged. */
export const checkAndBackUp = async (store: Store): Promise<string[]> => {
  const damage = await store.check()
  if (damage.length > 0) return damage
  const [newest, older] = [`${store.name}.backup`, `${store.name}.backup.1`]
  const made = `${store.name}.backup.new`
  await store.backup(made)
  if (existsSync(newest)) renameSync(newest, older)
  renameSync(made, newest)
  return []
}

/** How large the store may become so that it and its copies are no more than 80 % of what the disk has for them. Undefined for a server, whose disk is not ours. */
export const roomFor = async (store: Store): Promise<number | undefined> => {
  if (store.kind !== 'sqlite') return undefined
  const { bavail, bsize } = await statfs(dirname(store.name))
  const ours = [store.name, `${store.name}.backup`, `${store.name}.backup.1`]
  const used = ours.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
  return Math.floor(((bavail * bsize + used) * share) / copies)
}
