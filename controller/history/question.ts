/** A question to the history as plain data, so that another thread can answer it; and what becomes of it there. */
import type { At, PathLabels } from './labels.ts'
import { type HistoryQuery, linkOf } from './query.ts'

export type HistoryGroup = 'path' | 'link' | 'agent' | 'check' | 'target' | 'all'
/** A place is `cloud` or `cloud/region`. `link` is what `linkOf` says, `path` what `pathIdOf` says. */
export type HistoryFilter = {
  readonly link?: string
  readonly from?: string
  readonly to?: string
  readonly agent?: string
  readonly check?: string
  readonly kind?: string
  readonly target?: string
  readonly path?: string
}
export type HistoryQuestion = {
  readonly fromMs: number
  /** Not included. */
  readonly toMs: number
  /** One row for each such part of the time; or one for all of it. A multiple of a minute. */
  readonly stepMs?: number
  readonly groupBy: HistoryGroup
  readonly where?: HistoryFilter
  /** Rows at most. */
  readonly limit?: number
}

/** `agent check target`, and the IP family where the path has one: the unit that has a verdict, by its name. */
export const pathIdOf = ({ check, target, networkType }: PathLabels, agent: string): string =>
  [agent, check, target, ...(networkType === undefined ? [] : [networkType])].map(word => word.replaceAll(' ', '_')).join(' ')

/** Where a question groups by path, this is the group: what a row has of its path beside numbers. */
export type PathGroup = { agent: string } & PathLabels
const printPath = (labels: PathLabels, agent: string): string => JSON.stringify({ agent, ...labels })
export const readPathGroup = (group: string): PathGroup => JSON.parse(group) as PathGroup

const groups: { readonly [G in HistoryGroup]: (labels: PathLabels, agent: string) => string } = {
  path: printPath,
  link: linkOf,
  agent: (_labels, agent) => agent,
  check: ({ check }) => check,
  target: ({ target }) => target,
  all: () => '',
}

export const asQuery = ({ fromMs, toMs, stepMs, groupBy, where = {} }: HistoryQuestion): HistoryQuery => ({
  fromMs,
  toMs,
  ...(stepMs !== undefined && { stepMs }),
  where: (labels, agent) => fits(where, labels, agent),
  groupBy: groups[groupBy],
})

const fits = (where: HistoryFilter, labels: PathLabels, agent: string): boolean =>
  isOr(where.agent, agent) &&
  isOr(where.check, labels.check) &&
  isOr(where.kind, labels.kind) &&
  isOr(where.target, labels.target) &&
  isAt(where.from, labels.source) &&
  isAt(where.to, labels.destination) &&
  (where.link === undefined || where.link === linkOf(labels)) &&
  (where.path === undefined || where.path === pathIdOf(labels, agent))

const isOr = (wanted: string | undefined, value: string): boolean => wanted === undefined || wanted === value
const isAt = (wanted: string | undefined, at: At | undefined): boolean =>
  wanted === undefined || (at !== undefined && (wanted === at.cloud || wanted === `${at.cloud}/${at.region}`))
