/** The probes of each second, by the time of sending: how many, how many lost, the median and the largest round trip. Pure. */
import type { WatchSecond } from '../../wire/watch.ts'

export type Seconds = { second: number; sent: number; lost: number; rtts: Float64Array; timed: number; maxMs: number }

/** More round trips in one second are not needed for its median. */
const mostSamples = 1024

export const newSeconds = (): Seconds => ({ second: 0, sent: 0, lost: 0, rtts: new Float64Array(mostSamples), timed: 0, maxMs: 0 })

/** The fate of one probe; `rttMs` is NaN where it is not known. Returns the second before when this is the first of another one. */
export const addToSecond = (state: Seconds, sentMs: number, isAnswered: boolean, rttMs: number): WatchSecond | undefined => {
  const second = Math.floor(sentMs / 1000)
  const done = second > state.second && state.sent > 0 ? closeSecond(state) : undefined
  if (second > state.second) state.second = second
  state.sent++
  if (!isAnswered) state.lost++
  else if (!Number.isNaN(rttMs)) {
    if (state.timed < mostSamples) state.rtts[state.timed++] = rttMs
    state.maxMs = Math.max(state.maxMs, rttMs)
  }
  return done
}

const closeSecond = (state: Seconds): WatchSecond => {
  const sorted = state.rtts.subarray(0, state.timed).sort()
  const done = {
    atMs: state.second * 1000,
    sent: state.sent,
    lost: state.lost,
    rttMs: state.timed > 0 ? sorted[state.timed >> 1]! : null,
    maxMs: state.timed > 0 ? state.maxMs : null,
  }
  Object.assign(state, { sent: 0, lost: 0, timed: 0, maxMs: 0 })
  return done
}
