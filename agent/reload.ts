/** Notices that a configuration file has changed: by the kernel's word where there is one, else by looking; a mounted ConfigMap changes by a rename. */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

const lookEveryMs = 5000
/** Editors and kubelets write in steps. */
const settleMs = 200

/** Calls after each change of any of these files. Returns what ends it. */
export const watchFiles = (files: readonly string[], onChange: () => void): (() => void) => {
  let last = files.map(stamp).join()
  let settle: NodeJS.Timeout | undefined
  const look = (): void => {
    const now = files.map(stamp).join()
    if (now === last) return
    last = now
    clearTimeout(settle)
    settle = setTimeout(onChange, settleMs)
  }
  const timer = setInterval(look, lookEveryMs)
  const watchers = [...new Set(files.map(file => dirname(file)))].flatMap(directory => watchDirectory(directory, look))
  return () => {
    clearInterval(timer)
    clearTimeout(settle)
    for (const watcher of watchers) watcher.close()
  }
}

const watchDirectory = (directory: string, onChange: () => void): FSWatcher[] => {
  try {
    return [watch(directory, { persistent: false }, onChange).on('error', () => {})]
  } catch {
    return []
  }
}

const stamp = (file: string): string => {
  try {
    const { mtimeNs, ino, size } = statSync(file, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch {
    return 'none'
  }
}
