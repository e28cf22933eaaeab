/**
 * What was noticed of links beside whether they work: round trips that took another level, routes that changed, outages that ended. It is no fault by itself; it says what
 * happened when one began. Read from the events of agents (ingest/commit.ts) and from what they measure. Memory with a bound; time is an argument.
 */
import { linkOf } from '../history/query.ts'
import type { StoredEvent } from '../store/events.ts'
import { readPathEvent } from './path-event.ts'

export type RouteSeen = { readonly fingerprint: string; readonly hops?: number }
export type News = { readonly path: string; readonly atMs: number } & (
  | { readonly kind: 'step'; readonly beforeMs: number; readonly afterMs: number }
  | { readonly kind: 'route'; readonly before: RouteSeen; readonly after: RouteSeen }
  /** `everyMs`: how often was looked, and so how exactly the length is known. */
  | { readonly kind: 'outage'; readonly lengthMs: number; readonly everyMs: number }
)

/** Of one link: what is older than an hour, or than so many, explains nothing that begins now. */
const [keptMs, mostKept] = [3_600_000, 500]

type Attributes = Readonly<Record<string, unknown>>
const numberOf = (attributes: Attributes, name: string): number | undefined => {
  const value = attributes[`causeway.${name}`]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
const timeOf = (attributes: Attributes, name: string): number | undefined => {
  const value = attributes[`causeway.${name}`]
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(atMs) ? undefined : atMs
}
const routeOf = (attributes: Attributes, when: 'before' | 'after'): RouteSeen | undefined => {
  const [fingerprint, hops] = [attributes[`causeway.route.${when}`], numberOf(attributes, `route.${when}_length`)]
  return typeof fingerprint === 'string' ? { fingerprint, ...(hops !== undefined && { hops }) } : undefined
}

const newsOf = (kind: string, path: string, attributes: Attributes, atMs: number): News | undefined => {
  if (kind === 'rtt_step') {
    const [beforeMs, afterMs] = [numberOf(attributes, 'rtt.before_ms'), numberOf(attributes, 'rtt.after_ms')]
    if (beforeMs === undefined || afterMs === undefined) return undefined
    return { kind: 'step', path, atMs: timeOf(attributes, 'state.since') ?? atMs, beforeMs, afterMs }
  }
  if (kind !== 'route_changed') return undefined
  const [before, after] = [routeOf(attributes, 'before'), routeOf(attributes, 'after')]
  return before && after && { kind: 'route', path, atMs: timeOf(attributes, 'started_at') ?? atMs, before, after }
}

export class PathNews {
  readonly #byLink = new Map<string, News[]>()

  take(events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'rtt_step' && event.kind !== 'route_changed') continue
      const told = readPathEvent(event)
      const news = told && newsOf(event.kind, told.id, told.attributes, event.atMs)
      if (news) this.#note(linkOf(told.labels), news)
    }
  }

  /** An outage of a path, as its agent measured it; the same minute is read again while it grows. */
  noteOutage(link: string, outage: { path: string; atMs: number; lengthMs: number; everyMs: number }): void {
    const isKnown = this.#byLink
      .get(link)
      ?.some(one => one.kind === 'outage' && one.path === outage.path && Math.round(one.lengthMs) === Math.round(outage.lengthMs))
    if (!isKnown) this.#note(link, { kind: 'outage', ...outage })
  }

  #note(link: string, news: News): void {
    if (link === '') return
    const all = this.#byLink.get(link) ?? []
    all.push(news)
    this.#byLink.set(link, all.filter(({ atMs }) => atMs > news.atMs - keptMs).slice(-mostKept))
  }

  /** Of a link in one direction, `aws/us-east-1 → azure/eastus`, between two times. */
  of(link: string, fromMs: number, toMs: number): News[] {
    return (this.#byLink.get(link) ?? []).filter(({ atMs }) => fromMs <= atMs && atMs <= toMs)
  }
}
