/** A localised fault in the words that people read: what, where, how bad, what speaks for it and against it, and what to do next. Pure. */
import { type Cause, causeTexts, type Fix, type Layer, type PathDirection } from '../../wire/causes.ts'
import { plural } from '../../wire/plural.ts'
import { incidentKey, type Place, placeText } from '../localise/place.ts'
import type { Fault, PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import { type AgentDiagnosis, agreeOn } from './diagnoses.ts'
import type { Finding } from './incident.ts'
import { causeOfEnding, type Ending, evidenceOfEnding, fixesOfEnding, headlineOfEnding } from './say-ending.ts'
import { isCut, tellingPath } from './wide-place.ts'

export type Mtu = { readonly was: readonly [number, number]; readonly now: readonly [number, number] }
/** What is known of a bad path beside its verdict. */
export type BadPath = {
  readonly verdict: PathVerdict
  readonly badness: Badness
  readonly diagnosis?: AgentDiagnosis
  readonly mtu: Mtu
  /** Of a certificate that should have been renewed. */
  readonly ending?: Ending
  /** Its last window was good: it waits for its end. */
  readonly isHealing?: boolean
  readonly owners: readonly string[]
  /** A sentence about what was measured, where a number says more than a reason. */
  readonly fact?: string
}
export type FaultWorld = {
  readonly bad: ReadonlyMap<string, BadPath>
  readonly changed: readonly string[]
  /** Paths within the place, however they are. */
  readonly within: number
  readonly nowMs: number
}

const most = 6
const distinct = (texts: readonly (string | undefined)[]): string[] => [...new Set(texts.filter(text => text !== undefined))]

/** `tcp_timeout ×3, no_reply ×2`. */
const sayReasons = (paths: readonly BadPath[]): string => {
  const counts = new Map<string, number>()
  for (const { badness } of paths)
    counts.set(badness.reason ?? badness.rule.name, (counts.get(badness.reason ?? badness.rule.name) ?? 0) + 1)
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, 3)
    .map(([reason, count]) => (count === 1 ? reason : `${reason} ×${count}`))
    .join(', ')
}

const ended: readonly (string | undefined)[] = [undefined, 'svid_expired', 'certificate_expired']

/** Of the certificate that ends first, where that is what is wrong. */
const endingOf = (layer: Layer, paths: readonly BadPath[]): Ending | undefined =>
  layer === 'certificate' && paths.every(({ badness, ending }) => ending && ended.includes(badness.reason))
    ? paths.map(({ ending }) => ending!).reduce((first, one) => (one.endsMs < first.endsMs ? one : first))
    : undefined

/** By this controller's clock too it has ended: that is no clock of an agent's. */
const isTold = ({ diagnosis, ending }: BadPath, nowMs: number): boolean =>
  diagnosis !== undefined && !(diagnosis.cause === 'clock_skew' && ending !== undefined && ending.endsMs <= nowMs)

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
const directionOf = (place: Place, paths: readonly BadPath[], best: AgentDiagnosis | undefined): PathDirection | undefined => {
  if (best?.direction === undefined) return undefined
  if (isOneWay(place)) return 'forward'
  const its = paths.find(({ diagnosis }) => diagnosis === best)
  return its && isTurned(place, its.verdict) ? turnedWay[best.direction] : best.direction
}

const headline = (cause: Cause | null, place: Place, layer: Layer, paths: readonly BadPath[], way: PathDirection | undefined): string => {
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

const evidenceOf = (paths: readonly BadPath[], within: number, best: AgentDiagnosis | undefined, place: Place): string[] => {
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

/** What a check between regions, which asks their agents, does not show. */
const ofTargets: readonly Layer[] = ['dns', 'tls', 'certificate', 'identity', 'federation', 'http']

const nextOf = (place: Place, paths: readonly BadPath[]): string => {
  const isOfTarget = paths.every(({ verdict, badness }) => verdict.toAgent === undefined && ofTargets.includes(badness.layer))
  if (!isOfTarget && 'from' in place && place.from?.includes('/') && place.to !== undefined)
    return `probe check --from ${place.from} --to ${place.to}${place.both ? ' --both-ways' : ''}`
  const { verdict } = tellingPath(place, paths)
  const to = verdict.toAgent === undefined ? verdict.target : (verdict.toRegion ?? verdict.toAgent)
  return `probe check --from ${verdict.region ?? verdict.agent} --to ${to}`
}

/** Undefined: nothing of what it explains is known any more. */
export const findingOfFault = (
  { place, layer, explains, against, unknown, onlyFrom, runnerUp }: Fault,
  world: FaultWorld,
): Finding | undefined => {
  const paths = explains.flatMap(path => world.bad.get(path) ?? [])
  if (paths.length === 0) return undefined
  const told = paths.filter(path => isTold(path, world.nowMs)).map(({ diagnosis }) => diagnosis!)
  // What is said of the layers above is what follows from it, however many say so: connections that hang in a black hole look filtered.
  const agreed = agreeOn(told.filter(one => one.layer === layer)) ?? agreeOn(told)
  const ending = endingOf(layer, paths)
  const ends = ending && (agreed === undefined || agreed.cause === causeOfEnding(ending, world.nowMs))
  const cause = agreed?.cause ?? (ending && causeOfEnding(ending, world.nowMs)) ?? null
  const texts = placeText(place)
  const rules = distinct(paths.map(({ badness }) => badness.rule.name))
  const direction = directionOf(place, paths, agreed?.best)
  return {
    key: incidentKey(place, layer),
    place,
    placeText: texts,
    layer,
    severity: paths.some(({ badness }) => badness.severity === 'page') ? 'page' : 'ticket',
    rules,
    cause,
    what: cause ?? paths[0]!.badness.rule.runbook,
    ...(agreed && { toldBy: told.filter(one => one.cause === agreed.cause).length }),
    ...(direction && { direction }),
    isHealing: paths.filter(({ isHealing }) => isHealing).length * 2 >= paths.length,
    title: `${texts}: ${ends ? headlineOfEnding(ending, world.nowMs) : headline(cause, place, layer, paths, direction)}${onlyFrom === undefined ? '' : `, for ${onlyFrom} only`}`,
    sinceMs: Math.min(...paths.map(({ badness }) => badness.sinceMs)),
    isFiring: paths.some(({ badness }) => badness.isFiring),
    subjects: paths.map(({ verdict }) => verdict.path),
    impact: `${paths.length} of ${plural(Math.max(world.within, paths.length), 'path')}, ${plural(distinct(paths.map(({ verdict }) => verdict.agent)).length, 'agent')}`,
    evidence: [
      ...(ending ? evidenceOfEnding(ending, world.nowMs) : []),
      ...evidenceOf(paths, Math.max(world.within, paths.length), agreed?.best, place),
    ].slice(0, 10),
    against: distinct([
      ...(against.length > 0
        ? [`${plural(against.length, 'path')} through there ${against.length === 1 ? 'is' : 'are'} well: ${against.slice(0, 3).join(', ')}`]
        : []),
      ...(unknown > 0 ? [`of ${plural(unknown, 'path')} nothing is known`] : []),
      ...(agreed?.best.against ?? []),
    ]).slice(0, most),
    ...(runnerUp ? { runnerUp: placeText(runnerUp) } : agreed?.runnerUp ? { runnerUp: agreed.runnerUp } : {}),
    changed: [...world.changed],
    fixes: fixesOf(agreed, ending, paths),
    next: nextOf(place, paths),
    runbook: cause ?? paths[0]!.badness.rule.runbook,
    ...endsOf(paths),
  }
}

/** What an agent calls ours is the side that looked. */
const fixesOf = (agreed: ReturnType<typeof agreeOn>, ending: Ending | undefined, paths: readonly BadPath[]): Fix[] => {
  if (!agreed) return ending ? fixesOfEnding(ending) : []
  const from = distinct(paths.map(({ verdict }) => verdict.region))
  const isOurs = agreed.cause === 'trust_bundle_misaligned' && from.length === 1
  return agreed.best.fixes.map(({ where, command }) => ({ where: isOurs ? `${from[0]}: ${where}` : where, command }))
}

const endsOf = (paths: readonly BadPath[]): Pick<Finding, 'checks' | 'targets' | 'agents' | 'from' | 'to' | 'links' | 'owners'> => ({
  checks: distinct(paths.map(({ verdict }) => verdict.check)),
  targets: distinct(paths.map(({ verdict }) => verdict.target)),
  agents: distinct(paths.map(({ verdict }) => verdict.agent)),
  from: distinct(paths.map(({ verdict }) => verdict.region)),
  to: distinct(paths.map(({ verdict }) => verdict.toRegion)),
  links: linksOf(paths),
  owners: distinct(paths.flatMap(({ owners }) => owners)),
})

const linksOf = (paths: readonly BadPath[]): [string, string][] => {
  const ends = paths.map(({ verdict: { region = '', toRegion = '' } }): [string, string] => [region, toRegion])
  return [...new Map(ends.map(both => [both.join('\0'), both])).values()]
}

/** What no place explains: a ticket for each pair of agent and target, never a page. */
export const findingsOfRest = (unexplained: readonly string[], world: FaultWorld): Finding[] => {
  const paths = unexplained.flatMap(path => world.bad.get(path) ?? [])
  const groups = Map.groupBy(paths, ({ verdict: { agent, target }, badness: { layer } }) => `${agent} → ${target}\0${layer}`)
  return [...groups.values()].map((its): Finding => {
    const { verdict, badness } = its[0]!
    const place: Place = { kind: 'target', name: verdict.target }
    const found = findingOfFault(
      { place, layer: badness.layer, explains: its.map(one => one.verdict.path), against: [], unknown: 0 },
      { ...world, within: its.length },
    )!
    const text = `${verdict.agent} → ${verdict.target}`
    return {
      ...found,
      key: `rest:${incidentKey({ kind: 'target', name: text }, badness.layer)}`.slice(0, 120),
      placeText: text,
      title: found.title.replace(found.placeText, text),
      severity: 'ticket',
      against: ['no place explains it: everything around it is well', ...found.against],
    }
  })
}
