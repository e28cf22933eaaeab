/** What receivers are told of an incident, and which of them. Pure. */
import type { Page } from '../../wire/page.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { Incident } from './incident.ts'

const inSource = 'docs/runbooks'

/** Of the first owner of the incident that says where its runbooks are, else of anyone who says so, else in the source. */
export const runbookOf = (
  { runbook, owners }: Pick<Incident, 'runbook' | 'owners'>,
  { alerts: { runbooks } }: { alerts: Pick<MergedFleet['alerts'], 'runbooks'> },
): string => {
  const { base } = runbooks.find(({ owner }) => owners.includes(owner)) ?? runbooks[0] ?? { base: inSource }
  return base.includes(named) ? base.replaceAll(named, runbook) : `${base.replace(/\/+$/, '')}/${runbook}.md`
}
const named = '{runbook}'

/** `publicUrl`: where people find the controller, where it knows that. */
export const pageOf = (incident: Incident, fleet: { alerts: Pick<MergedFleet['alerts'], 'runbooks'> }, publicUrl?: string): Page => {
  const {
    key,
    id,
    title,
    severity,
    state,
    cause,
    layer,
    placeText,
    direction,
    sinceMs,
    openedMs,
    formedMs,
    endedMs,
    impact,
    evidence,
    against,
  } = incident
  const ended = state === 'ended' ? { endedAt: endedMs ?? formedMs } : {}
  return {
    key,
    incident: id,
    title,
    severity,
    state: state === 'ended' ? 'resolved' : 'firing',
    cause: cause ?? incident.what,
    layer,
    place: placeText,
    ...(direction && { direction }),
    since: sinceMs,
    detectedAt: openedMs ?? formedMs,
    ...ended,
    impact,
    evidence: [...evidence, ...(incident.end === undefined ? [] : [`ended: ${incident.end}`])],
    against,
    ...(incident.runnerUp !== undefined && { runnerUp: incident.runnerUp }),
    changed: incident.changed,
    fixes: incident.fixes,
    next: incident.next,
    runbook: runbookOf(incident, fleet),
    labels: labelsOf(incident),
    links: publicUrl === undefined ? [] : linksOf(incident, publicUrl),
  }
}

/** The incident as it is when somebody looks, and what was measured on its links around it. The runbook has a field of its own. */
const linksOf = ({ id, from, to, sinceMs, endedMs }: Incident, publicUrl: string): Page['links'] => {
  const of = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`])
  const history = [
    'groupBy=link&step=1m',
    ...of('since', new Date(sinceMs - aroundMs).toISOString()),
    ...of('until', endedMs === null ? undefined : new Date(endedMs + aroundMs).toISOString()),
    ...of('from', from.length === 1 ? from[0] : undefined),
    ...of('to', to.length === 1 ? to[0] : undefined),
  ]
  return [
    { title: 'Incident', url: `${publicUrl}/v1/incidents/${encodeURIComponent(id)}` },
    { title: 'History', url: `${publicUrl}/v1/history?${history.join('&')}` },
  ]
}
const aroundMs = 1_800_000

const labelsOf = ({ rules, severity, layer, placeText, cause, what, from, to, checks }: Incident): Record<string, string> => ({
  alertname: rules[0] ?? what,
  severity,
  place: placeText,
  cause: cause ?? what,
  ...(layer && { layer }),
  ...(from.length === 1 && { from: from[0]! }),
  ...(to.length === 1 && { to: to[0]! }),
  ...(checks.length === 1 && { check: checks[0]! }),
})

/**
 * Of every route that fits. An owner's routes are for what is that owner's: its checks, targets, rules and links. What belongs to nobody, or to one without a
 * route, goes by the routes of all: nothing is lost because of whose it is.
 */
export const receiversOf = (
  { severity, rules, owners }: Pick<Incident, 'severity' | 'rules' | 'owners'>,
  { alerts }: { alerts: Pick<MergedFleet['alerts'], 'routes'> },
): string[] => {
  const fitting = alerts.routes.filter(
    route => (route.severity === undefined || route.severity === severity) && (route.rule === undefined || rules.includes(route.rule)),
  )
  const own = fitting.filter(({ owner }) => owners.includes(owner))
  return [...new Set((own.length > 0 ? own : fitting).flatMap(({ to }) => to))]
}
