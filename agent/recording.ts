/** From measurements to the spool: windows when they end, events soon after they happen. */
import { setImmediate } from 'node:timers/promises'
import { type OpenWindow, spoolRecordOf } from './open-window.ts'
import type { Place } from './path.ts'
import { type AgentEvent, packRecord } from './record.ts'
import type { Clock } from './schedule.ts'
import type { NewRecord } from './spool/record.ts'
import type { WindowSet, Windows } from './window.ts'
import { msToBoundary } from './window-bounds.ts'

/**
 * A window is closed this long after its end, which it has all the same: a timer that fires a millisecond early, or a clock that is slewed meanwhile
 * (500 ppm at most, adjtimex(2): 5 ms in a window), would make another window of what is left.
 */
const afterEndMs = 20
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

export type RecordingParts = {
  clock: Clock
  windows: Windows
  /** Where this agent is, when an event is written. */
  place?: () => Place | undefined
  append: (record: NewRecord) => void
  /** Whether anybody is to get what is appended: to pack a record for nobody is work and memory for nothing. */
  isKept: () => boolean
  /** Resolves when what was appended is on disk. */
  flush: () => Promise<void>
  /** Begins to write the open window down. */
  openWindow?: () => OpenWindow
  /** Something for the windows to know, directly before one ends. */
  beforeClose: () => void
  lost: (events: number) => void
}

export const startRecording = ({
  clock,
  windows,
  place,
  append,
  isKept,
  flush,
  openWindow: keep,
  beforeClose,
  lost,
}: RecordingParts): Recording => {
  let events: AgentEvent[] = []
  let eventTimer: NodeJS.Timeout | undefined
  let windowTimer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  const openWindow = keep?.()

  const writeEvents = (): void => {
    clearTimeout(eventTimer)
    eventTimer = undefined
    for (const some of isKept() ? chunks(events, mostEvents) : [])
      append({
        kind: 'events',
        atMs: some[0]!.atMs,
        spanMs: 0,
        items: some.length,
        payload: packRecord({ type: 'events', source: place?.(), events: some }),
      })
    events = []
  }

  const writeWindow = async (set: WindowSet): Promise<void> => {
    for (const record of set.records()) {
      // Measuring goes on between two parts, and before one is packed.
      await setImmediate()
      if (!isKept()) continue
      append(spoolRecordOf(record))
      await setImmediate()
    }
  }

  const close = (): void => {
    beforeClose()
    const set = windows.close()
    writing = writing.then(() => writeWindow(set))
    openWindow?.ended(writing.then(flush))
  }
  const arm = (): void => {
    windowTimer = setTimeout(() => {
      close()
      arm()
    }, msToBoundary(clock.nowMs()) + afterEndMs)
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
      await openWindow?.stop()
    },
  }
}

const chunks = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
