/**
 * Memory that an agent does not need. V8's defaults are made for programs that have the machine to themselves: a young generation which grows
 * to 3 × 16 MB, an old one that may double before it is looked at, and pages that reading the configuration used and nothing will use again.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mallocOption, setMalloc, trimMalloc } from '../probes/net/libc.ts'

/** What V8's compiler has freed stays with malloc otherwise, some MB for each of its threads. */
const trimEveryMs = 30_000

/** By what V8 multiplies a half of the young generation that has seen much survive; 1: it stays as it is. */
const growYoungBy = (factor: number): void => setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/**
 * The young generation stays as it is at the start, 1 MB a half, until `openYoung` is told of more work. The old one is collected when it has
 * grown by 30 %. Both are read each time a generation might grow (v8/src/flags/flag-definitions.h). To be called first.
 */
export const keepHeapSmall = (): void => {
  growYoungBy(1)
  setFlagsFromString('--heap-growing-percent=30')
  // One heap for all threads, each of which would keep some MB of its own: they meet there rarely. And what is large is given back when it is freed;
  // glibc would raise this limit by itself with the first such piece.
  setMalloc(mallocOption.arenaMax, 1)
  setMalloc(mallocOption.mmapThreshold, 128 * 1024)
  setMalloc(mallocOption.trimThreshold, 128 * 1024)
}

const mb = 2 ** 20
/** V8's own limit of a half (v8/src/heap/heap.cc, DefaultMaxSemiSpaceSize). */
const mostYoungBytes = 16 * mb

/**
 * A half of the young generation, in bytes, for so many runs a second. A run lives for some ms: with too little room it is still under way at the next collection
 * or the one after, and is copied twice into the old generation. At 10,000 runs a second 1 MB costs twice the CPU of 16; at 1,000, 2 MB cost the least.
 */
export const youngBytesFor = (runsPerSecond: number): number => {
  const wanted = Math.max(1, runsPerSecond / 500) * mb
  return Math.min(mostYoungBytes, 2 ** Math.ceil(Math.log2(wanted)))
}

/** While it grows it is looked at so often: it may double between two looks, and then once more than was wanted. */
const lookEveryMs = 20

export type Young = { for(runsPerSecond: number): void; close(): void }

/** Lets the young generation grow to what the work wants, and no further. V8 makes it smaller by itself when little is left to do. */
export const openYoung = (): Young => {
  let wantedBytes = 0
  let timer: NodeJS.Timeout | undefined
  const close = (): void => {
    clearInterval(timer)
    timer = undefined
    growYoungBy(1)
  }
  const look = (): void => {
    if (youngBytes() >= wantedBytes) close()
  }
  return {
    for(runsPerSecond) {
      wantedBytes = youngBytesFor(runsPerSecond)
      if (timer || youngBytes() >= wantedBytes) return
      growYoungBy(2)
      timer = setInterval(look, lookEveryMs)
      timer.unref()
    },
    close,
  }
}

/** The capacity of a half. */
const youngBytes = (): number => {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  // V8 tells it less a few hundred bytes for each page.
  return space ? Math.ceil((space.space_used_size + space.space_available_size) / mb) * mb : mostYoungBytes
}

/**
 * Collects everything and gives the pages back, once: some 100 ms in which nothing else runs. To be called when all is loaded and nothing
 * is measured yet.
 */
export const giveBack = (): void => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: object) => void
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  trimMalloc()
}

/** Gives back what malloc holds and nothing uses, from time to time: a ms or so. Returns what ends it. */
export const keepTrimming = (): (() => void) => {
  const timer = setInterval(trimMalloc, trimEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}
