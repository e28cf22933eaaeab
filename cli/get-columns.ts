/** What `probe get` shows of each thing, column by column. */
import type { AgentAnswer } from '../wire/api/agents.ts'
import type { FleetAnswer } from '../wire/api/fleet.ts'
import type { DecisionAnswer, IncidentHead } from '../wire/api/incidents.ts'
import type { HistoryAnswer, LinkAnswer, Measured, PathAnswer, SloAnswer, TargetAnswer } from '../wire/api/measured.ts'
import { showAge, showRatio, showSpan, showTimes } from './amounts.ts'
import type { Column } from './table.ts'
import type { Style } from './terminal.ts'

const states: Readonly<Record<string, 'good' | 'warn' | 'bad' | 'dim'>> = {
  ok: 'good',
  live: 'good',
  degraded: 'warn',
  late: 'warn',
  draining: 'dim',
  retired: 'dim',
  unmeasured: 'dim',
  fail: 'bad',
  lost: 'bad',
  banned: 'bad',
  page: 'bad',
  ticket: 'warn',
}
const paintState =
  (word: string) =>
  (style: Style): ((text: string) => string) =>
    states[word] ? style[states[word]] : text => text

export const agentColumns = (nowMs: number): Column<AgentAnswer>[] => [
  { title: 'AGENT', of: ({ id }) => id },
  { title: 'STATE', of: ({ state }) => state, paint: ({ state }, style) => paintState(state)(style) },
  { title: 'PLACE', of: ({ location: { cloud, region, zone } }) => [cloud, region, ...(zone === undefined ? [] : [zone])].join('/') },
  { title: 'CLUSTER', spare: 7, of: ({ location }) => location.cluster },
  { title: 'NODE', spare: 8, of: ({ location }) => location.node },
  { title: 'SEEN', spare: 6, of: ({ lastSeenAt }) => showAge(lastSeenAt, nowMs), right: true },
  { title: 'VERSION', spare: 9, of: ({ version }) => version },
  { title: 'CORDONED', of: ({ cordoned }) => cordoned && `${cordoned.reason} (${cordoned.author})` },
  { title: 'BANNED', of: ({ banned }) => banned && `${banned.reason} (${banned.author})` },
]

type WithMeasured = { measured: Measured | null }
const measuredColumns: Column<WithMeasured>[] = [
  {
    title: 'VERDICT',
    of: ({ measured }) => measured?.verdict ?? 'unmeasured',
    paint: ({ measured }, style) => paintState(measured?.verdict ?? 'unmeasured')(style),
  },
  { title: 'AVAILABLE', spare: 3, of: ({ measured }) => showRatio(measured?.availability), right: true },
  { title: 'P50', spare: 6, of: ({ measured }) => showTimes(measured?.rttMs, 'p50'), right: true },
  { title: 'P95', spare: 2, of: ({ measured }) => showTimes(measured?.rttMs, 'p95'), right: true },
  { title: 'P99', spare: 9, of: ({ measured }) => showTimes(measured?.rttMs, 'p99'), right: true },
  { title: 'LOSS', spare: 4, of: ({ measured }) => showRatio(measured?.lossRatio), right: true },
  { title: 'RETRANS', spare: 7, of: ({ measured }) => showRatio(measured?.retransmitRatio), right: true },
  { title: 'MTU', spare: 8, of: ({ measured }) => (measured ? mtuText(measured.mtu) : undefined), right: true },
  { title: 'WHY', spare: 5, of: ({ measured }) => (measured ? reasonText(measured.reasons) : undefined) },
]

const mtuText = (mtu: Measured['mtu']): string =>
  mtu['forward'] === mtu['reverse'] || mtu['reverse'] === undefined
    ? String(mtu['forward'] ?? '')
    : [mtu['forward'] ?? '?', mtu['reverse']].join('/')

/** The most frequent first. */
const reasonText = (reasons: Measured['reasons']): string =>
  Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([reason, count]) => `${reason} ×${count}`)
    .join(', ')

export const pathColumns: Column<PathAnswer>[] = [
  { title: 'AGENT', of: ({ agent }) => agent },
  { title: 'CHECK', of: ({ check }) => check },
  { title: 'TARGET', of: ({ target }) => target },
  { title: 'IP', spare: 1, of: ({ networkType }) => networkType?.replace('ipv', '') },
  ...measuredColumns,
]

export const targetColumns: Column<TargetAnswer>[] = [
  { title: 'TARGET', of: ({ name }) => name },
  { title: 'ADDRESS', spare: 10, of: ({ address }) => address },
  { title: 'PLACE', of: ({ location }) => location },
  { title: 'OWNER', spare: 10, of: ({ owner }) => owner },
  { title: 'PATHS', of: ({ paths }) => String(paths), right: true },
  ...measuredColumns,
]

export const linkColumns: Column<LinkAnswer>[] = [
  { title: 'FROM', of: ({ from }) => from },
  { title: 'TO', of: ({ to }) => to },
  { title: 'MEDIUM', spare: 10, of: ({ medium }) => medium },
  { title: 'PATHS', of: ({ paths }) => String(paths), right: true },
  ...measuredColumns,
  {
    title: 'OBJECTIVE',
    spare: 1,
    of: ({ meets }) => (meets === undefined ? undefined : meets ? 'met' : 'missed'),
    paint: ({ meets }, style) => (meets ? style.good : style.bad),
  },
]

export const historyColumns: Column<HistoryAnswer>[] = [
  { title: 'AT', of: ({ at }) => at.replace('.000Z', 'Z') },
  { title: 'WHAT', of: ({ group }) => group },
  { title: 'PATHS', of: ({ paths }) => String(paths), right: true },
  ...measuredColumns,
]

/** Times as fast as the budget allows. */
const showBurn = (rate: number | null | undefined): string | undefined =>
  rate === null || rate === undefined ? undefined : `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)}×`

export const sloColumns: Column<SloAnswer>[] = [
  { title: 'FROM', of: ({ from }) => from },
  { title: 'TO', of: ({ to }) => to },
  { title: 'MONTH', spare: 7, of: ({ month }) => month },
  {
    title: 'PROMISED',
    of: ({ objective }) => (objective.availability === undefined ? undefined : `${objective.availability} %`),
    right: true,
  },
  {
    title: 'AVAILABLE',
    spare: 3,
    of: ({ availability }) => (availability === null ? 'no data' : showRatio(availability)),
    right: true,
  },
  {
    title: 'BUDGET LEFT',
    of: ({ errorBudget }) => errorBudget && (errorBudget.leftRatio < 0 ? 'spent' : showRatio(errorBudget.leftRatio)),
    right: true,
  },
  {
    title: 'WHICH IS',
    of: ({ errorBudget }) => errorBudget && (errorBudget.leftMs < 0 ? undefined : showSpan(errorBudget.leftMs)),
    right: true,
  },
  {
    title: 'BURN 1 H',
    spare: 4,
    of: ({ burn }) => showBurn(burn?.h1),
    paint: ({ burn }, style) => (burn?.h1 && burn.h1 > 1 ? style.warn : text => text),
    right: true,
  },
  { title: '6 H', spare: 5, of: ({ burn }) => showBurn(burn?.h6), right: true },
  { title: '3 D', spare: 6, of: ({ burn }) => showBurn(burn?.d3), right: true },
  { title: 'P95', spare: 2, of: ({ p95Ms }) => (p95Ms === null ? undefined : `${p95Ms} ms`), right: true },
  { title: 'WANTED', of: ({ objective }) => (objective.p95Ms === undefined ? undefined : `${objective.p95Ms} ms`), right: true },
  {
    title: 'OBJECTIVE',
    spare: 1,
    of: ({ meets }) => (meets === undefined ? undefined : meets ? 'met' : 'missed'),
    paint: ({ meets }, style) => (meets ? style.good : style.bad),
  },
]

export const generationColumns = (nowMs: number): Column<FleetAnswer['generations'][number]>[] => [
  { title: 'GENERATION', of: ({ generation }) => String(generation), right: true },
  { title: 'OWNER', spare: 10, of: ({ owner }) => owner },
  { title: 'BY', of: ({ author }) => author },
  { title: 'AGO', of: ({ at }) => showAge(at, nowMs), right: true },
  { title: 'AT', of: ({ at }) => at },
]

export const incidentColumns = (nowMs: number): Column<IncidentHead>[] => [
  { title: 'INCIDENT', of: ({ id }) => id, right: true },
  { title: 'SEVERITY', of: ({ severity }) => severity, paint: ({ severity }, style) => paintState(severity)(style) },
  { title: 'AGO', of: ({ since }) => showAge(since, nowMs), right: true },
  { title: 'WHAT', least: 22, of: ({ title }) => title },
  { title: 'CAUSE', spare: 4, of: ({ cause }) => cause },
  { title: 'IMPACT', spare: 5, of: ({ impact }) => impact },
  { title: 'LOOKED AT BY', spare: 2, of: ({ ack }) => ack?.author },
  { title: 'SILENCED', spare: 3, of: ({ silenced }) => (silenced ? 'yes' : undefined) },
  { title: 'ENDED', of: ({ end }) => end },
]

export const decisionColumns = (nowMs: number): Column<DecisionAnswer>[] => [
  { title: 'ID', of: ({ id }) => id, right: true },
  {
    title: 'ABOUT',
    of: ({ match }) =>
      Object.entries(match)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || 'everything',
  },
  { title: 'BY', spare: 3, of: ({ author }) => author },
  { title: 'WHY', spare: 1, of: ({ reason }) => reason },
  { title: 'SINCE', spare: 2, of: ({ start }) => (Date.parse(start) > nowMs ? minuteText(start) : showAge(start, nowMs)), right: true },
  { title: 'UNTIL (UTC)', of: ({ end }) => end && minuteText(end), right: true },
]

const minuteText = (at: string): string => at.slice(0, 16).replace('T', ' ')
