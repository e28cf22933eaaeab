/** What the agents themselves think is wrong, by path: they have seen the packets. Read from the events that their logs became (ingest/commit.ts). */
import {
  type Cause,
  type Confidence,
  causes,
  causeTexts,
  type Fix,
  type Layer,
  layerOfCause,
  type PathDirection,
} from '../../wire/causes.ts'
import type { StoredEvent } from '../store/events.ts'
import { readPathEvent } from './path-event.ts'
import { PathNews } from './path-news.ts'

export type AgentDiagnosis = {
  readonly cause: Cause
  readonly layer: Layer
  readonly direction?: PathDirection
  readonly confidence: Confidence
  readonly summary: string
  readonly evidence: readonly string[]
  readonly against: readonly string[]
  readonly fixes: readonly Fix[]
  readonly next: string
  readonly atMs: number
}

/** More are not kept: an incident of so many paths is told by a part of them. */
const maxKept = 20_000
const directions: readonly string[] = ['forward', 'reverse', 'both']
const confidences: readonly string[] = ['certain', 'likely', 'possible']
export const diagnosedKinds: readonly string[] = ['path_changed', 'run_failed']

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter(one => typeof one === 'string').slice(0, 8) : [])

/** The place where people type it, and on the next line what they type; older agents put both into one, `nft (this host): nft add …`. */
const fixOf = (text: string): Fix => {
  const cut = text.indexOf(text.includes(':\n') ? ':\n' : ': ')
  return cut < 0 ? { where: '', command: text } : { where: text.slice(0, cut), command: text.slice(cut + 2) }
}

const diagnosisOf = (attributes: Readonly<Record<string, unknown>>, atMs: number): AgentDiagnosis | undefined => {
  const of = (name: string): unknown => attributes[`causeway.cause${name}`]
  const [cause, direction, confidence, summary, next] = [of(''), of('.direction'), of('.confidence'), of('.summary'), of('.next')]
  if (typeof cause !== 'string' || !(causes as readonly string[]).includes(cause)) return undefined
  return {
    cause: cause as Cause,
    layer: layerOfCause(cause as Cause),
    ...(typeof direction === 'string' && directions.includes(direction) && { direction: direction as PathDirection }),
    confidence: typeof confidence === 'string' && confidences.includes(confidence) ? (confidence as Confidence) : 'possible',
    summary: typeof summary === 'string' ? summary : causeTexts[cause as Cause][1],
    evidence: textsOf(of('.evidence')),
    against: textsOf(of('.against')),
    fixes: textsOf(of('.fixes')).map(fixOf),
    next: typeof next === 'string' ? next : '',
    atMs,
  }
}

export class Diagnoses {
  readonly #byPath = new Map<string, AgentDiagnosis>()
  /** What they noticed beside it. */
  readonly news = new PathNews()

  /** In the order in which they happened. */
  take(events: readonly StoredEvent[]): void {
    this.news.take(events)
    for (const event of events) {
      if (!diagnosedKinds.includes(event.kind)) continue
      const told = readPathEvent(event)
      if (!told) continue
      const { id, attributes } = told
      const diagnosis = diagnosisOf(attributes, event.atMs)
      if (attributes['causeway.outcome'] === 'ok') this.#byPath.delete(id)
      else if (diagnosis) {
        this.#byPath.delete(id)
        this.#byPath.set(id, diagnosis)
      }
    }
    for (const id of this.#byPath.keys()) {
      if (this.#byPath.size <= maxKept) break
      this.#byPath.delete(id)
    }
  }

  of(path: string): AgentDiagnosis | undefined {
    return this.#byPath.get(path)
  }
}

/** A cause that says all that another says and why: whoever sees less of it, says the other. */
const explains: readonly (readonly [Cause, Cause])[] = [['mss_not_clamped', 'path_mtu_black_hole']]
/** So large a part of both has to say it. */
const leastShare = 1 / 4

const weights: { readonly [C in Confidence]: number } = { certain: 3, likely: 2, possible: 1 }

/** What most of those who saw something say, the surer the heavier; and who said it best. An agent that blames itself has no say. */
export const agreeOn = (
  all: readonly AgentDiagnosis[],
): { cause: Cause; best: AgentDiagnosis; share: number; runnerUp?: Cause } | undefined => {
  const votes = new Map<Cause, number>()
  for (const { cause, confidence } of all) if (cause !== 'prober_at_fault') votes.set(cause, (votes.get(cause) ?? 0) + weights[confidence])
  for (const [more, less] of explains) {
    const [its, others] = [votes.get(more) ?? 0, votes.get(less) ?? 0]
    if (others === 0 || its < leastShare * (its + others)) continue
    votes.set(more, its + others)
    votes.delete(less)
  }
  const [first, second] = [...votes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  if (!first) return undefined
  const its = all
    .filter(({ cause }) => cause === first[0])
    .toSorted((a, b) => weights[b.confidence] - weights[a.confidence] || b.atMs - a.atMs)
  const sum = [...votes.values()].reduce((total, vote) => total + vote, 0)
  return { cause: first[0], best: its[0]!, share: first[1] / sum, ...(second && { runnerUp: second[0] }) }
}
