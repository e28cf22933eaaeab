/** Which sequence numbers have come: pure. Newest-first sending after an outage makes several ranges of them, so the highest one alone would say too little. */

/** Both ends included. */
export type Range = { first: number; last: number }
/** `atMs`: when its newest part came. Sorted, without overlaps. */
export type HeldRange = Range & { atMs: number }

/**
 * An agent that skips numbers on purpose makes no more rows of itself than this; what came longest ago is then forgotten, and would be counted
 * again: its own data only. A spool of a day has some 10,000 batches and a gap only where one was dropped.
 */
export const mostRanges = 4096

/** Adds numbers that have come. `fresh` are those that had not: what is to be counted. */
export const addRange = (held: readonly HeldRange[], { first, last }: Range, atMs: number): { fresh: Range[]; held: HeldRange[] } => {
  const touching = held.filter(range => range.first <= last + 1 && range.last >= first - 1)
  const fresh: Range[] = []
  let next = first
  for (const range of touching) {
    if (range.first > next) fresh.push({ first: next, last: Math.min(last, range.first - 1) })
    next = Math.max(next, range.last + 1)
  }
  if (next <= last) fresh.push({ first: next, last })
  const merged: HeldRange = {
    first: Math.min(first, ...touching.map(range => range.first)),
    last: Math.max(last, ...touching.map(range => range.last)),
    atMs: Math.max(atMs, ...touching.map(range => range.atMs)),
  }
  const all = [...held.filter(range => !touching.includes(range)), merged].sort((a, b) => a.first - b.first)
  return { fresh, held: all.length > mostRanges ? forgetOldest(all) : all }
}

const forgetOldest = (held: readonly HeldRange[]): HeldRange[] => {
  const oldest = held.reduce((a, b) => (b.atMs < a.atMs ? b : a))
  return held.filter(range => range !== oldest)
}

/** Without what came before a time. */
export const dropBefore = (held: readonly HeldRange[], beforeMs: number): HeldRange[] => held.filter(({ atMs }) => atMs >= beforeMs)
