/** Files that people name on the command line: never more of them is read than such a file can need, whatever it is. */
import { closeSync, openSync, readSync } from 'node:fs'
import { bad, good, type Parsed } from '../wire/values.ts'

/** A thousand authorities, or a certificate with more names than any client takes. */
const maxBytes = 4 * 1024 * 1024

/** All of it, or why not. Pipes are read as files are. */
export const readSmallFile = (path: string): Parsed<Buffer> => {
  const bytes = Buffer.alloc(maxBytes + 1)
  let length = 0
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(fd, bytes, length, bytes.length - length, null)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return bad(code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
  return length > maxBytes ? bad(`larger than ${maxBytes / 1024 ** 2} MiB, which no such file needs`) : good(bytes.subarray(0, length))
}
