import { constants, type FileHandle, open } from 'node:fs/promises'

/** No certificate, key or bundle file is larger; a larger one is refused unread. */
export const mostFileBytes = 8 * 1024 * 1024

/** `stamp` changes with inode, size or time of the file. `error` says why there is nothing, without the file's name. */
export type TextFile = { stamp: string; text: string } | { error: string }

/** What this stamp stands for is read from the file that was opened, so that a rename in between cannot mix two files. Never blocks on a pipe. */
export const readTextFile = async (path: string): Promise<TextFile> => {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await file.stat({ bigint: true })
    const { ino, size, mtimeNs, ctimeNs } = stats
    if (!stats.isFile()) return { error: stats.isDirectory() ? 'a directory, want a file' : 'not a plain file' }
    if (size > mostFileBytes) return { error: `${size} bytes, want at most ${mostFileBytes}` }
    const text = await file.readFile('utf8')
    return { text, stamp: [ino, size, mtimeNs, ctimeNs].join(':') }
  } catch (error) {
    return { error: sayError(error as NodeJS.ErrnoException) }
  } finally {
    await file?.close()
  }
}

const sayError = (error: NodeJS.ErrnoException): string => {
  if (error.code === 'ENOENT') return 'no such file'
  if (error.code === 'EACCES' || error.code === 'EPERM') return `permission denied for uid ${process.geteuid?.()}`
  return `cannot be read (${error.code ?? error.message})`
}
