/**
 * What an agent keeps of its controller over restarts, in its data directory: who it is, the authority that it trusts, and what it was told last. Each file is
 * replaced by a rename and readable by its owner only.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Keep = {
  readonly directory: string
  /** Undefined when there is none, or none that can be read. */
  read(name: string): string | undefined
  /** False when the disk can't be written: what is in memory is good all the same. */
  write(name: string, text: string): boolean
  remove(name: string): void
}

/** One directory for each controller: what one has said is not for another. */
export const openKeep = (data: string, url: string): Keep => {
  const directory = join(data, 'controller', new URL(url).host.replaceAll(/[^A-Za-z0-9.-]/g, '_'))
  const at = (name: string): string => join(directory, name)
  return {
    directory,
    read(name) {
      try {
        return readFileSync(at(name), 'utf8')
      } catch {
        return undefined
      }
    },
    write(name, text) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        writeFileSync(at(`${name}.new`), text, { mode: 0o600, flush: true })
        renameSync(at(`${name}.new`), at(name))
        return true
      } catch {
        return false
      }
    },
    remove: name => rmSync(at(name), { force: true }),
  }
}
