/** Each rule that ships on, as PromQL: by the same limits as the embedded evaluation (controller/alert/). */

import { type FailLayer, type FailReason, failReasonsByLayer } from '../../wire/reasons.ts'
import { type RuleName, ruleTable } from '../alert/default-rules.ts'
import { ratios } from '../alert/ratio.ts'
import { failuresOf, linkLabels, pathLabels, quoted, recordName, runsOf } from './expressions.ts'
import type { FleetLink } from './fleet-link.ts'

const reasonsOf = (...layers: FailLayer[]): FailReason[] => layers.flatMap(layer => Object.keys(failReasonsByLayer[layer]) as FailReason[])

/** Three of five, as the evaluation has it; or, where that takes two of three, more than one of three. */
const leastShare = (name: RuleName): number => (ruleTable[name].of === 3 ? 0.34 : 0.6)
/** The runs of a check are looked at in the shortest of these that has some of them: a check may run every ten seconds, or once in five minutes. */
const tiers = ['2m', '5m', '15m'] as const
const shortestMs = 120_000
/** Fewer runs than this in a span are runs that come too seldom for it. */
const often = 3

const mostlyFails = (reasons: readonly FailReason[], share: number, about = ''): string =>
  tiers
    .map((span, tier) => {
      const isLast = tier === tiers.length - 1
      const known = isLast ? runsOf(span, about) : `(${runsOf(span, about)} >= ${often})`
      const shorter = tiers.slice(0, tier).map(one => ` unless on (${pathLabels}) ${runsOf(one, about)} >= ${often}`)
      return `((${failuresOf(reasons, span, about)} / ${known} >= ${share})${shorter.join('')})`
    })
    .join(' or ')

/** Silent ICMP beside TCP that works is a filter and no fault: both are asked about the same agent and target. */
const unreachable = (reasons: readonly FailReason[], share: number, about: string): string => {
  const tcpWorks = 'sum by (agent, target) (increase(causeway_probe_runs_total{kind="tcp",outcome="ok"}[2m])) > 0'
  const both = (kind: string): string => [kind, about].filter(Boolean).join(',')
  return `(${mostlyFails(reasons, share, both('kind!="icmp"'))}) or ((${mostlyFails(reasons, share, both('kind="icmp"'))}) unless on (agent, target) ${tcpWorks})`
}

const perLink = (inner: string): string => `sum by (${linkLabels}) (${inner})`
const echoes = (state: string, span: string): string => perLink(`increase(causeway_icmp_packets_total{state="${state}"}[${span}])`)
const datagrams = (state: string, span: string): string =>
  perLink(`increase(causeway_udp_packets_total{direction="forward",state="${state}"}[${span}])`)

/** Above the limit by more than chance brings about, or of ten times the sample (controller/alert/ratio.ts). */
const surely = (part: string, whole: string, limit: number, sample: number): string =>
  ` and (${part} - ${limit} * ${whole} >= 3 * sqrt(${limit} * ${whole}) or ${whole} >= ${10 * sample})`

/** Where datagrams are counted they decide, since they know the direction; echoes where there are none. */
const loss = (rule: 'default/loss-now' | 'default/loss-ratio', span: string): string => {
  const { whole, part, limit, isOneWindow } = ratios[rule]
  const of = (count: typeof echoes): string => {
    const [sent, lost] = [count('sent', span), `(${count('sent', span)} - ${count('received', span)})`]
    return `(${lost} / ${sent} > ${limit} and ${lost} >= ${part} and ${sent} >= ${whole}${isOneWindow ? '' : surely(lost, sent, limit, whole)})`
  }
  return `${of(datagrams)} or (${of(echoes)} unless on (${linkLabels}) ${datagrams('sent', span)} > 0)`
}

const segments = (what: 'segments' | 'retransmits'): string => perLink(`increase(causeway_tcp_${what}_total{direction="forward"}[15m])`)

const retransmits = (): string => {
  const { whole, part, limit } = ratios['default/retransmits']
  const [again, all] = [segments('retransmits'), segments('segments')]
  return `${again} / ${all} > ${limit} and ${again} >= ${part} and ${all} >= ${whole}${surely(again, all, limit, whole)}`
}

const dayS = 86_400
const left = (metric: string): string => `(${metric} - time())`
/** The life of a certificate is not exported: the most that was left of it lately is. Those of a week or less are renewed by machines. */
const isLong = (metric: string): string => `max_over_time(${left(metric)}[8d:10m]) > ${7 * dayS}`
const certificate = 'causeway_tls_certificate_not_after_seconds'
const svid = 'causeway_spiffe_svid_not_after_seconds'

const budgetOf = (availability: number): number => Number((1 - availability / 100).toFixed(9))
const failShare = (span: '5m' | '30m' | '1h' | '6h', about: string): string =>
  `(${perLink(`${recordName('fail', span)}${about}`)} / ${perLink(`${recordName('known', span)}${about}`)})`
const burns = (short: '5m' | '30m', long: '1h' | '6h', rate: number, about: string, budget: number): string =>
  `(${failShare(long, about)} >= ${Number((rate * budget).toFixed(9))} and ${failShare(short, about)} >= ${Number((rate * budget).toFixed(9))} and ${perLink(`${recordName('fail', short)}${about}`)} >= 3)`

/** Three days as twelve times six hours, which are recorded: hardly a series is read. What is known of less than a day is no trend. */
const ofDays = (what: 'fail' | 'known', about: string): string => perLink(`sum_over_time(${recordName(what, '6h')}${about}[3d:6h])`)
const burnsSlowly = (about: string, budget: number): string => {
  const isTrend = perLink(`sum_over_time(${recordName('known', '6h')}${about}[2d:6h] offset 1d)`)
  return `(${ofDays('fail', about)} / ${ofDays('known', about)} >= ${budget} and ${failShare('6h', about)} >= ${budget} and ${perLink(`${recordName('fail', '6h')}${about}`)} >= 3 and ${isTrend} > 0)`
}

const [cloudOf, regionOf] = [(place: string) => place.split('/')[0]!, (place: string) => place.split('/').slice(1).join('/')]
const onLink = ({ from, to }: FleetLink): string =>
  `source_cloud=${quoted(cloudOf(from))},source_region=${quoted(regionOf(from))},destination_cloud=${quoted(cloudOf(to))},destination_region=${quoted(regionOf(to))}`

/** Reasons of the rules that look at nothing else. */
export const reasonsOfRule: { readonly [N in RuleName]?: readonly FailReason[] } = {
  'default/unreachable': [...reasonsOf('dns', 'reach', 'tcp').filter(reason => reason !== 'packet_loss')],
  'default/black-hole': ['mtu_black_hole'],
  'default/tls': reasonsOf('tls'),
  'default/certificate': reasonsOf('certificate'),
  'default/identity': reasonsOf('spiffe', 'client auth').filter(reason => reason !== 'authorization_denied'),
  'default/bundle': reasonsOf('bundle'),
  'default/federation': reasonsOf('federation'),
  'default/http': reasonsOf('http'),
}

/**
 * How long a rule's expression takes to hold: so much less it has to go on holding. What fails from one moment on is that share of two minutes after so long, which
 * the evaluation, whose `for` begins with the first bad run, counts in.
 */
export const holdsAfterMs = (name: RuleName): number =>
  reasonsOfRule[name] && name !== 'default/black-hole' ? leastShare(name) * shortestMs : 0

const base = '(quantile_over_time(0.5, causeway_probe_rtt_seconds{quantile="0.95"}[1d] offset 1h))'
const p95 = 'causeway_probe_rtt_seconds{quantile="0.95"}'
const known15 = `count by (${linkLabels}) (${recordName('known', '15m')} > 0)`
const lately = `count by (${linkLabels}) (last_over_time(${recordName('known', '15m')}[1d]))`

/** `links`: those of the fleet file, with their objectives. `about`: matchers of the paths that a rule of failures is about; ratios are of whole links. */
export const defaultExpression = (name: RuleName, links: readonly FleetLink[], about: string): string | undefined => {
  const reasons = reasonsOfRule[name]
  if (name === 'default/unreachable') return unreachable(reasons!, leastShare(name), about)
  if (name === 'default/black-hole') return `${failuresOf(reasons!, '6m', about)} > 0`
  if (reasons) return mostlyFails(reasons, leastShare(name), about)
  if (name === 'default/path-mtu')
    return `(${failuresOf(['mtu_below_required'], '6m')} > 0) or (causeway_path_mtu_bytes < quantile_over_time(0.5, causeway_path_mtu_bytes[1d] offset 10m))`
  if (name === 'default/loss-now') return `(${loss(name, '2m')}) or (${loss(name, '5m')})`
  if (name === 'default/loss-ratio') return loss(name, '1h')
  if (name === 'default/retransmits') return retransmits()
  if (name === 'default/certificate-expiry') return `${left(certificate)} < ${30 * dayS} and ${isLong(certificate)}`
  if (name === 'default/svid-rotation') return `(${left(svid)} < 0.4 * max_over_time(${left(svid)}[1d:5m])) unless (${isLong(svid)})`
  if (name === 'default/agent-lost') return 'causeway_controller_agents{state="lost"} > 0'
  if (name === 'default/blind') return `((${known15}) or 0 * (${lately})) < clamp_max(${lately}, 3)`
  if (name === 'default/latency') {
    const objectives = links.flatMap(link =>
      link.objective?.p95Seconds === undefined
        ? []
        : [`(causeway_probe_rtt_seconds{quantile="0.95",${onLink(link)}} > ${link.objective.p95Seconds})`],
    )
    return [...objectives, `(${p95} > 2 * ${base} and ${p95} > ${base} + 0.005)`].join(' or ')
  }
  if (name !== 'default/burn-rate' && name !== 'default/slow-burn') return undefined
  const promised = links.flatMap(link =>
    link.objective?.availability === undefined ? [] : [{ about: `{${onLink(link)}}`, budget: budgetOf(link.objective.availability) }],
  )
  const all = promised.flatMap(({ about, budget }) =>
    name === 'default/slow-burn'
      ? [burnsSlowly(about, budget)]
      : [burns('5m', '1h', 14.4, about, budget), burns('30m', '6h', 6, about, budget)],
  )
  return all.join(' or ') || undefined
}
