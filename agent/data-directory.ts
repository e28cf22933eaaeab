/** Where an agent or a controller keeps its data when nothing says so. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const system = '/var/lib/causeway'

/** `/var/lib/causeway` where this user can write there, else `$XDG_STATE_HOME/causeway` (XDG Base Directory Specification: ~/.local/state). */
export const defaultDataDirectory = (environment: Record<string, string | undefined>): string =>
  isWritable(system) ? system : join(environment['XDG_STATE_HOME'] || join(environment['HOME'] || homedir(), '.local', 'state'), 'causeway')

const isWritable = (directory: string): boolean => {
  try {
    mkdirSync(directory, { recursive: true })
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}
