import { emptyHistogram, record } from '../../wire/histogram.ts'
import type { Outcome } from '../../wire/result.ts'
import type { WatchKind } from '../../wire/watch.ts'
import { buildWaiter } from '../waiter.ts'
import { isSender, type OpenSender, type Sender, type SenderOptions } from './sender.ts'

const senders: { [K in WatchKind]: () => Promise<OpenSender> } = {
  icmp: async () => (await import('./icmp.ts')).openIcmpSender,
  tcp: async () => (await import('./tcp.ts')).openTcpSender,
  udp: async () => (await import('./udp.ts')).openUdpSender,
}

export const isWatchKind = (kind: string): kind is WatchKind => Object.hasOwn(senders, kind)

/** Who did not run for so long, or for several intervals, has seen nothing: what was due is left out, not sent in a burst. */
const blindMs = 50
const blindIntervals = 4
/** More is not sent in one go. */
const batch = 64

/** Times are ms since the start, by the monotonic clock. */
export type PathListener = {
  sent(index: number, atMs: number): void
  answered(index: number, atMs: number, rttMs: number, ttl: number, there?: { received: number; epoch: number }): void
  error(text: string): void
  blind(atMs: number, lengthMs: number): void
  /** After each look at the clock, some ms apart. */
  advance(nowMs: number): void
}

export type PathOptions = SenderOptions & { kind: WatchKind; intervalMs: number; durationMs?: number }
export type PathRun = { startMs: number; latenessMs: ReturnType<typeof emptyHistogram>; overflow: number }

/**
 * Sends a probe every `intervalMs` until the signal aborts or the duration is over, and waits `timeoutMs` for the last answers. Never rejects for expected trouble:
 * where nothing can be sent at all it returns why. `startMs` is when it began, by `performance.now()`.
 */
export const runPath = async (
  options: PathOptions,
  listener: PathListener,
  signal: AbortSignal,
  begun = () => {},
): Promise<PathRun | Outcome> => {
  const open = await senders[options.kind]()
  const run: PathRun = { startMs: 0, latenessMs: emptyHistogram(), overflow: 0 }
  const sender = await open(
    options,
    {
      answered: (index, rttMs, ttl, there) => listener.answered(index, performance.now() - run.startMs, rttMs, ttl, there),
      error: listener.error,
    },
    signal,
  )
  if (!isSender(sender)) return sender
  // Nobody has to wait for a path that is watched no more: answers are taken for a moment after the end.
  const closing = new AbortController()
  const waiter = buildWaiter(signal)
  const after = buildWaiter(closing.signal)
  try {
    run.startMs = performance.now()
    begun()
    const { intervalMs, durationMs = Number.POSITIVE_INFINITY } = options
    const now = (): number => performance.now() - run.startMs
    let [next, originMs] = [0, 0]
    // Whoever is told of the beginning may take its time: that is no burst of late probes either.
    for (let at = now(); at < durationMs && !signal.aborted; at = now()) {
      const dueMs = originMs + next * intervalMs
      if (at - dueMs > Math.max(blindMs, blindIntervals * intervalMs)) {
        // What has arrived meanwhile is taken first: it belongs to what was sent before.
        sender.collect()
        listener.blind(dueMs, at - dueMs)
        originMs = at - next * intervalMs
      }
      next = sendDue({ sender, listener, run, intervalMs, now }, next, originMs)
      sender.collect()
      listener.advance(now())
      await waiter.wait(Math.min(originMs + next * intervalMs, durationMs) - now())
    }
    for (const until = now() + Math.min(options.timeoutMs, 250); now() < until; ) {
      await after.wait(5)
      sender.collect()
    }
    listener.advance(now())
    run.overflow = sender.overflow()
    return run
  } finally {
    waiter.end()
    after.end()
    sender.close()
  }
}

type Sending = { sender: Sender; listener: PathListener; run: PathRun; intervalMs: number; now: () => number }

/** Sends what is due by now; returns the number of the next one. */
const sendDue = ({ sender, listener, run, intervalMs, now }: Sending, first: number, originMs: number): number => {
  const due = Math.min(Math.floor((now() - originMs) / intervalMs) + 1, first + batch)
  if (first < due) sender.look()
  for (let index = first; index < due; index++) {
    const atMs = now()
    if (!sender.send(index)) return index
    listener.sent(index, atMs)
    record(run.latenessMs, Math.max(0, atMs - originMs - index * intervalMs))
  }
  return Math.max(first, due)
}
