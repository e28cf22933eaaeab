/**
 * Memory that an agent does not need. V8's defaults are made for programs that have the machine to themselves: a young generation which grows
 * to 3 × 16 MB, an old one that may double before it is looked at, and pages that reading the configuration used and nothing will use again.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mallocOption, setMalloc, trimMalloc } from '../probes/net/libc.ts'

/** What V8's compiler has freed stays with malloc otherwise, some MB for each of its threads. */
const trimEveryMs = 30_000

/**
 * The young generation stays as it is at the start, 1 MB a half: what a run makes lives for some ms. The old one is collected when it has
 * grown by 30 %. Both are read each time a generation might grow (v8/src/flags/flag-definitions.h). To be called first.
 */
export const keepHeapSmall = (): void => {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=30')
  // One heap for all threads, each of which would keep some MB of its own: they meet there rarely. And what is large is given back when it is freed;
  // glibc would raise this limit by itself with the first such piece.
  setMalloc(mallocOption.arenaMax, 1)
  setMalloc(mallocOption.mmapThreshold, 128 * 1024)
  setMalloc(mallocOption.trimThreshold, 128 * 1024)
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
