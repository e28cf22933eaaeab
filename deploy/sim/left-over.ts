/**
 * Networks whose owner is gone. A network has no files and no named namespaces, only processes, and these die with the owner (pdeathsig, end of
 * input). Should one ever stay, its command line names the owner, and the next start ends it.
 */
import { type ProcessEntry, readProcess, readProcesses } from './process-table.ts'

const MARK = '--network-owner='

/** The argument that marks a network's processes as belonging to this one. */
export const ownerMark = (owner: Pick<ProcessEntry, 'pid' | 'startedAt'>): string => `${MARK}${owner.pid}:${owner.startedAt}`

/**
 * The processes of networks without an owner. Only those that were started in the process namespace that /proc shows: `unshare` in it, and the
 * WAN as the first of a namespace directly below. Elsewhere an owner's number means another process.
 */
export function leftOver(processes: ProcessEntry[]): number[] {
  const alive = new Map(processes.map(({ pid, startedAt }) => [pid, startedAt]))
  return processes.flatMap(({ pid, arguments: words, numbers }) => {
    const mark = words.find(word => word.startsWith(MARK))
    const ours = numbers.length === 1 || (numbers.length === 2 && numbers[1] === 1)
    if (!mark || !ours) return []
    const [owner, startedAt] = mark.slice(MARK.length).split(':')
    return alive.get(Number(owner)) === startedAt ? [] : [pid]
  })
}

/** Ends what earlier networks left; returns the processes it ended. */
export function removeLeftOver(): number[] {
  if (readProcess(process.pid)?.numbers.length !== 1) return []
  return leftOver(readProcesses()).filter(pid => {
    try {
      return process.kill(pid, 'SIGKILL')
    } catch {
      return false
    }
  })
}
