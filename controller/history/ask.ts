/** A question about the history as plain data, and its answer. */
import type { PathLabels } from './labels.ts'
import { type HistoryRow, HistorySum, linkOf } from './query.ts'
import { type ReadParts, readAggregates } from './read.ts'

type Place = { readonly cloud: string; readonly region?: string }
/** All that is given must hold. */
export type HistoryFilter = {
  readonly agent?: string
  readonly check?: string
  readonly kind?: string
  readonly target?: string
  readonly source?: Place
  readonly destination?: Place
}
const path = (labels: PathLabels, agent: string): string => [agent, labels.check, labels.target, labels.networkType ?? ''].join(' ')
/** What becomes one row. */
export const groupings = {
  path,
  link: linkOf,
  agent: (_: PathLabels, agent: string) => agent,
  check: ({ check }: PathLabels) => check,
  target: ({ target }: PathLabels) => target,
  all: () => '',
} as const
export type Grouping = keyof typeof groupings

export type HistoryQuestion = {
  readonly fromMs: number
  /** Not included. */
  readonly toMs: number
  /** One row for each such part of the time; or one for all of it. A multiple of a minute. */
  readonly stepMs?: number
  readonly where?: HistoryFilter
  readonly by: Grouping
  readonly limit?: number
}
/** `bad`: blobs that could not be read. */
export type HistoryAnswer = { readonly rows: readonly HistoryRow[]; readonly isCut: boolean; readonly bad: number }

const defaultLimit = 10_000

export const askHistory = async (parts: ReadParts, question: HistoryQuestion): Promise<HistoryAnswer> => {
  const { fromMs, toMs, stepMs, where = {}, by, limit = defaultLimit } = question
  const times = { fromMs, toMs, ...(stepMs !== undefined && { stepMs }) }
  const sum = new HistorySum({ ...times, where: matches(where), groupBy: groupings[by] })
  const range = { ...times, ...(where.agent !== undefined && { agent: where.agent }) }
  const bad = await readAggregates(parts, range, (agent, aggregate) => sum.add(agent, aggregate))
  const rows = sum.rows(limit + 1)
  return { rows: rows.slice(0, limit), isCut: rows.length > limit, bad }
}

const matches =
  ({ agent, check, kind, target, source, destination }: HistoryFilter) =>
  (labels: PathLabels, of: string): boolean =>
    (agent === undefined || agent === of) &&
    (check === undefined || check === labels.check) &&
    (kind === undefined || kind === labels.kind) &&
    (target === undefined || target === labels.target) &&
    isAt(source, labels.source) &&
    isAt(destination, labels.destination)

const isAt = (wanted: Place | undefined, at: PathLabels['source']): boolean =>
  wanted === undefined || (at?.cloud === wanted.cloud && (wanted.region === undefined || at.region === wanted.region))
