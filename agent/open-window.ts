/**
 * What the window that is open has so far, written down every two seconds: a process that is killed loses no more than that of its results. The
 * next start makes records of it, as if the window had ended there. One file, replaced by a rename; it is gone as soon as the window is in the spool.
 */
import { readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { packRecord, type WindowRecord } from './record.ts'
import { buildFrame, readRecord, scanFrames } from './spool/frame.ts'
import type { NewRecord, SpooledRecord } from './spool/record.ts'

const everyMs = 2000
/** Writing it down may take this part of a core: with very many paths it is done less often. */
const mostOfCore = 0.02

/** A window's record as the spool takes it. */
export const spoolRecordOf = (record: WindowRecord): NewRecord => ({
  kind: 'windows',
  atMs: record.startMs,
  spanMs: record.endMs - record.startMs,
  items: Math.max(1, record.paths.length),
  group: record.group,
  payload: packRecord(record),
})

export type OpenWindow = {
  /** The window that was open has ended; `kept` resolves when the spool has it on disk. */
  ended(kept: Promise<void>): void
  stop(): Promise<void>
}

/** `peek` reads the window that is open and changes nothing. What can't be written is left: the spool says what is wrong with the disk. */
export const keepOpenWindow = (file: string, boot: string, peek: () => Iterable<WindowRecord>): OpenWindow => {
  let window = 0
  let written = -1
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let work: Promise<void> = Promise.resolve()

  const write = async (): Promise<number> => {
    const mine = window
    const frames: Buffer[] = []
    let costMs = 0
    const records = peek()[Symbol.iterator]()
    const timed = <T>(work: () => T): T => {
      const start = performance.now()
      const made = work()
      costMs += performance.now() - start
      return made
    }
    for (;;) {
      const next = timed(() => records.next())
      if (next.done) break
      // Measuring goes on between two parts, and before one is packed.
      await setImmediate()
      if (window !== mine) return costMs
      frames.push(timed(() => buildFrame({ ...spoolRecordOf(next.value), boot, sequence: frames.length + 1 }, frames.length)))
      await setImmediate()
      if (window !== mine) return costMs
    }
    await writeFile(`${file}.new`, Buffer.concat(frames), { mode: 0o600 })
    if (window !== mine) return costMs
    await rename(`${file}.new`, file)
    written = mine
    return costMs
  }

  const arm = (afterMs: number): void => {
    timer = setTimeout(() => {
      work = write()
        .catch(() => 0)
        .then(costMs => {
          if (!stopped) arm(Math.max(everyMs, costMs / mostOfCore))
        })
    }, afterMs)
  }
  arm(everyMs)

  return {
    ended(kept) {
      const ended = window++
      work = Promise.all([work, kept])
        .then(() => (written === ended ? unlink(file) : undefined))
        .catch(() => {})
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await work
    },
  }
}

/** What a process that was killed had written down, as far as it is whole and `holds` does not say that the spool has it. Never rejects. */
export const recoverOpenWindow = async (file: string, holds: (record: SpooledRecord) => boolean): Promise<NewRecord[]> => {
  try {
    const bytes = await readFile(file)
    const { entries } = scanFrames(bytes)
    const records = entries.map(({ offset, bytes: length }) => readRecord(bytes.subarray(offset, offset + length)))
    return records.filter(record => record !== undefined && !holds(record)).map(record => newRecord(record!))
  } catch {
    return []
  }
}

const newRecord = ({ kind, atMs, spanMs, items, group, payload }: SpooledRecord): NewRecord => ({
  kind,
  atMs,
  spanMs,
  items,
  group,
  payload,
})
