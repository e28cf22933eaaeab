/** What is wrong at the place of a fault, in a line, and what was seen of it. Pure. */
import { type Cause, causeTexts, type Layer, type PathDirection } from '../../wire/causes.ts'
import { plural } from '../../wire/plural.ts'
import type { Place } from '../localise/place.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import type { AgentDiagnosis } from './diagnoses.ts'
import type { BadPath } from './fault-finding.ts'
import { isCut } from './wide-place.ts'

const most = 6
export const distinct = (texts: readonly (string | undefined)[]): string[] => [...new Set(texts.filter(text => text !== undefined))]

/** `tcp_timeout ×3, no_reply ×2`. */
const sayReasons = (paths: readonly BadPath[]): string => {
  const counts = new Map<string, number>()
  for (const { badness } of paths)
    counts.set(badness.reason ?? badness.rule.name, (counts.get(badness.reason ?? badness.rule.name) ?? 0) + 1)
  const all = [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([reason, count]) => (count === 1 ? reason : `${reason} ×${count}`))
  return [...all.slice(0, 3), ...(all.length > 3 ? ['…'] : [])].join(', ')
}

const notHeld: readonly (string | undefined)[] = ['untrusted_chain', 'unknown_trust_domain', 'bundle_behind']

/** Who lacks whose authority: those who look are on the side that lacks it. */
const sayLacking = (paths: readonly BadPath[]): string | undefined => {
  const [from, of] = [distinct(paths.map(({ verdict }) => verdict.region)), distinct(paths.map(({ verdict }) => verdict.trustDomain))]
  if (of.length !== 1 || from.length === 0 || paths.some(({ badness }) => !notHeld.includes(badness.reason))) return undefined
  return `${from.length === 1 ? `${from[0]} does` : `${from.length} regions do`} not hold an authority of ${of[0]}`
}

/** Whether a path runs from where the place ends to where it begins: its forward is the place's reverse. */
const isTurned = (place: Place, { region, cloud }: PathVerdict): boolean =>
  'from' in place && place.from !== undefined && region !== place.from && cloud !== place.from

/** The sizes that pass, by the way that packets go: forward of a path from the place is reverse of one towards it. */
const sizesOf = (place: Place, paths: readonly BadPath[]): { forward: number; reverse: number } => {
  const sizes = { forward: Number.POSITIVE_INFINITY, reverse: Number.POSITIVE_INFINITY }
  for (const { verdict, mtu } of paths) {
    const [forward, reverse] = isTurned(place, verdict) ? [mtu.now[1], mtu.now[0]] : mtu.now
    if (forward > 0) sizes.forward = Math.min(sizes.forward, forward)
    if (reverse > 0) sizes.reverse = Math.min(sizes.reverse, reverse)
  }
  return sizes
}

const isOneWay = (place: Place): boolean => 'from' in place && place.from !== undefined && !place.both

const turnedWay = { forward: 'reverse', reverse: 'forward', both: 'both' } as const

/** As seen from where the place begins, whichever end told it. */
export const directionOf = (place: Place, paths: readonly BadPath[], best: AgentDiagnosis | undefined): PathDirection | undefined => {
  if (best?.direction === undefined) return undefined
  if (isOneWay(place)) return 'forward'
  const its = paths.find(({ diagnosis }) => diagnosis === best)
  return its && isTurned(place, its.verdict) ? turnedWay[best.direction] : best.direction
}

export const headline = (
  cause: Cause | null,
  place: Place,
  layer: Layer,
  paths: readonly BadPath[],
  way: PathDirection | undefined,
): string => {
  const { forward, reverse } = sizesOf(place, paths)
  if (isCut(cause, place, paths)) return 'nothing comes through'
  if (cause === 'path_mtu_black_hole' && Number.isFinite(Math.min(forward, reverse))) {
    if (isOneWay(place) && Number.isFinite(forward)) return `packets above ${forward} bytes vanish, this way only`
    if (way === 'forward' && Number.isFinite(forward)) return `packets above ${forward} bytes vanish on the way there`
    if (way === 'reverse' && Number.isFinite(reverse)) return `packets above ${reverse} bytes vanish on the way back`
    return forward === reverse || !Number.isFinite(forward) || !Number.isFinite(reverse)
      ? `packets above ${Math.min(forward, reverse)} bytes vanish`
      : `packets above ${forward} bytes vanish one way and above ${reverse} the other`
  }
  const lacking = cause === 'trust_bundle_misaligned' ? sayLacking(paths) : undefined
  if (cause) return lacking ?? causeTexts[cause][1]
  const facts = distinct(paths.map(({ fact }) => fact))
  return facts.length === 1 ? facts[0]! : `${layer === 'path' ? 'path' : layer} fails: ${sayReasons(paths)}`
}

export const evidenceOf = (paths: readonly BadPath[], within: number, best: AgentDiagnosis | undefined, place: Place): string[] => {
  const { forward, reverse } = sizesOf(place, paths)
  const ends = 'from' in place && place.from !== undefined ? [place.from, place.to!] : undefined
  const sizes = [
    ...(Number.isFinite(forward) ? [`MTU ${ends ? `${ends[0]} → ${ends[1]}` : 'forward'}: ${forward}`] : []),
    ...(Number.isFinite(reverse) ? [`MTU ${ends ? `${ends[1]} → ${ends[0]}` : 'reverse'}: ${reverse}`] : []),
  ]
  const seen = paths.every(({ badness, ending }) => ending && badness.reason === undefined) ? 'see it' : `fail: ${sayReasons(paths)}`
  return distinct([
    `${paths.length} of ${plural(within, 'path')} ${seen}`,
    ...(paths.some(({ badness }) => badness.layer === 'path') ? [sizes.join(', ') || undefined] : []),
    best && `${paths.find(({ diagnosis }) => diagnosis === best)?.verdict.path ?? ''}: ${best.summary}`,
    ...(best?.evidence ?? []),
    ...paths.slice(0, most).map(({ fact, verdict }) => fact && `${verdict.path}: ${fact}`),
  ]).slice(0, 10)
}
