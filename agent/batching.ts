/** What comes one by one and goes as records of many. */
export type Batching<T> = {
  /** False when there is no room left: it is not kept. */
  add(one: T): boolean
  /** Writes what there is. */
  flush(): void
}

/** `everyMs`: how long one waits at most for others. `most`: in one record. `mostWaiting`: at a time; more come when something is wrong everywhere. */
export type Limits = { everyMs: number; most: number; mostWaiting: number }

/** `write` gets up to `most` at a time, in the order in which they came. */
export const openBatching = <T>({ everyMs, most, mostWaiting }: Limits, write: (some: readonly T[]) => void): Batching<T> => {
  let waiting: T[] = []
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const all = waiting
    waiting = []
    for (let i = 0; i < all.length; i += most) write(all.slice(i, i + most))
  }
  return {
    add(one) {
      if (waiting.length >= mostWaiting) return false
      waiting.push(one)
      timer ??= setTimeout(flush, everyMs)
      return true
    },
    flush,
  }
}
