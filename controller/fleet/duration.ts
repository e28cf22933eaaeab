/** Durations that have passed their schema, and the bounds of those that have not. */
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { formatDuration, parseDurationMs } from '../../wire/values.ts'

export const dayMs = 86_400_000

/** Of a text that fits the schema of durations. */
export const msOf = (text: string): number => {
  const parsed = parseDurationMs(text)
  if (!parsed.ok) throw new Error(parsed.problems.join('; '))
  return parsed.value
}

export const durationProblems = (text: string | undefined, least: number, most: number, steps: Steps): Finding[] => {
  if (text === undefined) return []
  const ms = msOf(text)
  return ms >= least && ms <= most ? [] : [{ steps, message: `got ${text}, want ${formatDuration(least)} to ${formatDuration(most)}` }]
}
