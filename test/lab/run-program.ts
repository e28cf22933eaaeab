import { type ChildProcess, spawn } from 'node:child_process'
import { collect, exactly, type SiteRun } from '../../deploy/sim/site-process.ts'
import { cleanEnv } from './clean-env.ts'

/** Starts a program on this machine, in a process group of its own and with nothing of the test runner in its environment. `before` are the words in front of it. */
export function startProgram(argv: string[], env: NodeJS.ProcessEnv = {}, before: string[] = []): ChildProcess {
  const [command, ...args] = [...before, ...exactly({ ...cleanEnv, ...env }), ...argv]
  return spawn(command!, args, { detached: true, stdio: 'pipe' })
}

/** Runs it to its end. */
export const runProgram = (argv: string[], env?: NodeJS.ProcessEnv, before?: string[]): Promise<SiteRun> =>
  collect(startProgram(argv, env, before), undefined, 60_000)
