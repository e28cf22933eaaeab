/** A control group with less CPU than its processes want, as a container's limit makes one. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const version1 = '/sys/fs/cgroup/cpu'
const version2 = '/sys/fs/cgroup'
/** The longest there is: with a short one a machine of many cores leaves gaps that nobody notices. */
const periodMs = 1000

export type CpuQuota = { add(pid: number): void; throttledTimes(): number; remove(): void }

/** For tap's `skip`. */
export const needsCpuQuota = (): false | string => {
  try {
    openCpuQuota(50).remove()
    return false
  } catch (error) {
    return `needs a cgroup with the cpu controller that may be written (${(error as Error).message}); in a container: docker run --privileged`
  }
}

/** So much of one core, in percent, for all that are added. Throws where there are no control groups to be had (kernel: admin-guide/cgroup-v2.rst, scheduler/sched-bwc.rst). */
export const openCpuQuota = (percent: number): CpuQuota => {
  const isOld = existsSync(join(version1, 'cpu.cfs_quota_us'))
  const root = isOld ? version1 : version2
  const folder = join(root, `causeway-test-${process.pid}`)
  if (!isOld) writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu')
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  const quotaUs = (percent / 100) * periodMs * 1000
  try {
    if (isOld) {
      write('cpu.cfs_period_us', String(periodMs * 1000))
      write('cpu.cfs_quota_us', String(quotaUs))
    } else write('cpu.max', `${quotaUs} ${periodMs * 1000}`)
  } catch (error) {
    rmdirSync(folder)
    throw error
  }
  return {
    add: pid => write('cgroup.procs', String(pid)),
    throttledTimes: () => Number(/^nr_throttled (\d+)$/m.exec(readFileSync(join(folder, 'cpu.stat'), 'utf8'))?.[1] ?? 0),
    remove() {
      // Who is still in it goes back to where it would be without; a group that is not empty can't be removed.
      for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) if (pid) moveOut(root, pid)
      rmdirSync(folder)
    },
  }
}

const moveOut = (root: string, pid: string): void => {
  try {
    writeFileSync(join(root, 'cgroup.procs'), pid)
  } catch {
    // It has ended meanwhile.
  }
}
