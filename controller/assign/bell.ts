/** Wakes one loop: a ring that comes while the loop works is not lost, and many are one. */
export type Bell = {
  ring(): void
  /** Resolves when it rings, or after so long; false once it is closed. */
  wait(ms: number): Promise<boolean>
  close(): void
}

export const openBell = (): Bell => {
  let [hasRung, isClosed] = [false, false]
  let wake = (): void => {}
  return {
    ring: () => {
      hasRung = true
      wake()
    },
    wait: async ms => {
      if (!hasRung && !isClosed) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        const timer = setTimeout(resolve, ms)
        await promise
        clearTimeout(timer)
      }
      hasRung = false
      return !isClosed
    },
    close: () => {
      isClosed = true
      wake()
    },
  }
}
