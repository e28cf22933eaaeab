/** The part of a run that is a watch: what the agent has said of it, as it is kept, and as it is told. Pure. */
import type { Attempt, RunRequest } from '../../wire/api/runs.ts'
import type { NumberedEvent, WatchAsk, WatchPart } from '../../wire/api/watches.ts'
import type { Problem } from '../../wire/problem.ts'
import { type Outage, type WatchDocument, watchKinds } from '../../wire/watch.ts'
import type { RunPart } from '../store/runs.ts'

/** For the agent to hear of it, and for its last words. */
export const watchGraceMs = 60_000
/** Who asks follows it from event to event; these are for whoever looks later. */
const mostEvents = 1000
const mostSeconds = 200

export const watchProblems = ({ watch, kinds, bothWays, agents }: RunRequest): Problem[] => {
  if (!watch) return []
  const [kind, ...more] = kinds ?? []
  return [
    ...(kind && more.length === 0 && watchKinds.some(one => one === kind)
      ? []
      : [{ path: 'kinds', message: `a watch is of one kind: want one of ${watchKinds.join(', ')}` }]),
    ...(bothWays ? [{ path: 'bothWays', message: 'a watch goes one way: ask for another one from the other end' }] : []),
    ...(agents === 1 ? [] : [{ path: 'agents', message: 'a watch is of one agent: want 1' }]),
  ]
}

const isNumber = (value: unknown): boolean => value === null || typeof value === 'number'
const isPlain = (value: unknown): boolean => isNumber(value) || typeof value === 'string'

/** The schema has seen to the rest: here is what may be null. */
const isOutage = ({ endedMs, rttMs, ttl, mtu, route }: Outage): boolean =>
  [endedMs, rttMs.before, rttMs.after, ttl.before, ttl.after, mtu.before, mtu.after].every(isNumber) &&
  [route.before, route.after].every(isPlain)

/** Kinds of events from a newer agent are left out. */
const isEvent = ({ event }: NumberedEvent): boolean => {
  if (event.type === 'second') return event.second !== undefined && isNumber(event.second.rttMs)
  if (event.type === 'step') return event.step !== undefined && [event.step.before, event.step.after].every(isPlain)
  const isOfOutage = event.type === 'outage_began' || event.type === 'outage_ended' || event.type === 'outage_settled'
  return (
    isOfOutage && event.outage !== undefined && isOutage(event.outage) && (event.type === 'outage_began' || event.outage.endedMs !== null)
  )
}

const isDocument = ({ outages, rttMs, latenessMs }: WatchDocument): boolean =>
  outages.every(isOutage) && [rttMs, latenessMs].every(one => one === null || [one?.p50, one?.p99, one?.max].every(isNumber))

/** What is kept, beside what is kept already. What was said before is not taken again, since an agent that has heard no answer says it once more. */
export const addWatchPart = (kept: RunPart['results'], { events, begun, document }: WatchPart): RunPart['results'] => {
  const before = readKept(kept)
  const last = before.events.at(-1)?.number ?? 0
  const all = [...before.events, ...events.filter(one => one.number > last && isEvent(one))]
  let tooMany = all.filter(({ event }) => event.type === 'second').length - mostSeconds
  const some = all.filter(({ event }) => event.type !== 'second' || tooMany-- <= 0).slice(-mostEvents)
  return [{ events: some, begun: begun ?? before.begun, document: document && isDocument(document) ? document : before.document }]
}

const readKept = (results: RunPart['results']): WatchPart =>
  (results.find(result => Array.isArray(result['events'])) as WatchPart | undefined) ?? { events: [] }

/** What its message asked the agent to watch; undefined: a run that is none. */
export const watchOf = (message: string): WatchAsk | undefined => (JSON.parse(message) as { watch?: WatchAsk }).watch

type Told = Pick<Attempt, 'verdict' | 'results' | 'diagnosis' | 'problems' | 'watch'>

/** `after`: the number of the last event that is known already. */
export const tellWatch = ({ results, problems, doneMs, agentId }: RunPart, after: number): Told => {
  const { events, begun, document } = readKept(results)
  // An agent that does not know watches has run the check of the message once.
  const isOld = doneMs !== undefined && !document && problems.length === 0
  const old = `the version of the agent ${agentId} does not know how to watch, it has measured once: upgrade it`
  return {
    verdict: document?.verdict ?? 'unmeasured',
    results: [],
    diagnosis: [],
    problems: isOld ? [old] : [...problems],
    watch: { events: events.filter(({ number }) => number > after), ...(begun && { begun }), ...(document && { document }) },
  } as Told
}

/** Whether there is something to tell whoever knows events up to this one. */
export const hasNews = ({ agents }: { agents: readonly Attempt[] }): boolean => agents.some(({ watch }) => watch && watch.events.length > 0)
