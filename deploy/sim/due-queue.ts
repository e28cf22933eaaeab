/** What is on its way, the earliest first; equal times in the order they were put in. A binary heap. */
export type DueQueue<T> = {
  push: (item: T, atMs: number) => void
  /** When the next item is due; Infinity when there is none. */
  nextMs: () => number
  /** Takes the next item if it is due at `nowMs`. */
  pop: (nowMs: number) => T | undefined
  size: () => number
}

export function createDueQueue<T>(): DueQueue<T> {
  const heap: { item: T; atMs: number; order: number }[] = []
  let order = 0
  const before = (a: number, b: number) =>
    heap[a]!.atMs < heap[b]!.atMs || (heap[a]!.atMs === heap[b]!.atMs && heap[a]!.order < heap[b]!.order)
  const swap = (a: number, b: number) => {
    const kept = heap[a]!
    heap[a] = heap[b]!
    heap[b] = kept
  }
  const sink = () => {
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && before(child, least)) least = child
      if (least === at) return
      swap(at, least)
      at = least
    }
  }
  return {
    push(item, atMs) {
      heap.push({ item, atMs, order: order++ })
      for (let at = heap.length - 1; at > 0 && before(at, (at - 1) >> 1); at = (at - 1) >> 1) swap(at, (at - 1) >> 1)
    },
    nextMs: () => heap[0]?.atMs ?? Number.POSITIVE_INFINITY,
    pop(nowMs) {
      const first = heap[0]
      if (!first || first.atMs > nowMs) return undefined
      const last = heap.pop()!
      if (heap.length > 0) {
        heap[0] = last
        sink()
      }
      return first.item
    },
    size: () => heap.length,
  }
}
