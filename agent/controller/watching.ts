/** A watch that the controller asks for: its events go there in parts, about once a second, numbered so that what is told twice counts once. */
import { roundAll } from '../../judge/watch/summary.ts'
import { longestWatchMs, type NumberedEvent, type WatchAsk, type WatchPart, watchAskSchema } from '../../wire/api/watches.ts'
import { printSteps } from '../../wire/problem.ts'
import { isObject, readKnown } from '../../wire/read.ts'
import { bad, good, type Parsed } from '../../wire/values.ts'
import type { Path } from '../path.ts'
import { sleep } from '../send/sleep.ts'
import type { Watched, WatchTell } from '../watch-path.ts'

export type WatchNow = (path: Path, ask: WatchAsk, tell: WatchTell, signal: AbortSignal) => Promise<Watched>
type Part = { problems: readonly string[]; done: boolean; watch?: WatchPart }
/** False: nobody takes it any more. */
export type TellPart = (part: Part) => Promise<boolean>

/** Undefined: the run is no watch. */
export const readWatchAsk = (work: unknown): Parsed<WatchAsk> | undefined => {
  if (!isObject(work) || work['watch'] === undefined) return undefined
  const { value, problems } = readKnown(watchAskSchema, work['watch'])
  return problems.length > 0
    ? bad(...problems.map(({ steps, message }) => `watch: ${printSteps(steps)}: ${message}`))
    : good(value as WatchAsk)
}

const partEveryMs = 1000
/** While the controller is away: seconds are the first to be forgotten, then what is oldest. */
const mostWaiting = 1000
const mostSeconds = 200
/** Of the summary; `outageCount` says whether there were more. */
const mostListed = 200

export const runWatch = async (watchNow: WatchNow, path: Path, ask: WatchAsk, tellPart: TellPart, ending: AbortSignal): Promise<void> => {
  const stop = new AbortController()
  const signal = AbortSignal.any([ending, stop.signal])
  let [waiting, number] = [[] as NumberedEvent[], 0]
  let begun: WatchPart['begun']
  const tell: WatchTell = {
    begun: (startedAt, address) => {
      begun = { startedAt, address }
    },
    event: event => {
      waiting = keepSome([...waiting, { number: ++number, event: roundAll(event) }], mostWaiting, mostSeconds)
    },
  }
  const take = (): WatchPart => {
    const events = waiting
    waiting = []
    return { events, ...(begun && { begun }) }
  }
  const watching = watchNow(path, { ...ask, durationMs: Math.min(ask.durationMs, longestWatchMs) }, tell, signal)
  const over = watching.then(() => true)
  while (!(await Promise.race([over, sleep(partEveryMs, signal).then(() => signal.aborted)]))) {
    if (begun && !(await tellPart({ problems: [], done: false, watch: take() }))) stop.abort()
  }
  const watched = await watching
  if (stop.signal.aborted) return void (await tellPart({ problems: ['the controller refused what the watch had seen'], done: true }))
  if ('problem' in watched) return void (await tellPart({ problems: [watched.problem], done: true, watch: take() }))
  const { outages, steps } = watched.document
  const document = { ...watched.document, outages: outages.slice(-mostListed), steps: steps.slice(-mostListed) }
  await tellPart({ problems: [], done: true, watch: { ...take(), document } })
}

/** The latest: of all of them and of the seconds among them so many at most. */
export const keepSome = (events: readonly NumberedEvent[], most: number, seconds: number): NumberedEvent[] => {
  const isSecond = ({ event }: NumberedEvent): boolean => event.type === 'second'
  let tooMany = events.filter(isSecond).length - seconds
  return events.filter(one => !isSecond(one) || tooMany-- <= 0).slice(-most)
}
