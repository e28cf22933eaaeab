/** What a plan amounts to, as data: shown before anything is applied. */
import { seriesPerPath } from './cost.ts'
import type { Coverage, Uncovered, WithoutAddress } from './coverage.ts'
import type { Load, Loads } from './loads.ts'
import type { Price } from './price.ts'

export type LinkSummary = {
  from: string
  to: string
  paths: number
  agentPairs: number
  packetsPerSecond: number
  probeBytesPerSecond: number
  telemetryBytesPerSecond: number
  /** Per GB that leaves `from`. Within a region: per GB between zones. */
  price: Price
  costPerMonth: number
}
/** An agent that has all the targets that a mesh allows, or more runs a second than an agent does without being told otherwise. */
export type AtLimit = { agent: string; limit: 'maxTargets' | 'probesPerSecond'; mesh?: string; value: number; most: number }
/** A check that nobody runs. */
export type Idle = { check: string; why: 'agents' | 'targets' }

export type PlanSummary = {
  agents: number
  paths: number
  series: number
  packetsPerSecond: number
  probeBytesPerSecond: number
  telemetryBytesPerSecond: number
  /** By currency. */
  costPerMonth: Record<string, number>
  meshLinks: { total: number; covered: number }
  links: LinkSummary[]
  atLimit: AtLimit[]
  uncovered: Uncovered[]
  withoutAddress: WithoutAddress[]
  /** Agents with fewer probers than their mesh promises. */
  underProbed: { agent: string; mesh: string; probers: number; wanted: number }[]
  idle: Idle[]
}

/** 365 days over twelve, as the clouds' calculators have it. */
const secondsPerMonth = 730 * 3600

export const linkSummaries = (loads: Loads, priceOf: (from: string, to: string) => Price): LinkSummary[] =>
  [...loads]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, load]) => {
      const [from = '', to = ''] = key.split(' ')
      const price = priceOf(from, to)
      return { from, to, ...shown(load), price, costPerMonth: (load.billedBytes * secondsPerMonth * price.perGB) / 1e9 }
    })

const shown = ({
  paths,
  agentPairs,
  packets,
  probeBytes,
  telemetryBytes,
}: Load): Omit<LinkSummary, 'from' | 'to' | 'price' | 'costPerMonth'> => ({
  paths,
  agentPairs,
  packetsPerSecond: packets,
  probeBytesPerSecond: probeBytes,
  telemetryBytesPerSecond: telemetryBytes,
})

type Rest = Pick<PlanSummary, 'atLimit' | 'underProbed' | 'idle' | 'agents'>

export const summarise = (links: LinkSummary[], coverages: readonly Coverage[], rest: Rest): PlanSummary => {
  const sum = (of: (link: LinkSummary) => number): number => links.reduce((total, link) => total + of(link), 0)
  const costPerMonth: Record<string, number> = {}
  for (const { price, costPerMonth: cost } of links) costPerMonth[price.currency] = (costPerMonth[price.currency] ?? 0) + cost
  const paths = sum(link => link.paths)
  return {
    ...rest,
    paths,
    series: paths * seriesPerPath,
    packetsPerSecond: sum(link => link.packetsPerSecond),
    probeBytesPerSecond: sum(link => link.probeBytesPerSecond),
    telemetryBytesPerSecond: sum(link => link.telemetryBytesPerSecond),
    costPerMonth,
    meshLinks: {
      total: coverages.reduce((total, { links: count }) => total + count, 0),
      covered: coverages.reduce((total, { covered }) => total + covered, 0),
    },
    links,
    uncovered: coverages.flatMap(({ uncovered }) => uncovered),
    withoutAddress: coverages.flatMap(({ withoutAddress }) => withoutAddress),
  }
}
