import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { EAGAIN, errno, errnoName, flock, LOCK_EX, LOCK_NB, supported } from '../../probes/net/libc.ts'

/** Another agent that is alive works in this directory. */
export class DirectoryInUse extends Error {
  override name = 'DirectoryInUse'
}

/** `problem`: why the directory is used without a lock, which is not dangerous as long as no second agent is given it. */
export type Lock = { problem?: string; release(): void }

/**
 * Takes the directory for this process. The lock is flock(2)'s on the file `lock`: the kernel gives it up when the process ends, however it ends, so there
 * are no stale ones and no pid is ever trusted; and it holds between containers that share a directory but neither a process table nor a network, where
 * an abstract socket or a pid file would not. The file's text only names the holder. Throws `DirectoryInUse`.
 */
export const lockDirectory = (directory: string): Lock => {
  if (!supported) return { problem: `no lock on ${process.platform}/${process.arch}`, release: () => {} }
  const path = join(directory, 'lock')
  let fd: number
  try {
    fd = openLock(path)
  } catch (error) {
    return { problem: (error as Error).message, release: () => {} }
  }
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const code = errno()
    const holder = readHolder(path)
    closeSync(fd)
    if (code === EAGAIN) throw new DirectoryInUse(`${directory} is in use by another agent: ${holder}`)
    return { problem: `flock ${path}: ${errnoName(code)}`, release: () => {} }
  }
  const problem = nameHolder(fd, path)
  return { ...(problem === undefined ? {} : { problem }), release: () => closeSync(fd) }
}

/** On a read-only file system a file that is there can be locked all the same. */
const openLock = (path: string): number => {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  } catch {
    return openSync(path, constants.O_RDONLY)
  }
}

const nameHolder = (fd: number, path: string): string | undefined => {
  try {
    ftruncateSync(fd)
    writeSync(fd, `pid ${process.pid} on ${hostname()}\n`, 0)
    return undefined
  } catch (error) {
    return `${path}: ${(error as Error).message}`
  }
}

const readHolder = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').slice(0, 300).trim() || 'it has not said which'
  } catch (error) {
    return `it can't be told which (${(error as Error).message})`
  }
}
