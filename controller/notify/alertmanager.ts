/**
 * Alertmanager, API v2. An alert is what its labels are and lasts until its `endsAt`: whoever sends it says again and again that it is not over, so that what is
 * forgotten ends by itself. https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
import type { Page } from '../../wire/page.ts'
import { readCa } from './ca.ts'
import { readUrl } from './door.ts'
import type { Message, Send } from './message.ts'
import { post } from './post.ts'
import { linksOf, oneLine, sectionsOf } from './say.ts'

/** As Prometheus does by default: an Alertmanager that was away knows all after a minute, and forgets what is not sent any more after four. */
export const resendMs = 60_000
const holdsMs = 4 * 60_000
/** So long it is said again that an alert is over. */
export const resolvedForMs = 15 * 60_000

export type Alert = {
  labels: Record<string, string>
  annotations: Record<string, string>
  startsAt: string
  endsAt: string
  generatorURL?: string
}

export const sendAlertmanager: Send<'alertmanager'> = async (receiver, messages, means) => {
  const { url, secrets } = await readUrl(receiver.url, means)
  const body = JSON.stringify(messages.flatMap(message => alertsOf(message, means.nowMs())))
  const to = new URL(`${url.pathname.replace(/\/+$/, '')}/api/v2/alerts${url.search}`, url)
  const { answer } = await post({ url: to, body, secrets, ...(await readCa(receiver, means)) }, means)
  return answer
}

/** The alert, and the end of the one that it takes the place of when its labels are others by now. Pure. */
export const alertsOf = ({ event, page, before }: Message, nowMs: number): Alert[] => {
  const alert = alertOf(page, event === 'watchdog' ? 'CausewayWatchdog' : 'CausewayIncident', nowMs)
  const former = before && before.page.state === 'firing' && alertOf(before.page, 'CausewayIncident', nowMs)
  const isSame = !former || JSON.stringify(former.labels) === JSON.stringify(alert.labels)
  return isSame ? [alert] : [{ ...former, endsAt: new Date(nowMs).toISOString() }, alert]
}

const alertOf = (page: Page, alertname: string, nowMs: number): Alert => {
  const endsMs = page.state === 'resolved' ? (page.endedAt ?? nowMs) : nowMs + holdsMs
  const [link] = linksOf({ ...page, runbook: '' })
  return {
    labels: sorted({
      ...ownLabels(page.labels),
      alertname,
      severity: page.severity,
      incident_key: page.key,
      place: page.place,
      layer: page.layer ?? '',
    }),
    annotations: annotationsOf(page),
    startsAt: new Date(Math.min(page.since, endsMs)).toISOString(),
    endsAt: new Date(endsMs).toISOString(),
    ...(link && { generatorURL: link.url }),
  }
}

/** Names as Prometheus has them; those that begin with two underscores are its own. */
const ownLabels = (labels: Page['labels']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d|__)/, 'x_'), value]),
  )

/** Without those that say nothing, which Prometheus takes for absent. */
const sorted = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels)
      .map(([name, value]) => [name, oneLine(value, 200)] as const)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

/** One for each section, by its first word; commands of fixes together. */
const annotationsOf = (page: Page): Record<string, string> => {
  const found: Record<string, string> = { summary: oneLine(page.title), incident: page.incident }
  for (const { what, lines } of sectionsOf({ page })) {
    const name = what.split(/[ ,]/, 1)[0]!.toLowerCase()
    found[name] = [...(found[name] === undefined ? [] : [found[name]]), ...lines].join('\n')
  }
  const [runbook] = linksOf({ ...page, links: [] })
  return { ...found, ...(runbook && { runbook_url: runbook.url }) }
}
