/** What the evaluation has from the history: what is usual for each path, and what of its budget each link has spent. */

import { linkEnds } from '../../wire/link-name.ts'
import type { PathBaseline, Time } from '../history/baseline.ts'
import { labelsKey } from '../history/labels.ts'
import type { Reader } from '../history/reader.ts'
import { listIncidents } from '../store/incidents.ts'
import { listDecisions } from '../store/silences.ts'
import type { Store } from '../store/store.ts'
import type { BurnCounts, Runs } from './burn.ts'
import type { Evaluation } from './evaluation.ts'
import type { Incident } from './incident.ts'
import { matchesPath } from './matching.ts'
import { none } from './paths.ts'
import { isBurnRule } from './rules.ts'
import { minuteMs } from './windows.ts'

const [hourMs, dayMs] = [3_600_000, 86_400_000]
const weekMs = 8 * dayMs
/** Failures so young may yet be told as an incident of their path. */
const openMs = 3 * minuteMs
const mostRows = 100_000

/** Whether an incident of that time was about the link: its failures were told then. Only a burning budget does not tell itself away. */
const isTold = (incidents: readonly Incident[], link: string, fromMs: number, spanMs: number): boolean => {
  const { from, to = '' } = linkEnds(link)
  return incidents.some(
    ({ rules, sinceMs, endedMs, ...its }) =>
      !rules.every(isBurnRule) &&
      its.from.includes(from) &&
      its.to.includes(to) &&
      sinceMs < fromMs + spanMs &&
      fromMs <= (endedMs ?? Number.POSITIVE_INFINITY),
  )
}

/** What the evaluation would have counted, had it been there: the last hours by minute, the days before by hour. */
export const seedBurns = async (
  history: Pick<Reader, 'query'>,
  store: Pick<Store, 'read'>,
  evaluation: Evaluation,
  nowMs: number,
): Promise<void> => {
  const hoursMs = Math.floor((nowMs - 6 * hourMs) / hourMs) * hourMs
  const daysMs = hoursMs + 6 * hourMs - 3 * dayMs
  const stored = await store.read(sql => listIncidents<Incident>(sql, { sinceMs: daysMs, limit: 1000 }))
  const incidents = stored.map(({ body }) => body)
  const inDoubt = evaluation.burns.inDoubt()
  const each = async (fromMs: number, toMs: number, stepMs: number, put: (counts: BurnCounts, at: number, runs: Runs) => void) => {
    const { rows } = await history.query({ fromMs, toMs, stepMs, groupBy: 'link', limit: mostRows })
    for (const { group, startMs, summary } of rows) {
      if (group === '') continue
      const link = evaluation.paths.links.numberOf(group)
      const isLeftOut = isTold(incidents, group, startMs, stepMs) || (startMs > nowMs - openMs && inDoubt.has(link))
      const { ok, fail } = summary.runs
      put(evaluation.burns.of(link), Math.floor(startMs / stepMs), { ok, fail: isLeftOut ? 0 : fail })
    }
  }
  await each(hoursMs, nowMs, minuteMs, (counts, minute, { ok, fail }) => counts.seed(minute, ok, fail))
  await each(daysMs, hoursMs, hourMs, (counts, hour, { ok, fail }) => counts.seedHour(hour, ok, fail))
}

/** One agent in a turn: a week of its history is read, every hour. Times of incidents, and what was before an accepted change, are no base. */
export const refreshBaselines = async (
  history: Pick<Reader, 'baselines'>,
  store: Pick<Store, 'read'>,
  evaluation: Evaluation,
  nowMs: number,
): Promise<void> => {
  const { paths, slow, refreshedMs } = evaluation
  const agent = [...paths.knownAgents()].find(one => (refreshedMs.get(one) ?? 0) <= nowMs - hourMs)
  if (agent === undefined) return
  refreshedMs.set(agent, nowMs)
  const { incidents, accepted } = await store.read(async sql => ({
    incidents: await listIncidents<Incident>(sql, { sinceMs: nowMs - weekMs, limit: 1000 }),
    accepted: await listDecisions(sql, ['baseline'], nowMs - weekMs),
  }))
  const bad: Time[] = incidents
    .filter(({ body }) => body.agents.includes(agent))
    .map(({ formedMs, endedMs }) => ({ fromMs: formedMs, toMs: endedMs ?? nowMs }))
  const put = (baselines: readonly PathBaseline[], isOwn: (path: number) => boolean): void => {
    const found = new Map(baselines.map(({ labels, rtt, duration }) => [labelsKey(labels), (rtt ?? duration)?.p95]))
    for (const [key, path] of paths.of(agent)) if (isOwn(path)) slow.setBase(path, found.get(key))
  }
  const acceptedMs = (path: number): number =>
    Math.max(0, ...accepted.filter(({ match }) => path !== none && matchesPath(match, agent, paths.labels[path]!)).map(one => one.startMs))
  put(await history.baselines(agent, nowMs, bad), path => acceptedMs(path) === 0)
  for (const atMs of new Set([...paths.of(agent).values()].map(acceptedMs).filter(one => one > 0)))
    put(await history.baselines(agent, nowMs, [...bad, { fromMs: 0, toMs: atMs }]), path => acceptedMs(path) === atMs)
}
