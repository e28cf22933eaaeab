/**
 * Where a running simulation is found: a folder of its user's own. A lock in it says whether one runs and ends with its process; `current` leads to the folder of
 * the run, which goes when the run does.
 */
import { existsSync, lstatSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Io } from '../io.ts'
import { type Login, readLoginFile } from '../login-file.ts'

/** `CAUSEWAY_SIM` names another one: for several at once, and in containers. */
export const stateFolder = (env: Io['env']): string =>
  env['CAUSEWAY_SIM'] || join(env['XDG_RUNTIME_DIR'] || env['TMPDIR'] || tmpdir(), `causeway-sim-${userInfo().uid}`)
export const controlSocket = (env: Io['env']): string => join(stateFolder(env), 'control.sock')
export const currentRun = (env: Io['env']): string => join(stateFolder(env), 'current')
const accessFile = (run: string): string => join(run, 'access.json')

export { accessFile }

/** As long as the path of a Unix socket may be (unix(7)), less what names in the folder take. */
const longestPathBytes = 107 - '/run-123456/controller.sock'.length
/** A day of a simulation; one that runs out of it ends in the middle of something. */
const leastFreeBytes = 100 * 2 ** 20

/** For its user alone. Says what is wrong with the place. */
export const makeStateFolder = (env: Io['env']): string | undefined => {
  const path = stateFolder(env)
  const problem = problemOf(path)
  return problem === undefined ? undefined : `${problem}: CAUSEWAY_SIM=<folder> names another`
}

const problemOf = (path: string): string | undefined => {
  if (Buffer.byteLength(path) > longestPathBytes) return `${path} is too long for a socket in it, want ${longestPathBytes} bytes at most`
  try {
    // Recursion never ends where the kernel refuses folders with ENOENT (/proc).
    mkdirSync(path, { recursive: !existsSync(dirname(path)), mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') return `the folder ${path} can't be made (${code})`
  }
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== userInfo().uid) return `${path} is not a folder of yours`
  const { bavail, bsize } = statfsSync(path)
  const freeBytes = bavail * bsize
  return freeBytes < leastFreeBytes
    ? `${Math.floor(freeBytes / 2 ** 20)} MiB are free in ${path}, want ${leastFreeBytes / 2 ** 20} MiB`
    : undefined
}

/** The controller of the simulation that runs here, if one does. */
export const readSimulatedLogin = (env: Io['env']): Login | undefined => {
  try {
    const found = lstatSync(stateFolder(env))
    if (!found.isDirectory() || found.uid !== userInfo().uid) return undefined
  } catch {
    return undefined
  }
  const read = readLoginFile(accessFile(currentRun(env)))
  return read.ok ? read.value : undefined
}

/** What a run that has ended may have left. */
export const clearState = (env: Io['env']): void => {
  for (const path of [currentRun(env), controlSocket(env)]) rmSync(path, { force: true })
}
