/** What /proc tells about processes (proc(5)). */
import { readdirSync, readFileSync } from 'node:fs'

export type ProcessEntry = {
  pid: number
  parent: number
  /** In ticks since boot: with the pid it names a process for good. */
  startedAt: string
  arguments: string[]
  /** Its numbers from the process namespace that /proc shows down to its own, innermost one (`NSpid`). */
  numbers: number[]
}

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** One process; undefined when it is gone or a zombie. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return {
    pid,
    parent: Number(fields[1]),
    startedAt: fields[19] ?? '',
    arguments: (attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0').slice(0, -1),
    numbers: namespaceNumbers(pid),
  }
}

export const readProcesses = (): ProcessEntry[] =>
  readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : []))

/** The direct children of a process: from the kernel's list, or by looking at every process where it keeps none (CONFIG_PROC_CHILDREN). */
export function childrenOf(pid: number): number[] {
  const list = attempt(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'))
  if (list !== undefined) return list.split(' ').filter(Boolean).map(Number)
  return readProcesses().flatMap(entry => (entry.parent === pid ? [entry.pid] : []))
}

function namespaceNumbers(pid: number): number[] {
  const status = attempt(() => readFileSync(`/proc/${pid}/status`, 'latin1'))
  return (
    status
      ?.match(/^NSpid:\s*(.*)$/m)?.[1]
      ?.trim()
      .split(/\s+/)
      .map(Number) ?? []
  )
}
