import { plural } from './plural.ts'

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

const inWords = (ms: number, whole: (count: number) => number): string => {
  if (!Number.isFinite(ms)) return 'an unknown time'
  const [unit, size] = units.find(([, size]) => Math.abs(ms) >= 2 * size) ?? units[3]
  const count = whole(Math.abs(ms) / size)
  return plural(count, unit)
}

/** About how long, for people: in whole numbers of the largest unit of which there are at least two. */
export const sayDuration = (ms: number): string => inWords(ms, Math.round)

/** The same, and never more than there is: of what is left, and of how long something has been over. */
export const sayWhole = (ms: number): string => inWords(ms, Math.floor)
