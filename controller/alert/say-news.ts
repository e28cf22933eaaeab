/** What happened on the links of a finding when it began, in sentences; and whether that is why. Pure. */

import { sayMs } from '../../judge/diagnose/say.ts'
import type { Cause } from '../../wire/causes.ts'
import { linkName } from '../../wire/link-name.ts'
import type { Finding } from './incident.ts'
import type { News, PathNews } from './path-news.ts'

export type NewsWorld = {
  readonly news: Pick<PathNews, 'of'>
  /** Whether the route of a link, in this direction, is traced. */
  isTraced(link: string): boolean
  /** The longest outage that a link is allowed, ms. */
  allowedMs(link: string): number | undefined
}

/** Agents tell of a step after some windows, and a path MTU is looked at seldom: what began so long before, and shortly after, belongs to it. */
const [beforeMs, afterMs] = [3 * 60_000, 5 * 60_000]
/** One path alone may be its own machine's affair. */
const leastPaths = 2
const most = 6

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19)
/** From ten seconds on nobody counts milliseconds. */
const sayLength = (ms: number): string => (ms >= 10_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms)} ms`)
const paths = (count: number): string => (count === 1 ? 'on 1 path' : `on ${count} paths`)

type Of<K extends News['kind']> = Extract<News, { kind: K }>
const only = <K extends News['kind']>(news: readonly News[], kind: K): Of<K>[] => news.filter((one): one is Of<K> => one.kind === kind)
const countPaths = (news: readonly News[]): number => new Set(news.map(({ path }) => path)).size
const firstMs = (news: readonly News[]): number => Math.min(...news.map(({ atMs }) => atMs))

/** Both ways of a pair of regions, once. */
type Pair = { readonly there: string; readonly back: string; readonly text: string }
const pairOf = ([from, to]: readonly [string, string]): Pair => {
  const [a, b] = [from, to].toSorted() as [string, string]
  return { there: linkName(a, b), back: linkName(b, a), text: `${a} ↔ ${b}` }
}
const pairsOf = ({ links = [], from, to }: Finding): Pair[] => {
  const ends = links.length > 0 ? links : from.length === 1 && to.length === 1 ? [[from[0]!, to[0]!] as const] : []
  const between = ends.filter(([a, b]) => a !== '' && b !== '' && a !== b).map(pairOf)
  return [...new Map(between.map(pair => [pair.text, pair])).values()]
}

/** A round trip knows no direction: both ends say the same of it. */
const saySteps = ({ text }: Pair, both: readonly News[]): string[] => {
  const steps = only(both, 'step')
  return [true, false].flatMap(isLonger => {
    const its = steps.filter(one => one.afterMs > one.beforeMs === isLonger)
    if (countPaths(its) < leastPaths || countPaths(its) * 2 < countPaths(steps)) return []
    const [was, is] = [median(its.map(one => one.beforeMs)), median(its.map(one => one.afterMs))]
    return [`${clock(firstMs(its))} the round trip ${text} went from ${sayMs(was)} to ${sayMs(is)}, ${paths(countPaths(its))}`]
  })
}

const sayRoutes = (link: string, news: readonly News[]): string[] => {
  const routes = only(news, 'route')
  if (routes.length === 0) return []
  const { before, after } = routes.at(-1)!
  const hops = before.hops === undefined || after.hops === undefined ? '' : `, ${before.hops} hops → ${after.hops}`
  return [
    `${clock(firstMs(routes))} the route ${link} is another: ${before.fingerprint.slice(0, 12)} → ${after.fingerprint.slice(0, 12)}${hops}, ${paths(countPaths(routes))}`,
  ]
}

/** Of all who saw it, who looked most often knows best how long it was. */
const sayOutages = ({ text, there, back }: Pair, both: readonly News[], { allowedMs }: NewsWorld): string[] => {
  const outages = only(both, 'outage')
  if (outages.length === 0) return []
  const finest = Math.min(...outages.map(({ everyMs }) => everyMs))
  const its = outages.filter(({ everyMs }) => everyMs === finest)
  const lengthMs = median(its.map(one => one.lengthMs))
  const allowed = Math.min(allowedMs(there) ?? Number.POSITIVE_INFINITY, allowedMs(back) ?? Number.POSITIVE_INFINITY)
  const against = Number.isFinite(allowed) ? `; the objective allows ${sayLength(allowed)}${lengthMs > allowed ? ': too long' : ''}` : ''
  return [
    `nothing came through ${text} for ${sayLength(lengthMs)}, looked at every ${sayLength(finest)}, ${paths(countPaths(its))}${against}`,
  ]
}

const judged: readonly string[] = ['default/path-mtu', 'default/latency']

/** Where only one way is another than it was, the two are not the same any more. */
const causeOf = (
  finding: Finding,
  found: readonly { pair: Pair; there: News[]; back: News[] }[],
  world: NewsWorld,
): Explained | undefined => {
  if (finding.cause !== null || !finding.rules.some(rule => judged.includes(rule))) return undefined
  const routes = found.flatMap(({ pair, there, back }) => {
    const ways = [only(there, 'route').length > 0, only(back, 'route').length > 0]
    return ways.some(Boolean) ? [{ pair, ways }] : []
  })
  if (routes.length === 0) {
    const isStep =
      finding.rules.includes('default/path-mtu') && found.some(({ pair, there, back }) => saySteps(pair, [...there, ...back]).length > 0)
    return isStep ? { cause: 'route_changed' } : undefined
  }
  const oneWay = routes.every(({ pair, ways }) => ways[0] !== ways[1] && world.isTraced(pair.there) && world.isTraced(pair.back))
  if (!oneWay) return { cause: 'route_changed' }
  const changed = routes.map(({ pair, ways }) => (ways[0] ? pair.there : pair.back))
  return { cause: 'asymmetric_route', text: `only the way ${changed.join(', ')} is another than it was` }
}
type Explained = { cause: Cause; text?: string }

/** The finding with what happened beside it, and the cause that this tells where no agent told one. */
export const withNews = (finding: Finding, world: NewsWorld): Finding => {
  const [fromMs, toMs] = [finding.sinceMs - beforeMs, finding.sinceMs + afterMs]
  const found = pairsOf(finding).map(pair => ({
    pair,
    there: world.news.of(pair.there, fromMs, toMs),
    back: world.news.of(pair.back, fromMs, toMs),
  }))
  const changed = found.flatMap(({ pair, there, back }) => [
    ...sayOutages(pair, [...there, ...back], world),
    ...sayRoutes(pair.there, there),
    ...sayRoutes(pair.back, back),
    ...saySteps(pair, [...there, ...back]),
  ])
  const why = causeOf(finding, found, world)
  return {
    ...finding,
    changed: [...changed.slice(0, most), ...finding.changed],
    ...(why && { cause: why.cause, what: why.cause, runbook: why.cause }),
    ...(why?.text !== undefined && { title: `${finding.placeText}: ${why.text}`, evidence: [finding.title, ...finding.evidence] }),
  }
}
