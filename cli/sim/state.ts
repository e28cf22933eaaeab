/**
 * Where a running simulation is found: a folder of its user's own. A lock in it says whether one runs and ends with its process; `current` leads to the folder of
 * the run, which goes when the run does.
 */
import { lstatSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Io } from '../io.ts'
import { type Login, readLoginFile } from '../login-file.ts'

/** `CAUSEWAY_SIM` names another one: for several at once, and in containers. */
export const stateFolder = (env: Io['env']): string =>
  env['CAUSEWAY_SIM'] || join(env['XDG_RUNTIME_DIR'] || env['TMPDIR'] || tmpdir(), `causeway-sim-${userInfo().uid}`)
export const controlSocket = (env: Io['env']): string => join(stateFolder(env), 'control.sock')
export const currentRun = (env: Io['env']): string => join(stateFolder(env), 'current')
const accessFile = (run: string): string => join(run, 'access.json')

export { accessFile }

/** For its user alone. Says what is wrong with a folder that somebody else has put there. */
export const makeStateFolder = (env: Io['env']): string | undefined => {
  const path = stateFolder(env)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const found = lstatSync(path)
  return found.isDirectory() && found.uid === userInfo().uid
    ? undefined
    : `${path} is not a folder of yours: CAUSEWAY_SIM=<folder> names another`
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
