/** What a silence, a maintenance window or a change is about. Pure. */
import { regionOf } from '../fleet/select.ts'
import type { PathLabels } from '../history/labels.ts'
import type { Match } from '../store/silences.ts'
import { baseTarget } from './paths.ts'

const isIn = (wanted: string, place: string | undefined): boolean => place === wanted || place?.startsWith(`${wanted}/`) === true

/** Whether a path is meant. What only incidents have (a rule, a cause) is not asked. */
export const matchesPath = (match: Match, agent: string, labels: PathLabels): boolean => {
  const [from, to] = [labels.source && regionOf(labels.source), labels.destination && regionOf(labels.destination)]
  return (
    (match.check === undefined || match.check === labels.check) &&
    (match.target === undefined || match.target === labels.target || match.target === baseTarget(labels.target)) &&
    (match.agent === undefined || match.agent === agent || baseTarget(labels.target) === `agent/${match.agent}`) &&
    (match.from === undefined || isIn(match.from, from)) &&
    (match.to === undefined || isIn(match.to, to)) &&
    (match.place === undefined || isIn(match.place, from) || isIn(match.place, to))
  )
}

export type Matchable = {
  readonly id: string
  readonly key: string
  readonly rules: readonly string[]
  readonly cause: string | null
  readonly severity: 'page' | 'ticket'
  readonly checks: readonly string[]
  readonly targets: readonly string[]
  readonly agents: readonly string[]
  /** Regions at the one end and at the other. */
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** Both together, of each path. */
  readonly links?: readonly (readonly [string, string])[]
}

/** Whether an incident is meant: all of it, so that a silence for one link does not hide that a region is down. */
export const matchesIncident = (match: Match, incident: Matchable): boolean => {
  const all = (wanted: string | undefined, values: readonly string[], fits = (a: string, b: string): boolean => a === b): boolean =>
    wanted === undefined || (values.length > 0 && values.every(value => fits(wanted, value)))
  return (
    (match.incident === undefined || match.incident === incident.id || match.incident === incident.key) &&
    all(match.rule, incident.rules) &&
    (match.cause === undefined || match.cause === incident.cause) &&
    (match.severity === undefined || match.severity === incident.severity) &&
    all(match.check, incident.checks) &&
    all(match.target, incident.targets) &&
    all(match.agent, incident.agents) &&
    all(match.from, incident.from, isIn) &&
    all(match.to, incident.to, isIn) &&
    (match.place === undefined || isAt(match.place, incident))
  )
}

/** Every path of it leaves the place or arrives there. */
const isAt = (place: string, { from, to, links }: Matchable): boolean => {
  if (links && links.length > 0) return links.every(ends => ends.some(end => isIn(place, end)))
  return [from, to].some(regions => regions.length > 0 && regions.every(region => isIn(place, region)))
}
