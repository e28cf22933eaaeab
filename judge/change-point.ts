/**
 * Finds where a series of round-trip times takes another level, by a two-sided CUSUM (Page, "Continuous inspection schemes", Biometrika 1954) over
 * logarithms, each measured against the median of what came before in units of its median absolute deviation: a doubling weighs the same at 1 ms
 * and at 200 ms, and neither a spike nor a heavy tail moves the yardstick. No threshold on the round-trip time is needed.
 */

/** What is known of one series: plain data, some hundred bytes. */
export type ChangePoint = {
  /** Logarithms of the latest values at the present level, as a ring. */
  recent: Float64Array
  count: number
  /** The two sums, and how many values each has been above zero for: where the change began. */
  up: number
  upFor: number
  down: number
  downFor: number
  /** The latest values whatever they are, as a ring: what the new level is made of. */
  latest: Float64Array
  seen: number
  /** How many of them are not part of the level yet. */
  held: number
  /** How much the values scattered at the level before: a new level has too few to tell. */
  scatter: number
}

/** `windowsAgo`: how many values ago, this one included, the new level began. */
export type Step = { before: number; after: number; windowsAgo: number }

/** The level is the median of so many values: five minutes of ten-second windows. */
const remembered = 30
/** Values before a level is one. */
const leastCount = 5
/** One deviation counts as no more than so many, so that no single value is a step. */
const mostDeviations = 4
/** Drift that is allowed, in deviations per value, and the sum that is a change: at most one false alarm in 100,000 values of independent normal noise (Siegmund 1985, eq. 2.53). */
const slack = 1
const alarm = 5
/** A path is never steadier than this, in logarithms: 3 %. */
const leastDeviation = 0.03
/** A change of less is none for anybody: a quarter, a fifth of a ms, and what this path does anyway. */
const leastRatio = 1.25
const leastMs = 0.2
const leastDeviations = 3
/** Values after which a level that is no step is taken for the level. */
const patience = 10
/** Of a normal distribution: standard deviation = 1.4826 × median absolute deviation. */
const madToDeviation = 1.4826

export const newChangePoint = (): ChangePoint => ({
  recent: new Float64Array(remembered),
  count: 0,
  up: 0,
  upFor: 0,
  down: 0,
  downFor: 0,
  latest: new Float64Array(remembered),
  seen: 0,
  held: 0,
  scatter: 0,
})

/** Takes one value, in ms and above zero: the median of a window, or a sample. Returns the step that it completes. */
export const addValue = (state: ChangePoint, value: number): Step | undefined => {
  if (!(value > 0)) return undefined
  const x = Math.log(value)
  state.latest[state.seen++ % remembered] = x
  if (state.count < leastCount) {
    keep(state, x)
    return undefined
  }
  const level = medianOf(state.recent, Math.min(state.count, remembered))
  const z = Math.max(-mostDeviations, Math.min(mostDeviations, (x - level) / deviationTo(x > level ? 1 : -1, state, level)))
  state.up = Math.max(0, state.up + z - slack)
  state.down = Math.max(0, state.down - z - slack)
  state.upFor = state.up > 0 ? state.upFor + 1 : 0
  state.downFor = state.down > 0 ? state.downFor + 1 : 0
  state.held++
  if (state.up <= alarm && state.down <= alarm) {
    // What may be the beginning of a change is not yet part of the level; when it was none, it is, or the yardstick would know the quiet values only.
    if (state.upFor === 0 && state.downFor === 0) keepHeld(state)
    else if (state.upFor > patience || state.downFor > patience) restart(state, patience)
    return undefined
  }
  return settle(state, level)
}

/** The level in ms; undefined while there is none. */
export const levelOf = (state: ChangePoint): number | undefined =>
  state.count < leastCount ? undefined : Math.exp(medianOf(state.recent, Math.min(state.count, remembered)))

/** Begins anew: what follows has nothing to do with what was. */
export const forget = (state: ChangePoint): void => restart(state, 0)

/** An alarm is a step where the new level is another one in earnest. Until it is, it may become one; what lasts without becoming one is the level from here on. */
const settle = (state: ChangePoint, level: number): Step | undefined => {
  const isUp = state.up > alarm
  const leastLog = Math.max(Math.log(leastRatio), leastDeviations * deviationTo(isUp ? 1 : -1, state, level))
  const lasts = Math.min(isUp ? state.upFor : state.downFor, remembered)
  const windowsAgo = onset(lastValues(state, lasts), level)
  const values = lastValues(state, windowsAgo)
  const after = Math.exp(medianOf(values, values.length))
  const before = Math.exp(level)
  const isStep = Math.abs(Math.log(after / before)) >= leastLog && Math.abs(after - before) >= leastMs
  if (isStep) restart(state, windowsAgo)
  else if (lasts >= patience) restart(state, lasts)
  else if (isUp) state.up = alarm
  else state.down = alarm
  return isStep ? { before, after, windowsAgo } : undefined
}

/** Since when the level is another: the end of the series that is least likely at the old one (maximum likelihood for a shift of the mean; Hinkley 1970). */
const onset = (values: Float64Array, level: number): number => {
  let [sum, best, length] = [0, 0, values.length]
  for (let size = 1; size <= values.length; size++) {
    sum += values[values.length - size]! - level
    if (size === 1 || sum ** 2 / size <= best) continue
    best = sum ** 2 / size
    length = size
  }
  return length
}

const restart = (state: ChangePoint, kept: number): void => {
  const values = lastValues(state, kept)
  if (state.count >= leastCount) state.scatter = deviationOf(state, medianOf(state.recent, Math.min(state.count, remembered)))
  state.count = 0
  state.up = 0
  state.down = 0
  state.upFor = 0
  state.downFor = 0
  state.held = 0
  for (const x of values) keep(state, x)
}

const lastValues = (state: ChangePoint, count: number): Float64Array => {
  const size = Math.min(count, state.seen, remembered)
  const values = new Float64Array(size)
  for (let i = 0; i < size; i++) values[i] = state.latest[(state.seen - size + i) % remembered]!
  return values
}

const keepHeld = (state: ChangePoint): void => {
  for (const x of lastValues(state, state.held)) keep(state, x)
  state.held = 0
}

const keep = (state: ChangePoint, x: number): void => {
  state.recent[state.count++ % remembered] = x
  // The ring's position and its fullness are both read off the count.
  if (state.count >= 2 * remembered) state.count -= remembered
}

const scratch = new Float64Array(remembered)

const medianOf = (values: Float64Array, size: number): number => {
  const sorted = scratch.subarray(0, size)
  sorted.set(values.subarray(0, size))
  sorted.sort()
  return size % 2 === 1 ? sorted[size >> 1]! : (sorted[(size >> 1) - 1]! + sorted[size >> 1]!) / 2
}

const distances = new Float64Array(remembered)

/** Of the values at the level, times so many that it is a standard deviation. */
const deviationOf = (state: ChangePoint, level: number): number => {
  const size = Math.min(state.count, remembered)
  const all = spread(state, level, () => true)
  return Math.max(leastDeviation, all, size < remembered ? state.scatter : 0)
}

/** The same to one side, where values may scatter further: queues make packets late, and nothing makes them early. */
const deviationTo = (side: 1 | -1, state: ChangePoint, level: number): number =>
  Math.max(
    deviationOf(state, level),
    spread(state, level, x => (x - level) * side > 0),
  )

/** The median absolute deviation of those that `isIn`, 0 where they are too few. A few values know little of how much they scatter. */
const spread = (state: ChangePoint, level: number, isIn: (x: number) => boolean): number => {
  const size = Math.min(state.count, remembered)
  let count = 0
  for (let i = 0; i < size; i++) if (isIn(state.recent[i]!)) distances[count++] = Math.abs(state.recent[i]! - level)
  return count < leastCount ? 0 : madToDeviation * medianOf(distances, count) * (1 + 4 / size)
}
