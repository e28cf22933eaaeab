/** From measurements to the spool: windows when they end, events soon after they happen. */
import { setImmediate } from 'node:timers/promises'
import type { Place } from './path.ts'
import { type AgentEvent, packRecord } from './record.ts'
import type { Clock } from './schedule.ts'
import type { NewRecord } from './spool/record.ts'
import type { WindowSet, Windows } from './window.ts'
import { msToBoundary } from './window-bounds.ts'

/** An event waits this long at most for others to share a request with. */
const eventsEveryMs = 1000
const mostEvents = 100
/** A fault that touches everything makes as many events as there are paths: more than this a second are counted, not kept. */
const mostWaiting = 2000

export type Recording = {
  onEvent(event: AgentEvent): void
  /** Writes what there is; no more after that. */
  stop(): Promise<void>
}

type Parts = {
  clock: Clock
  windows: Windows
  source?: Place
  append: (record: NewRecord) => void
  /** Something for the windows to know, directly before one ends. */
  beforeClose: () => void
  lost: (events: number) => void
}

export const startRecording = ({ clock, windows, source, append, beforeClose, lost }: Parts): Recording => {
  let events: AgentEvent[] = []
  let eventTimer: NodeJS.Timeout | undefined
  let windowTimer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  const writeEvents = (): void => {
    clearTimeout(eventTimer)
    eventTimer = undefined
    for (const some of chunks(events, mostEvents))
      append({
        kind: 'events',
        atMs: some[0]!.atMs,
        spanMs: 0,
        items: some.length,
        payload: packRecord({ type: 'events', source, events: some }),
      })
    events = []
  }

  const writeWindow = async (set: WindowSet): Promise<void> => {
    for (const record of set.records()) {
      append({
        kind: 'windows',
        atMs: set.startMs,
        spanMs: set.endMs - set.startMs,
        items: Math.max(1, record.paths.length),
        group: record.group,
        payload: packRecord(record),
      })
      // Measuring goes on between two parts.
      await setImmediate()
    }
  }

  const close = (): void => {
    beforeClose()
    const set = windows.close()
    writing = writing.then(() => writeWindow(set))
  }
  const arm = (): void => {
    windowTimer = setTimeout(() => {
      close()
      arm()
    }, msToBoundary(clock.nowMs()))
  }
  arm()

  return {
    onEvent(event) {
      if (events.length >= mostWaiting) return lost(1)
      events.push(event)
      eventTimer ??= setTimeout(writeEvents, eventsEveryMs)
    },
    async stop() {
      clearTimeout(windowTimer)
      close()
      writeEvents()
      await writing
    },
  }
}

const chunks = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
