import { type Histogram, quantileOf } from '../../wire/histogram.ts'
import { linkName } from '../../wire/link-name.ts'
import { type Aggregate, type Cell, CellSum, mergeAggregates } from './aggregate.ts'
import { decodeBlob, encodeBlob } from './blob.ts'
import { isSelf, type PathLabels } from './labels.ts'

/** Seconds; null where there is no value. */
export type Times = {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly min: number
  readonly max: number
}
/** What is known of a path, or of the paths of a link or an agent, over a time. Ratios are null where there is nothing to divide by. */
export type Summary = {
  readonly runs: { readonly ok: number; readonly fail: number; readonly unmeasured: number }
  /** Failures and what was not measured, by reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** Of the runs that were measured. */
  readonly availability: number | null
  readonly rttSeconds: Times | null
  readonly durationSeconds: Times | null
  readonly packets: Readonly<Record<string, number>>
  readonly lossRatio: number | null
  readonly segments: number
  readonly retransmits: number
  readonly synRetransmits: number
  readonly retransmitRatio: number | null
  /** The smallest seen, by direction. */
  readonly mtuBytes: Readonly<Record<string, number>>
  /** Unix time at which the first certificate ends. */
  readonly certificateNotAfter: number | null
}

export const summarise = (cells: readonly Cell[]): Summary => {
  const runs = { ok: 0, fail: 0, unmeasured: 0 }
  const reasons: Record<string, number> = {}
  for (const { column, value } of cellsOf(cells, 'runs', 'sum')) {
    const [outcome = '', reason = ''] = column.variant
    if (outcome === 'ok' || outcome === 'fail' || outcome === 'unmeasured') runs[outcome] += Number(value)
    if (reason !== '') reasons[reason] = (reasons[reason] ?? 0) + Number(value)
  }
  const packets = byVariant(cells, 'icmpPackets', 'sum')
  const [segments, retransmits] = [sumOf(cells, 'tcpSegments'), sumOf(cells, 'tcpRetransmits')]
  const notAfter = cellsOf(cells, 'certificateNotAfter', 'least')[0]
  return {
    runs,
    reasons,
    availability: ratio(runs.ok, runs.ok + runs.fail),
    rttSeconds: timesOf(cells, 'rtt'),
    durationSeconds: timesOf(cells, 'duration'),
    packets,
    lossRatio: ratio(Math.max(0, (packets['sent'] ?? 0) - (packets['received'] ?? 0)), packets['sent'] ?? 0),
    segments,
    retransmits,
    synRetransmits: sumOf(cells, 'tcpSynRetransmits'),
    retransmitRatio: ratio(retransmits, segments),
    mtuBytes: byVariant(cells, 'pathMtu', 'least'),
    certificateNotAfter: notAfter ? Number(notAfter.value) : null,
  }
}

const cellsOf = (cells: readonly Cell[], key: string, form: string): readonly Cell[] =>
  cells.filter(({ column }) => column.key === key && column.form === form)
const sumOf = (cells: readonly Cell[], key: string): number => cellsOf(cells, key, 'sum').reduce((sum, { value }) => sum + Number(value), 0)
const byVariant = (cells: readonly Cell[], key: string, form: string): Record<string, number> =>
  Object.fromEntries(cellsOf(cells, key, form).map(({ column, value }) => [column.variant[0] ?? '', Number(value)]))
const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null)

const timesOf = (cells: readonly Cell[], key: string): Times | null => {
  const value = cellsOf(cells, key, 'times')[0]?.value
  if (value === undefined || typeof value === 'number' || value.count === 0) return null
  const at = (q: number): number => quantileOf(value, q)!
  return { count: value.count, p50: at(0.5), p95: at(0.95), p99: at(0.99), min: value.min, max: value.max } satisfies Times &
    Partial<Histogram>
}

export type HistoryQuery = {
  /** Aggregates that begin in this time are looked at: from `fromMs` to before `toMs`. */
  readonly fromMs: number
  readonly toMs: number
  /** One row for each such part of the time, from `fromMs` on; or one for all of it. */
  readonly stepMs?: number
  readonly where?: (labels: PathLabels, agent: string) => boolean
  /** Paths of the same group become one row: of the same path, link or agent. */
  readonly groupBy: (labels: PathLabels, agent: string) => string
}
/** `agent` and `labels` are those of the first path of the group. */
export type HistoryRow = {
  readonly group: string
  readonly startMs: number
  readonly paths: number
  readonly agent: string
  readonly labels: PathLabels
  readonly summary: Summary
}

/** '' for a path that does not say where it leads. */
export const linkOf = ({ source, destination }: PathLabels): string =>
  source && destination ? linkName(`${source.cloud}/${source.region}`, `${destination.cloud}/${destination.region}`) : ''

type Group = { group: string; startMs: number; agent: string; labels: PathLabels; sum: CellSum; paths: Set<string> }

/** Sums up what is given part by part: in the order of time, of any resolution, and nothing twice. */
export class HistorySum {
  readonly #query: Required<HistoryQuery>
  readonly #groups = new Map<string, Group>()

  constructor({ fromMs, toMs, stepMs = Math.max(1, toMs - fromMs), where = () => true, groupBy }: HistoryQuery) {
    this.#query = { fromMs, toMs, stepMs, where, groupBy }
  }

  add(agent: string, aggregate: Aggregate): void {
    const { fromMs, stepMs, where, groupBy } = this.#query
    const startMs = fromMs + Math.max(0, Math.floor((aggregate.startMs - fromMs) / stepMs)) * stepMs
    for (const { labels, cells } of aggregate.paths) {
      if (isSelf(labels) || !where(labels, agent)) continue
      const group = groupBy(labels, agent)
      const key = `${startMs} ${group}`
      let known = this.#groups.get(key)
      if (!known) this.#groups.set(key, (known = { group, startMs, agent, labels, sum: new CellSum(), paths: new Set() }))
      known.sum.add(cells)
      known.paths.add(`${agent}\0${labels.check}\0${labels.target}\0${labels.networkType}`)
    }
  }

  /** By time and group. */
  rows(limit = Number.POSITIVE_INFINITY): HistoryRow[] {
    return [...this.#groups.values()]
      .sort((a, b) => a.startMs - b.startMs || (a.group < b.group ? -1 : 1))
      .slice(0, limit)
      .map(({ sum, paths, ...rest }) => ({ ...rest, paths: paths.size, summary: summarise(sum.cells) }))
  }
}

/** Rows by group and time. What is given may be in any order, of any resolution, and in parts, but must not say the same thing twice. */
export const queryHistory = (
  given: Iterable<{ readonly agent: string; readonly aggregate: Aggregate }>,
  query: HistoryQuery,
): HistoryRow[] => {
  const sum = new HistorySum(query)
  const inTime = [...given].filter(({ aggregate: { startMs } }) => startMs >= query.fromMs && startMs < query.toMs)
  for (const { agent, aggregate } of inTime.sort((a, b) => a.aggregate.startMs - b.aggregate.startMs)) sum.add(agent, aggregate)
  return sum.rows()
}

/** One blob of several of one agent, for a longer time; `bad` are the places of those that can't be read, which are left out. */
export const rollUp = (blobs: readonly Uint8Array[], startMs: number, spanMs: number): { blob: Uint8Array; bad: number[] } => {
  const bad: number[] = []
  const parts = blobs.flatMap((blob, place) => {
    const decoded = decodeBlob(blob)
    if (!decoded.ok) bad.push(place)
    return decoded.ok ? [decoded.value] : []
  })
  return { blob: encodeBlob(mergeAggregates(parts, startMs, spanMs)), bad }
}

/** How long a time each blob covers: minutes become ten of them, and those an hour. */
export const resolutionsMs = [60_000, 600_000, 3_600_000] as const
