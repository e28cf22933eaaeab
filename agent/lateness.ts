/**
 * How late this process is: its event loop, by a timer that should fire every 20 ms. A loop that stood still, for want of CPU or stopped
 * altogether (SIGSTOP), makes the runs it fell into untrue, and those must not be blamed on the network.
 */
import type { Clock } from './schedule.ts'

export type Lateness = {
  /** The longest that the loop stood still between two monotonic times, in ms. */
  worstMs(fromMs: number, toMs: number): number
  stop(): void
}

const everyMs = 20
/** Below this it is the timer's own granularity. */
const noticedMs = 10
/** Longer than any run that is asked about; the log is a ring, so a machine in bad trouble forgets the oldest. */
const remembered = 4096

/** `onLate` hears of every measurement, for the agent's own metrics. */
export const watchLateness = (clock: Pick<Clock, 'elapsedMs'>, onLate: (lateMs: number) => void): Lateness => {
  const ends = new Float64Array(remembered)
  const lengths = new Float64Array(remembered)
  let count = 0
  let expected = clock.elapsedMs() + everyMs
  const note = (now: number): void => {
    const late = Math.max(0, now - expected)
    onLate(late)
    if (late >= noticedMs) {
      ends[count % remembered] = now
      lengths[count % remembered] = late
      count++
    }
    expected = now + everyMs
  }
  const timer = setInterval(() => note(clock.elapsedMs()), everyMs)
  timer.unref()
  return {
    worstMs(fromMs, toMs) {
      // A callback may run before this timer has had its turn after a stop.
      let worst = Math.max(0, Math.min(toMs - expected, toMs - fromMs))
      for (let i = count - 1; i >= Math.max(0, count - remembered); i--) {
        const end = ends[i % remembered]!
        if (end <= fromMs) break
        const begin = end - lengths[i % remembered]!
        if (begin < toMs) worst = Math.max(worst, Math.min(end, toMs) - Math.max(begin, fromMs))
      }
      return worst
    },
    stop: () => clearInterval(timer),
  }
}
