/** Checks that the controller asks for once, now: run beside the schedule, under the same policy and budget, and answered while somebody waits. */

import { longestWatchMs, type WatchPart } from '../../wire/api/watches.ts'
import type { AnyResult } from '../../wire/result.ts'
import type { Path } from '../path.ts'
import type { RunHead } from './messages.ts'
import { readWatchAsk, runWatch, type WatchNow } from './watching.ts'

export type RunWork = {
  /** The paths of it that this agent runs, and what of it it does not. */
  read: (work: unknown) => { paths: readonly Path[]; problems: readonly string[] }
  /** Never rejects. */
  once: (path: Path, signal: AbortSignal) => Promise<AnyResult>
  watch: WatchNow
  /** A part of the answer, as long as somebody waits for it; false: the controller takes it no more. */
  tell: (
    id: string,
    part: { results: readonly AnyResult[]; problems: readonly string[]; done: boolean; watch?: WatchPart },
    waited: AbortSignal,
  ) => Promise<boolean>
}

/** At a time, of all runs together: the schedule goes on beside them. */
const mostAtOnce = 8
const mostRuns = 16
/** What one part of an answer holds. */
const mostResults = 100
/** What is left of the time, for the answer. */
const forAnswer = 0.9
const longestMs = longestWatchMs + 300_000

export type Runs = { start(run: RunHead): Promise<void> }

export const openRuns = ({ read, once, watch, tell }: RunWork, signal: AbortSignal): Runs => {
  /** A stream that was dialled anew may bring what is under way already. */
  const underWay = new Set<string>()
  let busy = 0
  const waiting: (() => void)[] = []
  const enter = async (): Promise<void> => {
    if (busy >= mostAtOnce) await new Promise<void>(resolve => void waiting.push(resolve))
    else busy += 1
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else busy -= 1
  }

  const runAll = async (paths: readonly Path[], ending: AbortSignal): Promise<AnyResult[]> => {
    const results: AnyResult[] = []
    const runOne = async (path: Path): Promise<void> => {
      await enter()
      try {
        if (!ending.aborted) results.push(await once(path, ending))
      } finally {
        leave()
      }
    }
    await Promise.all(paths.map(runOne))
    return results
  }

  const answer = async (id: string, results: readonly AnyResult[], problems: readonly string[], waited: AbortSignal): Promise<void> => {
    for (let from = 0; ; from += mostResults) {
      const done = from + mostResults >= results.length
      await tell(id, { results: results.slice(from, from + mostResults), problems: from === 0 ? problems : [], done }, waited)
      if (done) return
    }
  }

  return {
    async start({ id, withinMs, work }) {
      if (underWay.has(id)) return
      const waitMs = Math.ceil(Math.min(withinMs, longestMs))
      const waited = AbortSignal.any([signal, AbortSignal.timeout(waitMs)])
      if (underWay.size >= mostRuns) return await answer(id, [], [`${mostRuns} runs are under way here already`], waited)
      underWay.add(id)
      try {
        const { paths, problems } = read(work)
        const ending = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(waitMs * forAnswer))])
        const asked = readWatchAsk(work)
        if (asked) {
          const [path] = paths
          if (!asked.ok || !path) return await answer(id, [], asked.ok ? problems : asked.problems, waited)
          return await runWatch(watch, path, asked.value, part => tell(id, { results: [], ...part }, waited), waited)
        }
        const results = await runAll(paths, ending)
        const missing = paths.length - results.length
        await answer(id, results, missing > 0 ? [...problems, `${missing} checks were not begun in time`] : problems, waited)
      } finally {
        underWay.delete(id)
      }
    },
  }
}
