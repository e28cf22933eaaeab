/** Incidents and decisions as people read them. Pure. */
import type { DecisionAnswer, IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import type { Incident } from '../alert/incident.ts'
import { runbookOf } from '../alert/page-of.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import type { StoredIncident } from '../store/incidents.ts'
import type { Decision } from '../store/silences.ts'

const when = (ms: number): string => new Date(ms).toISOString()

export const incidentHead = ({ body, ack, formedMs }: StoredIncident<Incident>): IncidentHead => ({
  id: body.id,
  key: body.key,
  state: body.state === 'ended' ? 'ended' : 'open',
  severity: body.severity,
  title: body.title,
  place: body.placeText,
  layer: body.layer,
  cause: body.cause ?? body.what,
  ...(body.direction && { direction: body.direction }),
  rules: [...body.rules],
  since: when(body.sinceMs),
  openedAt: when(body.openedMs ?? formedMs),
  ...(body.endedMs !== null && { endedAt: when(body.endedMs) }),
  ...(body.end !== undefined && { end: body.end }),
  impact: body.impact,
  silenced: body.isSilenced,
  ...(ack && { ack: { author: ack.author, at: when(ack.atMs), ...(ack.note !== undefined && { note: ack.note }) } }),
})

/** So many paths are named. */
const maxPaths = 200

export const incidentAnswer = (stored: StoredIncident<Incident>, fleet: Pick<MergedFleet, 'alerts'>): IncidentAnswer => {
  const { body } = stored
  return {
    ...incidentHead(stored),
    evidence: [...body.evidence],
    against: [...body.against],
    ...(body.runnerUp !== undefined && { runnerUp: body.runnerUp }),
    changed: [...body.changed],
    fixes: body.fixes.map(fix => ({ ...fix })),
    next: body.next,
    runbook: runbookOf(body, fleet),
    paths: body.subjects.slice(0, maxPaths),
    agents: [...body.agents],
    timeline: body.timeline.map(({ atMs, kind, text }) => ({ at: when(atMs), kind, text })),
  }
}

export const decisionAnswer = (
  { id, kind, author, reason, match, startMs, endMs, createdMs }: Decision,
  nowMs: number,
): DecisionAnswer => ({
  id,
  kind,
  author,
  reason,
  match: { ...match } as Record<string, string>,
  start: when(startMs),
  ...(endMs !== null && { end: when(endMs) }),
  createdAt: when(createdMs),
  active: startMs <= nowMs && (endMs === null || nowMs < endMs),
})
