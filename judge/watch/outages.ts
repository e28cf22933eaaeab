/** Outages out of the fates of probes, in the order of sending. Pure; times in ms of one monotonic clock. */

/** A run of lost probes that is long enough to be an outage. */
export type Gap = {
  beganMs: number
  lastLostMs: number
  lost: number
  /** When the last probe before it that was answered was sent; that of the first probe where there was none. */
  answeredMs: number
}

export type Outages = {
  /** The probes that are lost in a row until now. */
  run: Gap | undefined
  /** Whether that run has been told. */
  isTold: boolean
  answeredMs: number
}

export type OutageNews = { type: 'began'; gap: Gap } | { type: 'ended'; gap: Gap; endedMs: number }

export const newOutages = (): Outages => ({ run: undefined, isTold: false, answeredMs: Number.NaN })

/** Fewer lost in a row are loss. */
const leastLost = 2
/** Shorter than this is loss too, however many probes a millisecond has: what random loss puts in a row by itself. */
export const leastOutageMs = 20

/**
 * The fate of the next probe. An outage lasts from the sending of the first that was lost to the sending of the first that was answered again: off
 * by less than one interval at each end.
 */
export const addFate = (state: Outages, sentMs: number, isAnswered: boolean): OutageNews | undefined => {
  const { run } = state
  if (isAnswered) {
    state.run = undefined
    state.answeredMs = sentMs
    if (!run || !isOutage(run, sentMs)) return undefined
    return { type: 'ended', gap: run, endedMs: sentMs }
  }
  if (!run) {
    state.run = { beganMs: sentMs, lastLostMs: sentMs, lost: 1, answeredMs: Number.isNaN(state.answeredMs) ? sentMs : state.answeredMs }
    state.isTold = false
    return undefined
  }
  run.lastLostMs = sentMs
  run.lost++
  if (state.isTold || !isOutage(run, sentMs)) return undefined
  state.isTold = true
  return { type: 'began', gap: run }
}

const isOutage = (run: Gap, untilMs: number): boolean => run.lost >= leastLost && untilMs - run.beganMs >= leastOutageMs
