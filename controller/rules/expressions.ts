/**
 * What the rules look at, as PromQL over the metrics that the controller exports (controller/export/page.ts). Recording rules hold what several alerts read.
 * A failure is a series of its own, born with its first failure, and `increase` knows nothing of how a series began: a series that was not there before the
 * span counts whole.
 */

import type { FailReason } from '../../wire/reasons.ts'
import type { ConditionName, Interval } from '../fleet/condition.ts'

export const pathLabels = 'agent, check, kind, target, source_cloud, source_region, destination_cloud, destination_region'
export const linkLabels = 'source_cloud, source_region, destination_cloud, destination_region'

/** Spans that runs are looked at over. A check that runs every five minutes has one run in six. */
export const spans = ['2m', '5m', '6m', '15m', '30m', '1h', '6h'] as const
export type Span = (typeof spans)[number]

const born = (series: string, span: Span): string => `((increase(${series}[${span}]) > 0) or (${series} unless ${series} offset ${span}))`

/** Failed runs of a path by reason, and all that measured something. */
export const recordName = (what: 'fail' | 'known', span: Span): string => `causeway:path_${what}:increase${span}`
export const recordings: readonly { record: string; expr: string }[] = spans.flatMap(span => [
  {
    record: recordName('fail', span),
    expr: `sum by (${pathLabels}, error_type) ${born('causeway_probe_runs_total{outcome="fail"}', span)}`,
  },
  { record: recordName('known', span), expr: `sum by (${pathLabels}) ${born('causeway_probe_runs_total{outcome=~"ok|fail"}', span)}` },
])

/** Of a string in double quotes. */
export const quoted = (text: string): string => JSON.stringify(text)
/** A matcher takes RE2, whole. Names may hold what means something there. */
export const anyOf = (texts: readonly string[]): string => quoted(texts.map(text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'))

const braces = (...matchers: (string | undefined)[]): string => {
  const some = matchers.filter(matcher => matcher)
  return some.length ? `{${some.join(',')}}` : ''
}

/** Failures of these reasons, by path. */
export const failuresOf = (reasons: readonly FailReason[], span: Span, about = ''): string =>
  `sum by (${pathLabels}) (${recordName('fail', span)}${braces(`error_type=~${anyOf(reasons)}`, about)})`
export const runsOf = (span: Span, about = ''): string => `${recordName('known', span)}${braces(about)}`

const perPath = (inner: string): string => `sum by (${pathLabels}) (${inner})`
const grown = (metric: string, span: Span, ...matchers: (string | undefined)[]): string =>
  `increase(${metric}${braces(...matchers)}[${span}])`

const quantile = (q: string, about: string): string =>
  `max by (${pathLabels}) (causeway_probe_rtt_seconds${braces(`quantile="${q}"`, about)})`

/** What is counted of packets: echoes, and datagrams of both directions. */
const packets = (state: string, about: string): string =>
  perPath(
    `${grown('causeway_icmp_packets_total', '2m', `state="${state}"`, about)} or ${grown('causeway_udp_packets_total', '2m', `state="${state}"`, about)}`,
  )

/** What a condition looks at; durations in seconds, ratios from 0 to 1. */
const measuredBy: { readonly [N in ConditionName]: (about: string) => string } = {
  p50: about => quantile('0.5', about),
  p95: about => quantile('0.95', about),
  p99: about => quantile('0.99', about),
  loss: about => `(1 - ${packets('received', about)} / (${packets('sent', about)} > 0))`,
  retransmits: about =>
    `(${perPath(grown('causeway_tcp_retransmits_total', '2m', about))} / (${perPath(grown('causeway_tcp_segments_total', '2m', about))} > 0))`,
  mtu: about => `min by (${pathLabels}) (causeway_path_mtu_bytes${braces(about)})`,
  availability: about =>
    `(1 - (${perPath(`${recordName('fail', '2m')}${braces(about)}`)} or 0 * (${runsOf('2m', about)})) / (${runsOf('2m', about)} > 0))`,
  expiresIn: about =>
    `(min by (${pathLabels}) (causeway_tls_certificate_not_after_seconds${braces(about)} or causeway_spiffe_svid_not_after_seconds${braces(about)}) - time())`,
}
const secondsPerUnit: { readonly [N in ConditionName]?: number } = { p50: 1000, p95: 1000, p99: 1000, expiresIn: 1000 }

/** A condition that holds: the value, where it is within the interval. */
export const within = (name: ConditionName, { low, lowIn, high, highIn }: Interval, about: string): string => {
  const unit = secondsPerUnit[name] ?? 1
  const value = measuredBy[name](about)
  const above = low === Number.NEGATIVE_INFINITY ? '' : ` ${lowIn ? '>=' : '>'} ${low / unit}`
  const below = high === Number.POSITIVE_INFINITY ? '' : ` ${highIn ? '<=' : '<'} ${high / unit}`
  return `${value}${above}${below}`
}
