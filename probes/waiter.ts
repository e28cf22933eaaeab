/**
 * Waits again and again with one timer and one listener: at thousands of waits a second, making a timer and a listener for each is most of the cost.
 * `end` must be called.
 */
export type Waiter = {
  /** Ends after `ms`, by `wake`, or when the signal aborts; never rejects. One wait at a time. */
  wait: (ms: number) => Promise<void>
  wake: () => void
  end: () => void
}

export const buildWaiter = (signal: AbortSignal): Waiter => {
  let resume: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let timerMs = 0
  const wake = (): void => {
    const woken = resume
    resume = undefined
    woken?.()
  }
  signal.addEventListener('abort', wake)
  return {
    wait: ms =>
      new Promise(resolve => {
        if (signal.aborted) return resolve()
        resume = resolve
        // Timers have whole milliseconds, at least one.
        const wholeMs = Math.max(1, Math.trunc(ms))
        if (timer && timerMs === wholeMs) timer.refresh()
        else {
          clearTimeout(timer)
          timerMs = wholeMs
          timer = setTimeout(wake, wholeMs)
        }
      }),
    wake,
    end: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
    },
  }
}
