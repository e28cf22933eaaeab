/** What the history answers to a question. */
import { type HistoryRow, HistorySum } from './query.ts'
import { asQuery, type HistoryQuestion } from './question.ts'
import { type ReadParts, readAggregates } from './read.ts'

/** `bad`: blobs that could not be read. */
export type HistoryAnswer = { readonly rows: readonly HistoryRow[]; readonly isCut: boolean; readonly bad: number }

const defaultLimit = 10_000

export const askHistory = async (parts: ReadParts, question: HistoryQuestion): Promise<HistoryAnswer> => {
  const { fromMs, toMs, stepMs, where = {}, limit = defaultLimit } = question
  const sum = new HistorySum(asQuery(question))
  const range = { fromMs, toMs, ...(stepMs !== undefined && { stepMs }), ...(where.agent !== undefined && { agent: where.agent }) }
  const bad = await readAggregates(parts, range, (agent, aggregate) => sum.add(agent, aggregate))
  const rows = sum.rows(limit + 1)
  return { rows: rows.slice(0, limit), isCut: rows.length > limit, bad }
}
