/** A localised fault in the words that people read: what, where, how bad, what speaks for it and against it, and what to do next. Pure. */
import type { Fix, Layer } from '../../wire/causes.ts'
import { plural } from '../../wire/plural.ts'
import { incidentKey, type Place, placeText } from '../localise/place.ts'
import type { Fault, PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import { type AgentDiagnosis, agreeOn } from './diagnoses.ts'
import { directionOf, distinct, evidenceOf, headline } from './fault-words.ts'
import type { Finding } from './incident.ts'
import { causeOfEnding, type Ending, evidenceOfEnding, fixesOfEnding, headlineOfEnding } from './say-ending.ts'
import type { Mtu } from './say-mtu.ts'
import { tellingPath } from './wide-place.ts'

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
  /** Paths within the place, however they are. */
  readonly within: number
  readonly nowMs: number
}

const most = 6

const ended: readonly (string | undefined)[] = [undefined, 'svid_expired', 'certificate_expired']

/** Of the certificate that ends first, where that is what is wrong. */
const endingOf = (layer: Layer, paths: readonly BadPath[]): Ending | undefined =>
  layer === 'certificate' && paths.every(({ badness, ending }) => ending && ended.includes(badness.reason))
    ? paths.map(({ ending }) => ending!).reduce((first, one) => (one.endsMs < first.endsMs ? one : first))
    : undefined

/** By this controller's clock too it has ended: that is no clock of an agent's. */
const isTold = ({ diagnosis, ending }: BadPath, nowMs: number): boolean =>
  diagnosis !== undefined && !(diagnosis.cause === 'clock_skew' && ending !== undefined && ending.endsMs <= nowMs)

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
    isPartlyWell: paths.some(({ isHealing }) => isHealing),
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
    changed: [],
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
