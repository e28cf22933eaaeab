/** CPU time of other processes, user and system, all their threads. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { benchEnv } from './environment.ts'

const getrusage = koffi.load(null).func('int getrusage(int, void*)')
const RUSAGE_CHILDREN = -1
const usage = Buffer.alloc(144)

/** `struct rusage` begins with two timevals, user and system: what all children that have ended and been waited for have used. */
const childrenUs = (): number => {
  getrusage(RUSAGE_CHILDREN, usage)
  const at = (offset: number): number => Number(usage.readBigInt64LE(offset))
  return (at(0) + at(16)) * 1e6 + at(8) + at(24)
}

export type Run = { cpuUs: number; wallMs: number; stdout: string; stderr: string }

/**
 * Runs a program to its end and tells what the whole process has used, from exec to exit (getrusage(2), to the microsecond).
 * Throws when it ends with another exit code than 0.
 */
export const cpuOfRun = (argv: readonly string[], env = benchEnv): Run => {
  const before = childrenUs()
  const start = performance.now()
  const { error, status, signal, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8', env, maxBuffer: 64 << 20 })
  const wallMs = performance.now() - start
  if (error) throw error
  // All that it said: the last line of an uncaught error is the version of Node.
  if (status !== 0) throw new Error(`${argv.join(' ')}: ended with ${signal ?? status}: ${stderr.trim().slice(-4000)}`)
  return { cpuUs: childrenUs() - before, wallMs, stdout, stderr }
}

/** USER_HZ, which Linux fixes at 100 towards user space. */
const tickUs = 10_000

/** What a running process has used since its start: utime and stime, fields 14 and 15 of /proc/pid/stat, in steps of 10 ms. */
export const cpuOfProcess = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickUs
}
