import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type Lock, lockDirectory } from './lock.ts'

/** A file that is being written, by us alone and only at its end. */
export type Appender = {
  /** Rejects when not all could be written; what then stands behind the old end is of no use. */
  append(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  /** Cuts the file; the next append goes there. */
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** The few things that the spool asks of a file system, in one directory: names are without it. All reject with Node's errors. */
export type Files = {
  /** Makes the directory where it is missing. */
  prepare(): Promise<void>
  /** Throws `DirectoryInUse`. */
  lock(): Lock
  list(): Promise<string[]>
  read(name: string): Promise<Buffer>
  /** Shorter when the file is. */
  readPart(name: string, offset: number, bytes: number): Promise<Buffer>
  /** An empty file in place of whatever had this name. */
  create(name: string): Promise<Appender>
  rename(from: string, to: string): Promise<void>
  remove(name: string): Promise<void>
  /** Makes the names durable. */
  syncNames(): Promise<void>
}

/** The real ones. Directories are for us alone (0700): payloads say who talks to whom. */
export const realFiles = (directory: string): Files => {
  const at = (name: string): string => join(directory, name)
  const syncNames = async (): Promise<void> => {
    const handle = await open(directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  return {
    prepare: () => makeDirectory(directory),
    lock: () => lockDirectory(directory),
    list: () => readdir(directory),
    read: name => readFile(at(name)),
    readPart: async (name, offset, bytes) => {
      const handle = await open(at(name), 'r')
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, offset)
        return buffer.subarray(0, bytesRead)
      } finally {
        await handle.close()
      }
    },
    create: name => createFile(at(name)),
    rename: (from, to) => rename(at(from), at(to)),
    remove: name => unlink(at(name)),
    syncNames,
  }
}

const createFile = async (path: string): Promise<Appender> => {
  const handle = await open(path, 'w', 0o600)
  let end = 0
  return {
    append: async bytes => {
      for (let sent = 0; sent < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, sent, bytes.length - sent, end + sent)
        sent += bytesWritten
      }
      end += bytes.length
    },
    sync: () => handle.datasync(),
    truncate: async length => {
      await handle.truncate(length)
      end = length
    },
    close: () => handle.close(),
  }
}

/** Below a read-only directory Node's recursive mkdir says ENOENT, whatever the system said (node_file.cc, MKDirpAsync): ask again for the reason. */
const makeDirectory = async (directory: string): Promise<void> => {
  const options = { mode: 0o700 }
  try {
    await mkdir(directory, { ...options, recursive: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await mkdir(directory, options)
    throw error
  }
}
