/** The history as routes ask it: everything that there is, or a problem that says so. */
import type { Reader } from '../history/reader.ts'
import type { HistoryReader } from './parts.ts'
import { HttpProblem } from './problem.ts'

/** Paths of the largest fleet that one controller serves. */
const mostRows = 200_000

/** Sums and verdicts of a part would look like those of the whole. */
export const wholeHistory = (reader: Pick<Reader, 'query'>): HistoryReader => ({
  query: async question => {
    const limit = Math.min(question.limit ?? mostRows, mostRows)
    const { rows, isCut } = await reader.query({ ...question, limit })
    if (isCut) throw new HttpProblem(400, `the query: more than ${limit} rows, want a longer step, a shorter time, or more filters`)
    return [...rows]
  },
})
