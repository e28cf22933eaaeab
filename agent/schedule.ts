/**
 * When paths run. Each has a phase that a hash of its key fixes, on the wall clock's grid, so that a restart changes nothing and paths spread
 * out; a run is never started while the last one is under way; a run whose time has passed is skipped and counted, never caught up.
 * Due times are start + n × interval, so nothing drifts. One timer and a heap, whatever the number of paths.
 */
import type { Path } from './path.ts'

export type Clock = {
  /** Monotonic, in ms. */
  elapsedMs(): number
  /** The wall clock, ms since 1970. */
  nowMs(): number
}

export type Due = { path: Path; dueMs: number; lateMs: number }
export type SkipReason = 'overlap' | 'late'
export type Listener = {
  /** Starts a run; the path is busy until the promise ends. Times are monotonic. */
  run: (due: Due) => Promise<void>
  skipped: (path: Path, runs: number, why: SkipReason) => void
}
export type Schedule = {
  /** Paths with an unchanged key and interval keep their phase and what is under way. */
  set(paths: readonly Path[]): void
  /** No run starts any more; resolves when those under way have ended. */
  stop(): Promise<void>
}

type Entry = { path: Path; dueMs: number; busy: boolean; gone: boolean }

/** FNV-1a, 32 bits (datatracker.ietf.org/doc/draft-eastlake-fnv), then mixed: neighbouring names must not be neighbouring phases (MurmurHash3's fmix32). */
export const hash32 = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Where in its interval a path runs, 0 up to the interval. */
export const phaseMs = (key: string, everyMs: number): number => (hash32(key) / 2 ** 32) * everyMs

/** The first due time after `clock.elapsedMs()`, monotonic. */
const firstDue = ({ key, everyMs }: Path, clock: Clock): number => {
  const now = clock.nowMs()
  const into = (((now - phaseMs(key, everyMs)) % everyMs) + everyMs) % everyMs
  return clock.elapsedMs() + everyMs - into
}

export const startSchedule = (clock: Clock, listener: Listener): Schedule => {
  const entries = new Map<string, Entry>()
  const heap: Entry[] = []
  const running = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const start = (entry: Entry, dueMs: number, now: number): void => {
    entry.busy = true
    const run = listener.run({ path: entry.path, dueMs, lateMs: now - dueMs }).finally(() => {
      entry.busy = false
      running.delete(run)
    })
    running.add(run)
  }

  const fire = (entry: Entry, now: number): void => {
    const { path, dueMs } = entry
    const { everyMs } = path
    const missed = Math.floor((now - dueMs) / everyMs)
    entry.dueMs = dueMs + (missed + 1) * everyMs
    push(heap, entry)
    if (missed > 0) listener.skipped(path, missed, 'late')
    if (entry.busy) listener.skipped(path, 1, 'overlap')
    else start(entry, dueMs + missed * everyMs, now)
  }

  const tick = (): void => {
    timer = undefined
    for (let now = clock.elapsedMs(); !stopped && heap.length > 0 && heap[0]!.dueMs <= now; now = clock.elapsedMs()) {
      const entry = pop(heap)
      if (!entry.gone) fire(entry, now)
    }
    arm()
  }

  const arm = (): void => {
    if (stopped || heap.length === 0) return
    clearTimeout(timer)
    // Node's timers have whole milliseconds, one at least; an interval is a day at most, a timer may be 24.8 days.
    timer = setTimeout(tick, Math.max(1, Math.ceil(heap[0]!.dueMs - clock.elapsedMs())))
  }

  return {
    set(paths) {
      const wanted = new Map(paths.map(path => [path.key, path]))
      for (const [key, entry] of entries) {
        if (wanted.get(key)?.everyMs === entry.path.everyMs) continue
        entry.gone = true
        entries.delete(key)
      }
      for (const path of paths) {
        const kept = entries.get(path.key)
        if (kept) kept.path = path
        else {
          const entry = { path, dueMs: firstDue(path, clock), busy: false, gone: false }
          entries.set(path.key, entry)
          push(heap, entry)
        }
      }
      sweep(heap)
      arm()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await Promise.allSettled([...running])
    },
  }
}

/** What is gone stays in the heap until it is due, unless there is much of it. */
const sweep = (heap: Entry[]): void => {
  const live = heap.filter(({ gone }) => !gone)
  if (live.length === heap.length) return
  heap.length = 0
  for (const entry of live) push(heap, entry)
}

/** A binary heap by due time (Williams 1964). */
const push = (heap: Entry[], entry: Entry): void => {
  let i = heap.push(entry) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (heap[parent]!.dueMs <= entry.dueMs) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = entry
}

const pop = (heap: Entry[]): Entry => {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return top
  let i = 0
  for (let child = 1; child < heap.length; child = 2 * i + 1) {
    if (child + 1 < heap.length && heap[child + 1]!.dueMs < heap[child]!.dueMs) child++
    if (last.dueMs <= heap[child]!.dueMs) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return top
}
