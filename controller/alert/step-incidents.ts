/**
 * From what was found now to what becomes of each incident. Pure: the same findings make the same incidents, in whatever process. A finding belongs to the
 * incident of its key, or to the one whose subjects it mostly has: so an incident stays the same one while evidence changes its place, joins others, or splits.
 */
import { hashText } from '../plan/hash.ts'
import type { Finding, Incident, SubjectState, TimelineEntry, Word } from './incident.ts'
import { isAnother, keptOf, tellersOf } from './incident-words.ts'

/** So long evidence is waited for before the first word: one more window hears all agents, and what is no more than a ticket has time to become clearer. */
const joinMs = { page: 10_000, ticket: 30_000 } as const
/** Not more often than this is something told again because it is known better. */
const updateMs = 60_000
const maxTimeline = 200

export type Stepping = {
  nowMs: number
  stateOf: (subject: string) => SubjectState
  isSilenced: (incident: Incident) => boolean
}
export type Stepped = { incidents: Incident[]; changed: Incident[]; dropped: Incident[]; words: Word[] }

const shareOf = (part: readonly string[], whole: ReadonlySet<string>): number =>
  part.length === 0 ? 0 : part.filter(one => whole.has(one)).length / part.length

const noted = (incident: Incident, kind: TimelineEntry['kind'], text: string, atMs: number): Incident => ({
  ...incident,
  timeline: [...incident.timeline, { atMs, kind, text }].slice(-maxTimeline),
})

/** By key, and then by the most that they have in common. */
const pairWith = (free: Set<Incident>, findings: readonly Finding[], pairs: Map<Finding, Incident>): void => {
  const take = (finding: Finding, incident: Incident): void => {
    pairs.set(finding, incident)
    free.delete(incident)
  }
  const open = (): Finding[] => findings.filter(finding => !pairs.has(finding))
  for (const finding of open()) {
    const own = [...free].find(one => one.key === finding.key)
    if (own) take(finding, own)
  }
  for (const finding of open()) {
    const its = new Set(finding.subjects)
    let best: { incident: Incident; share: number } | undefined
    for (const incident of free) {
      if (isAnother(incident, finding)) continue
      const share = Math.max(shareOf(incident.subjects, its), shareOf(finding.subjects, new Set(incident.subjects)))
      if (share >= 0.5 && (!best || share > best.share || (share === best.share && incident.formedMs < best.incident.formedMs)))
        best = { incident, share }
    }
    if (best) take(finding, best.incident)
  }
}

/** Which finding continues which incident. Those that people know come first: what forms beside one and turns out to be the same becomes part of it. */
const pair = (incidents: readonly Incident[], findings: readonly Finding[]): Map<Finding, Incident> => {
  const pairs = new Map<Finding, Incident>()
  for (const isForming of [false, true])
    pairWith(new Set(incidents.filter(({ state }) => (state === 'forming') === isForming)), findings, pairs)
  return pairs
}

const form = (finding: Finding, nowMs: number, from: Incident | undefined): Incident => ({
  ...finding,
  id: `${nowMs.toString(36)}-${hashText(finding.key).toString(36)}`,
  state: 'forming',
  formedMs: nowMs,
  openedMs: null,
  endedMs: null,
  version: 0,
  isTold: false,
  toldMs: 0,
  said: '',
  isSilenced: false,
  causeBy: tellersOf(finding),
  worst: { subjects: finding.subjects.length, impact: finding.impact },
  timeline: [
    { atMs: nowMs, kind: 'formed', text: finding.title },
    ...(from ? [{ atMs: nowMs, kind: 'split' as const, text: `split from ${from.id}, ${from.placeText}` }] : []),
  ],
})

/** The key stays what it was: receivers know the incident by it. */
const renew = (incident: Incident, finding: Finding, nowMs: number): Incident => {
  const severity = incident.severity === 'page' ? 'page' : finding.severity
  const kept = keptOf(incident, finding, nowMs)
  const { weakerMs: _, worst, ...was } = incident
  const before = finding.cause === incident.cause || kept.cause !== undefined ? (incident.causeBy ?? 0) : 0
  let next: Incident = {
    ...was,
    ...finding,
    ...kept,
    severity,
    causeBy: Math.max(before, finding.cause === incident.cause || kept.cause === undefined ? tellersOf(finding) : 0),
    key: incident.state === 'forming' ? finding.key : incident.key,
    sinceMs: Math.min(incident.sinceMs, finding.sinceMs),
    worst: worst && worst.subjects > finding.subjects.length ? worst : { subjects: finding.subjects.length, impact: finding.impact },
  }
  if (next.placeText !== incident.placeText) next = noted(next, 'widened', `${incident.placeText} is now ${next.placeText}`, nowMs)
  if (next.cause !== incident.cause) next = noted(next, 'changed', `cause: ${next.cause ?? 'not known'}`, nowMs)
  if (next.severity !== incident.severity) next = noted(next, 'changed', `${incident.severity} is now a ${next.severity}`, nowMs)
  return next
}

/** What a receiver would be told anew: the words that carry a decision, not counts that change with every window. */
const gist = ({ title, severity, cause, placeText, direction, isSilenced }: Incident): string =>
  JSON.stringify([title.replaceAll(measured, '$1'), severity, cause, placeText, direction, isSilenced])
/** What is measured anew with every window; a size in bytes is a decision. */
const measured = /\d+(?:\.\d+)?( %| ms| times)/g

const speak = (incident: Incident, { nowMs, isSilenced }: Stepping, words: Word[]): Incident => {
  const silenced = isSilenced(incident)
  let next =
    incident.isSilenced === silenced
      ? incident
      : { ...noted(incident, 'silenced', silenced ? 'silenced' : 'no longer silenced', nowMs), isSilenced: silenced }
  if (next.state === 'ended') {
    if (!next.isTold) return next
    next = { ...next, version: next.version + 1 }
    words.push({ incident: next, event: 'resolved' })
    return next
  }
  if (silenced) return next
  const said = gist(next)
  if (next.isTold && (said === next.said || nowMs - next.toldMs < updateMs)) return next
  const event = next.isTold ? ('updated' as const) : ('firing' as const)
  next = noted({ ...next, isTold: true, toldMs: nowMs, said, version: next.version + 1 }, 'told', event, nowMs)
  words.push({ incident: next, event })
  return next
}

/** What is read of it from then on is how wide it was. */
const end = (incident: Incident, why: string, nowMs: number): Incident => {
  const { impact } = incident.worst ?? incident
  return noted({ ...incident, impact, state: 'ended', endedMs: nowMs, end: why }, 'ended', why, nowMs)
}

/** What becomes of one that no finding continues. Undefined: it goes on as it was. */
const endOf = (
  incident: Incident,
  findings: readonly Finding[],
  pairs: ReadonlyMap<Finding, Incident>,
  { nowMs, stateOf }: Stepping,
): Incident | undefined => {
  const others = findings.filter(finding => isAnother(incident, finding))
  const wider = findings.find(
    finding => !others.includes(finding) && pairs.get(finding) !== incident && shareOf(incident.subjects, new Set(finding.subjects)) >= 0.5,
  )
  if (wider) return end(noted(incident, 'joined', `joined ${pairs.get(wider)?.id ?? wider.key}`, nowMs), `joined ${wider.placeText}`, nowMs)
  const left = new Set(others.flatMap(({ subjects }) => subjects))
  const states = incident.subjects.map(subject => (left.has(subject) ? 'well' : stateOf(subject)))
  if (states.includes('bad')) return undefined
  return end(incident, states.every(state => state === 'gone') ? 'no longer measured' : 'well again', nowMs)
}

export const stepIncidents = (before: readonly Incident[], findings: readonly Finding[], stepping: Stepping): Stepped => {
  const { nowMs } = stepping
  const pairs = pair(before, findings)
  const after = new Map<Incident, Incident>()
  const fresh: Incident[] = []
  for (const finding of findings) {
    const incident = pairs.get(finding)
    if (incident) after.set(incident, renew(incident, finding, nowMs))
    // What is left of one that heals path by path is no fault of its own.
    else if (!finding.isHealing) {
      const its = new Set(finding.subjects)
      fresh.push(
        form(
          finding,
          nowMs,
          before.find(one => one.state === 'open' && finding.subjects.length > 0 && shareOf(one.subjects, its) > 0),
        ),
      )
    }
  }
  for (const incident of before) if (!after.has(incident)) after.set(incident, endOf(incident, findings, pairs, stepping) ?? incident)
  const result: Stepped = { incidents: [], changed: [], dropped: [], words: [] }
  for (const [was, is] of [...after, ...fresh.map(one => [undefined, one] as const)]) {
    if (is.state === 'ended' && was?.state === 'forming') {
      result.dropped.push(is)
      continue
    }
    let now = is
    if (now.state === 'forming' && now.isFiring && nowMs - now.formedMs >= joinMs[now.severity])
      now = noted({ ...now, state: 'open', openedMs: nowMs }, 'opened', now.title, nowMs)
    if (now.state !== 'forming') now = speak(now, stepping, result.words)
    if (now !== was && (!was || JSON.stringify(now) !== JSON.stringify(was))) result.changed.push(now)
    if (now.state !== 'ended') result.incidents.push(now)
  }
  return result
}
