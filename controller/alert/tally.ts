/** What one aggregate says of one path, as numbers: counts that add up, values that stand, and times. */
import type { Histogram } from '../../wire/histogram.ts'
import { failReasons, unmeasuredReasons } from '../../wire/reasons.ts'
import type { Cell } from '../history/aggregate.ts'

/** Counts, by their place. `…F` and `…R`: forward and reverse, from and to the agent. */
export const counts = [
  'ok',
  'fail',
  'unmeasured',
  'sent',
  'received',
  'udpSentF',
  'udpReceivedF',
  'udpSentR',
  'udpReceivedR',
  'segmentsF',
  'retransmitsF',
  'segmentsR',
  'retransmitsR',
] as const
export type Count = (typeof counts)[number]
export const width = counts.length
export const at = Object.fromEntries(counts.map((name, place) => [name, place])) as { readonly [C in Count]: number }

/** By their place in the lists of wire/reasons.ts, from 1; 0 for none. */
const failCode = new Map<string, number>(failReasons.map((reason, place) => [reason, place + 1]))
const unmeasuredCode = new Map<string, number>(unmeasuredReasons.map((reason, place) => [reason, place + 1]))
export const failOf = (code: number) => failReasons[code - 1]
export const unmeasuredOf = (code: number) => unmeasuredReasons[code - 1]

/** Unix seconds, bytes; 0: not seen. */
export type Values = {
  mtuForward: number
  mtuReverse: number
  notAfter: number
  lifetime: number
  svidNotAfter: number
  svidLifetime: number
}
export type Tally = {
  readonly counts: Float64Array
  /** The most frequent of each. */
  fail: number
  unmeasured: number
  values: Values
  times?: Histogram
  /** The longest that ended, seconds. */
  outage?: number
}

const gauges: Readonly<Record<string, keyof Values>> = {
  certificateNotAfter: 'notAfter',
  certificateLifetime: 'lifetime',
  svidNotAfter: 'svidNotAfter',
  svidLifetime: 'svidLifetime',
}
const udpCounts: Readonly<Record<string, Count>> = {
  'forward sent': 'udpSentF',
  'forward received': 'udpReceivedF',
  'reverse sent': 'udpSentR',
  'reverse received': 'udpReceivedR',
}

export const emptyTally = (): Tally => ({
  counts: new Float64Array(width),
  fail: 0,
  unmeasured: 0,
  values: { mtuForward: 0, mtuReverse: 0, notAfter: 0, lifetime: 0, svidNotAfter: 0, svidLifetime: 0 },
})

/** Adds the cells of a path. */
export const tally = (into: Tally, cells: readonly Cell[]): Tally => {
  let [mostFailed, mostUnmeasured] = [0, 0]
  const add = (name: Count, value: number): void => void (into.counts[at[name]]! += value)
  for (const { column, value } of cells) {
    const { key, form, variant } = column
    const number = Number(value)
    if (form === 'times') {
      if (key === 'outage' && typeof value !== 'number') into.outage = Math.max(into.outage ?? 0, value.max)
      if ((key === 'rtt' || (key === 'duration' && !into.times)) && typeof value !== 'number') into.times = value
    } else if (key === 'runs') {
      const [outcome, reason = ''] = variant
      if (outcome === 'ok') add('ok', number)
      else if (outcome === 'fail') {
        add('fail', number)
        if (number > mostFailed) [mostFailed, into.fail] = [number, failCode.get(reason) ?? 0]
      } else if (outcome === 'unmeasured') {
        add('unmeasured', number)
        if (number > mostUnmeasured) [mostUnmeasured, into.unmeasured] = [number, unmeasuredCode.get(reason) ?? 0]
      }
    } else if (key === 'icmpPackets') {
      if (variant[0] === 'sent' || variant[0] === 'received') add(variant[0], number)
    } else if (key === 'udpPackets') {
      const name = udpCounts[`${variant[0]} ${variant[1]}`]
      if (name) add(name, number)
    } else if (key === 'tcpSegments') add(variant[0] === 'reverse' ? 'segmentsR' : 'segmentsF', number)
    else if (key === 'tcpRetransmits') add(variant[0] === 'reverse' ? 'retransmitsR' : 'retransmitsF', number)
    else if (key === 'pathMtu' && form === 'last') into.values[variant[0] === 'reverse' ? 'mtuReverse' : 'mtuForward'] = number
    else if (form === 'last' && gauges[key]) into.values[gauges[key]] = number
  }
  return into
}
