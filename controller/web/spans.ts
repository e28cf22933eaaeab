/** The time that a query is about. */
import { HttpProblem } from './problem.ts'

const msPer = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** Thirteen months, which is how long the history is kept. */
const longestMs = 400 * msPer.d
/** The finest that is kept. */
export const minuteMs = 60_000
/** More parts than a chart has pixels. */
const maxSteps = 2000

/** Of a text that fits the schema of spans. */
export const spanMs = (text: string): number => {
  const [, digits, unit] = /^([\d.]+)([smhd])$/.exec(text) ?? []
  return Number(digits) * msPer[(unit ?? 's') as keyof typeof msPer]
}

export type Range = { fromMs: number; toMs: number; stepMs?: number }

const timeOf = (name: string, text: string, nowMs: number): number => {
  if (/^\d+(\.\d+)?[smhd]$/.test(text)) return nowMs - spanMs(text)
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms))
    throw new HttpProblem(
      400,
      `the query: ${name}: got ${JSON.stringify(text)}, want a time like 2026-11-21T20:00:00Z, or how long ago: 30m`,
    )
  return ms
}

/** Begins on a minute, and with steps on a multiple of them: the same rows for who asks a second later. */
export const rangeOf = (
  { window, since, until, step }: { window?: string; since?: string; until?: string; step?: string },
  nowMs: number,
): Range => {
  const toMs = until === undefined ? nowMs : timeOf('until', until, nowMs)
  if (window !== undefined && since !== undefined) throw new HttpProblem(400, 'the query: window and since, want one of both')
  const beginMs = since === undefined ? toMs - spanMs(window ?? '1h') : timeOf('since', since, nowMs)
  const stepMs = step === undefined ? undefined : Math.ceil(spanMs(step) / minuteMs) * minuteMs
  if (stepMs === 0) throw new HttpProblem(400, 'the query: step: got 0, want 1m or more')
  const grainMs = stepMs ?? minuteMs
  const fromMs = Math.floor(beginMs / grainMs) * grainMs
  if (beginMs >= toMs) throw new HttpProblem(400, 'the query: it ends before it begins')
  if (toMs - beginMs > longestMs) throw new HttpProblem(400, 'the query: longer than 400 days, which is more than is kept')
  if (stepMs !== undefined && (toMs - fromMs) / stepMs > maxSteps)
    throw new HttpProblem(400, `the query: more than ${maxSteps} steps, want a longer step or a shorter time`)
  return { fromMs, toMs, ...(stepMs !== undefined && { stepMs }) }
}
