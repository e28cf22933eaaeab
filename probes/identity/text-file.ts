import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

/** No certificate, key or bundle file is larger; a larger one is refused unread. */
export const mostFileBytes = 8 * 1024 * 1024

/** `stamp` changes with inode, size or time of the file. `error` says why there is nothing, without the file's name. */
export type TextFile = { stamp: string; text: string } | { error: string }

/**
 * What this stamp stands for is read from the file that was opened, so that a rename in between cannot mix two files. Never blocks on a pipe.
 * Synchronous: such files are small and local, and each of four turns of the thread pool waits for a core on a busy machine.
 */
export const readTextFile = (path: string): TextFile => {
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = fstatSync(file, { bigint: true })
    const { ino, size, mtimeNs, ctimeNs } = stats
    if (!stats.isFile()) return { error: stats.isDirectory() ? 'a directory, want a file' : 'not a plain file' }
    if (size > mostFileBytes) return { error: `${size} bytes, want at most ${mostFileBytes}` }
    return { text: readFileSync(file, 'utf8'), stamp: [ino, size, mtimeNs, ctimeNs].join(':') }
  } catch (error) {
    return { error: sayError(error as NodeJS.ErrnoException) }
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

const sayError = (error: NodeJS.ErrnoException): string => {
  if (error.code === 'ENOENT') return 'no such file'
  if (error.code === 'EACCES' || error.code === 'EPERM') return `permission denied for uid ${process.geteuid?.()}`
  return `cannot be read (${error.code ?? error.message})`
}
