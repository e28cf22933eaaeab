/** From measurements to the spool: windows when they end, events soon after they happen. */
import { setImmediate } from 'node:timers/promises'
import { openBatching } from './batching.ts'
import { type OpenWindow, spoolRecordOf } from './open-window.ts'
import type { Place } from './path.ts'
import { type AgentEvent, packRecord, type RunSpan } from './record.ts'
import { watchRttSteps } from './rtt-steps.ts'
import type { Clock } from './schedule.ts'
import type { NewRecord, RecordKind } from './spool/record.ts'
import type { WindowSet, Windows } from './window.ts'
import { msToBoundary } from './window-bounds.ts'

/**
 * A window is closed this long after its end, which it has all the same: a timer that fires a millisecond early, or a clock that is slewed meanwhile
 * (500 ppm at most, adjtimex(2): 5 ms in a window), would make another window of what is left.
 */
const afterEndMs = 20
/** An event waits a second at most for others to share a request with. A fault that touches everything makes as many as there are paths: more are counted, not kept. */
const events = { everyMs: 1000, most: 100, mostWaiting: 2000 }
/** Spans are for looking back: as long as the SDK's own processor lets them wait (OpenTelemetry specification, "Batching processor"). */
const spans = { everyMs: 5000, most: 200, mostWaiting: 20_000 }

export type Recording = {
  onEvent(event: AgentEvent): void
  /** `build` is called when somebody is to get spans. */
  onSpan(build: () => RunSpan | undefined): void
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
  isKept: (kind: RecordKind) => boolean
  /** Resolves when what was appended is on disk. */
  flush: () => Promise<void>
  /** Begins to write the open window down. */
  openWindow?: () => OpenWindow
  /** Something for the windows to know, directly before one ends. */
  beforeClose: () => void
  lost: (items: number, kind: RecordKind) => void
  /** A step in the round trip of a path, found when a window has ended; it becomes an event by itself. */
  onStep?: (event: AgentEvent) => void
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
  onStep = () => {},
}: RecordingParts): Recording => {
  let windowTimer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  const openWindow = keep?.()

  const waitingEvents = openBatching<AgentEvent>(events, some => {
    if (!isKept('events')) return
    const payload = packRecord({ type: 'events', source: place?.(), events: some })
    append({ kind: 'events', atMs: some[0]!.atMs, spanMs: 0, items: some.length, payload })
  })
  const waitingSpans = openBatching<RunSpan>(spans, some => {
    const payload = packRecord({ type: 'spans', source: place?.(), spans: some })
    append({ kind: 'spans', atMs: some[0]!.startMs, spanMs: 0, items: some.length, payload })
  })

  const onEvent = (event: AgentEvent): void => {
    if (!waitingEvents.add(event)) lost(1, 'events')
  }
  const steps = watchRttSteps(event => {
    onStep(event)
    onEvent(event)
  })

  const writeWindow = async (set: WindowSet): Promise<void> => {
    for (const part of set.parts()) {
      // Measuring goes on between two parts, and before one is packed.
      await setImmediate()
      if (part === 'more') continue
      steps.take(part)
      if (!isKept('windows')) continue
      append(spoolRecordOf(part))
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
    onEvent,
    onSpan(build) {
      const span = isKept('spans') ? build() : undefined
      if (span && !waitingSpans.add(span)) lost(1, 'spans')
    },
    async stop() {
      clearTimeout(windowTimer)
      close()
      waitingEvents.flush()
      waitingSpans.flush()
      await writing
      waitingEvents.flush()
      await openWindow?.stop()
    },
  }
}
