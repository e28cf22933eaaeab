/**
 * One term of the replica that judges: everything that the last one remembered is loaded, and each turn writes what it found, what it remembers, and what is to
 * be told, in one transaction. So a process that dies between two turns has said nothing that the next one does not know.
 */

import { putAlertState, readAlertState } from '../store/alert-state.ts'
import { addEvent, readEvents } from '../store/events.ts'
import { followEvents } from '../store/follow-events.ts'
import { dropIncident, listGoingOn, putIncident } from '../store/incidents.ts'
import { enqueue } from '../store/outbox.ts'
import type { Sql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { Evaluation } from './evaluation.ts'
import { changedLately, type Gather, type Gathered } from './gather.ts'
import type { Finding, Incident, SubjectState } from './incident.ts'
import { keepQuiet } from './keep-quiet.ts'
import { matchesIncident, matchesPath } from './matching.ts'
import { loadAgent, loadRest, saveAgent, saveRest } from './memory.ts'
import { pageOf, receiversOf } from './page-of.ts'
import type { Recent } from './recent.ts'
import { type Stepped, stepIncidents } from './step-incidents.ts'
import { findWrong } from './wrong.ts'

export type TermMeans = {
  readonly store: Pick<Store, 'read'>
  /** A transaction of the leader. */
  readonly write: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  readonly recent: Recent
  readonly gather: Gather
  readonly nowMs: () => number
  /** Where people find this controller. */
  readonly publicUrl?: string
}
export type AlertTerm = {
  readonly evaluation: Evaluation
  readonly incidents: readonly Incident[]
  /** Rejects when the store did not take it: then this term knows more than the store, and has to end. */
  turn(): Promise<Stepped>
}

const agentScope = 'agent '
const restScope = 'rest'
/** So far back agents may have said what is wrong with a path that fails still. */
const eventsBackMs = 3_600_000

export const startAlertTerm = async (means: TermMeans): Promise<AlertTerm> => {
  const { store, recent, gather, nowMs } = means
  const evaluation = new Evaluation()
  const { saved, stored, old } = await store.read(async sql => ({
    saved: await readAlertState(sql),
    stored: await listGoingOn<Incident>(sql),
    old: await readEvents(sql, Number.MAX_SAFE_INTEGER, 0, eventsBackMs),
  }))
  const events = await followEvents(store)
  evaluation.diagnoses.take(old)
  evaluation.endings.take(old)
  for (const [scope, body] of saved) {
    if (scope === restScope) loadRest(evaluation, body)
    else if (scope.startsWith(agentScope)) loadAgent(evaluation, scope.slice(agentScope.length), body)
  }
  let incidents: Incident[] = stored.map(({ body }) => body)
  let isFirst = true
  const turn = async (): Promise<Stepped> => {
    const at = nowMs()
    await recent.read(at, (minute, isFirstRead) => evaluation.take(minute, isFirstRead))
    const around = await gather(at, isFirst ? evaluation.begin(at) : evaluation.goOn(at))
    isFirst = false
    const news = await events.next()
    evaluation.diagnoses.take(news)
    evaluation.endings.take(news)
    evaluation.removeAbsent(around)
    evaluation.judge(around)
    acceptBaselines(evaluation, around)
    const findings = findWrong(evaluation, around, finding => lately(around, finding))
    const stepped = stepIncidents(incidents, findings, {
      nowMs: at,
      stateOf: statesOf(evaluation, findings),
      isSilenced: silencedBy(around),
    })
    evaluation.burns.noteTold(stepped.incidents, at)
    const remembered = memory(evaluation, saved)
    await means.write(async sql => {
      await writeTurn(sql, stepped, remembered, around, means)
      await keepQuiet(sql, stepped.incidents)
    })
    for (const [scope, body] of remembered) saved.set(scope, body)
    incidents = stepped.incidents
    return stepped
  }
  return {
    evaluation,
    get incidents() {
      return incidents
    },
    turn,
  }
}

const lately = (around: Gathered, { sinceMs, from, to }: Finding): string[] => {
  const isIn = (wanted: string | undefined, places: readonly string[]): boolean =>
    wanted === undefined || places.some(place => place === wanted || place.startsWith(`${wanted}/`))
  return changedLately(around, sinceMs, ({ match }) => isIn(match.place, [...from, ...to]) && isIn(match.from, from) && isIn(match.to, to))
}

const silencedBy = ({ decisions, nowMs }: Gathered): ((incident: Incident) => boolean) => {
  const active = decisions.filter(({ kind, startMs, endMs }) => kind === 'silence' && startMs <= nowMs && endMs !== null && nowMs < endMs)
  return incident => active.some(({ match }) => matchesIncident(match, incident))
}

/** What was accepted after it was found to be slow, or small, is usual from then on. */
const acceptBaselines = ({ paths, slow, alerts }: Evaluation, { decisions, nowMs }: Gathered): void => {
  const accepted = decisions.filter(
    ({ kind, startMs, createdMs }) => kind === 'baseline' && startMs <= nowMs && createdMs > nowMs - 3_600_000,
  )
  if (accepted.length === 0) return
  const series = slow.seriesOf('default/latency')
  for (let path = 0; path < paths.size; path++) {
    const labels = paths.labels[path]
    if (!labels || !(series.isBad(path) || alerts.values.mtu.isBad(path))) continue
    const own = accepted.filter(({ match }) => matchesPath(match, paths.agents[path]!, labels))
    if (own.some(({ startMs }) => startMs >= series.sinceMs(path))) slow.accept(path)
    if (own.some(({ startMs }) => startMs >= alerts.values.mtu.sinceMs(path))) alerts.values.acceptMtu(path)
  }
}

/** A path is well when it is there and in no finding; an agent or a link is never gone, it is well. */
const statesOf = (evaluation: Evaluation, findings: readonly Finding[]): ((subject: string) => SubjectState) => {
  const wrong = new Set(findings.flatMap(({ subjects }) => subjects))
  let ids: Set<string> | undefined
  const isThere = (subject: string): boolean => {
    ids ??= new Set(evaluation.paths.labels.flatMap((labels, path) => (labels ? [evaluation.idOf(path)] : [])))
    return ids.has(subject)
  }
  const isOther = (subject: string): boolean => subject.includes(' → ') || subject.startsWith('agent ') || subject.startsWith('cluster ')
  return subject => (wrong.has(subject) ? 'bad' : isOther(subject) || isThere(subject) ? 'well' : 'gone')
}

/** Scopes whose text is another than it was. */
const memory = (evaluation: Evaluation, saved: ReadonlyMap<string, string>): Map<string, string> => {
  const changed = new Map<string, string>()
  const put = (scope: string, body: string): void => {
    if ((saved.get(scope) ?? '') !== body) changed.set(scope, body)
  }
  const agents = new Set(evaluation.paths.knownAgents())
  for (const agent of agents) put(agentScope + agent, saveAgent(evaluation, agent))
  for (const scope of saved.keys()) if (scope.startsWith(agentScope) && !agents.has(scope.slice(agentScope.length))) put(scope, '')
  put(restScope, saveRest(evaluation))
  return changed
}

const eventKinds = { firing: 'incident_opened', updated: 'incident_updated', resolved: 'incident_resolved' } as const

const writeTurn = async (
  sql: Sql,
  { changed, dropped, words }: Stepped,
  remembered: ReadonlyMap<string, string>,
  { nowMs, fleet }: Gathered,
  { publicUrl }: Pick<TermMeans, 'publicUrl'>,
): Promise<void> => {
  for (const [scope, body] of remembered) await putAlertState(sql, scope, body, nowMs)
  for (const incident of changed) {
    const { id, key, state, severity, formedMs, endedMs } = incident
    await putIncident(sql, { id, key, state, severity, formedMs, endedMs, body: incident })
  }
  for (const { id } of dropped) await dropIncident(sql, id)
  for (const { incident, event } of words) {
    const { id, key, version, title, severity, placeText } = incident
    await addEvent(sql, { kind: eventKinds[event], subject: id, body: { title, severity, place: placeText, key, version } })
    const receivers = receiversOf(incident, fleet)
    if (receivers.length > 0)
      await enqueue(sql, receivers, { id: `${id}/${version}`, key, version, event, page: pageOf(incident, fleet, publicUrl), at: nowMs })
  }
}
