/** Links that promise something, what is left of it, and how fast it goes: by the calendar month in which promises are kept, or by a window. Pure. */

import type { SloAnswer } from '../../wire/api/measured.ts'
import type { SloQuery } from '../../wire/api/measured-query.ts'
import { linkName } from '../../wire/link-name.ts'
import { burnRate } from '../alert/burn.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { HistoryRow } from '../history/query.ts'
import { measuredOf, meets, objectiveOf } from './measured-answer.ts'
import { HttpProblem } from './problem.ts'
import { type Range, rangeOf } from './spans.ts'

/** `past`: what of it was, up to now; undefined in the first moment of a month. */
export type SloSpan = { month?: string; startMs: number; endMs: number; past?: Range; isOver: boolean }

/** Months are of UTC, so that everyone who reads the number has the same. */
export const sloSpanOf = ({ month, window }: Pick<SloQuery, 'month' | 'window'>, nowMs: number): SloSpan => {
  if (month !== undefined && window !== undefined) throw new HttpProblem(400, 'the query: month and window, want one of both')
  if (window !== undefined) {
    const past = rangeOf({ window }, nowMs)
    return { startMs: past.fromMs, endMs: past.toMs, past, isOver: false }
  }
  const thisMonth = new Date(nowMs).toISOString().slice(0, 7)
  const [year = 0, number = 0] = (month ?? thisMonth).split('-').map(Number)
  const [startMs, endMs] = [Date.UTC(year, number - 1), Date.UTC(year, number)]
  if (startMs > nowMs) throw new HttpProblem(400, `the query: month: ${month} is still to come, now it is ${thisMonth}`)
  const toMs = Math.min(endMs, nowMs)
  const asked = { since: new Date(startMs).toISOString(), until: new Date(toMs).toISOString() }
  return {
    month: month ?? thisMonth,
    ...{ startMs, endMs, isOver: endMs <= nowMs },
    ...(toMs > startMs && { past: rangeOf(asked, nowMs) }),
  }
}

/** What the burn is said of, ending now: an hour, six, and three days, as the alerts and the workbook have them. */
export const burnSpansMs = { h1: 3_600_000, h6: 6 * 3_600_000, d3: 3 * 86_400_000 } as const
export type BurnRows = { readonly [K in keyof typeof burnSpansMs]: readonly HistoryRow[] }

/**
 * Runs stand for time: a link of which one run in a thousand failed was away for a thousandth of the time that has passed (Google SRE workbook, chapter 2:
 * request-based). The budget is that of the whole month from its first day on.
 */
export const sloAnswers = (
  links: MergedFleet['links'],
  rows: readonly HistoryRow[],
  span: SloSpan,
  burns: BurnRows | undefined,
): SloAnswer[] => {
  const measured = new Map(rows.map(row => [row.group, row]))
  const { month, startMs, endMs, past } = span
  const elapsedMs = past ? past.toMs - past.fromMs : 0
  return links.flatMap((link): SloAnswer[] => {
    const objective = link.objective && objectiveOf(link.objective)
    if (!objective || Object.keys(objective).length === 0) return []
    const group = linkName(link.from, link.to)
    const row = measured.get(group)
    const availability = row?.summary.availability ?? null
    const p95Ms = row && measuredOf(row.summary).rttMs?.p95
    const isMet = meets(objective, availability, p95Ms)
    const percent = objective.availability
    return [
      {
        ...{ from: link.from, to: link.to, owner: link.owner, objective },
        ...(month !== undefined && { month }),
        ...{ startAt: new Date(startMs).toISOString(), endAt: new Date(endMs).toISOString(), windowMs: endMs - startMs },
        ...{ paths: row?.paths ?? 0, availability, p95Ms: p95Ms ?? null },
        ...(percent !== undefined &&
          availability !== null && { errorBudget: budgetOf(percent, availability, { elapsedMs, wholeMs: endMs - startMs }) }),
        ...(percent !== undefined && burns && { burn: burnOf(burns, group, percent) }),
        ...(isMet !== undefined && { meets: isMet }),
      },
    ]
  })
}

/** To a millionth, and to a millisecond. */
const rounded = (ratio: number): number => Math.round(ratio * 1e6) / 1e6 + 0

const budgetOf = (
  promisedPercent: number,
  availability: number,
  { elapsedMs, wholeMs }: { elapsedMs: number; wholeMs: number },
): NonNullable<SloAnswer['errorBudget']> => {
  const allowedMs = (1 - promisedPercent / 100) * wholeMs
  const spentRatio = rounded(((1 - availability) * elapsedMs) / allowedMs)
  const leftRatio = rounded(1 - spentRatio)
  return { allowedMs: Math.round(allowedMs), spentRatio, leftRatio, leftMs: Math.round(allowedMs * leftRatio) }
}

const burnOf = (burns: BurnRows, group: string, percent: number): NonNullable<SloAnswer['burn']> => {
  const of = (rows: readonly HistoryRow[]): number | null => {
    const runs = rows.find(row => row.group === group)?.summary.runs
    const rate = runs && burnRate(runs, percent)
    return rate === undefined ? null : Math.round(rate * 1000) / 1000
  }
  return { h1: of(burns.h1), h6: of(burns.h6), d3: of(burns.d3) }
}
