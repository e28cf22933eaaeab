/** Everything that is wrong now, as findings: faults of paths by localisation, then links, agents and clusters, each said once. */

import { regionOf } from '../fleet/select.ts'
import { localise } from '../localise/localise.ts'
import { contains, type Place } from '../localise/place.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import { type AgentFinding, judgeIdentityPlanes } from './agent-alerts.ts'
import type { Evaluation } from './evaluation.ts'
import { type BadPath, findingOfFault, findingsOfRest } from './fault-finding.ts'
import type { Finding } from './incident.ts'
import { lateFindings } from './late-findings.ts'
import { linkRules } from './link-alerts.ts'
import { placeLone } from './lone-paths.ts'
import { findingOfAgents, findingOfIdentityPlane, findingOfLink, joinFindings } from './other-findings.ts'
import { type Badness, windowMs } from './path-alerts.ts'
import { verdictOf } from './path-verdicts.ts'
import { latencyRule } from './slow-alerts.ts'
import type { Surroundings } from './surroundings.ts'

type Changed = (finding: Finding) => string[]

export const findWrong = (evaluation: Evaluation, around: Surroundings, changed: Changed): Finding[] => {
  evaluation.verdicts.renew(around.agents, evaluation.fleetwise.targets)
  const failures = localised(
    evaluation,
    around,
    path => evaluation.alerts.badnessOf(path, around.rules),
    (path, world) => evaluation.alerts.verdictOf(path, world),
  )
  const late = lateFindings(evaluation, around)
  const slow = [...evaluation.slow.names()].flatMap(name => slowFindings(evaluation, around, name))
  const others = [...late, ...slow, ...linkFindings(evaluation, around), ...agentFindings(evaluation, around, failures)]
  const home = around.location && regionOf(around.location)
  return gather(failures, others, home).map(finding => ({ ...finding, changed: changed(finding) }))
}

type World = ReturnType<Evaluation['world']>
type Facts = (path: number) => string | undefined

const localised = (
  evaluation: Evaluation,
  around: Surroundings,
  badnessOf: (path: number) => Badness | undefined,
  stateOf: (path: number, world: World) => PathVerdict['verdict'],
  factOf: Facts = () => undefined,
): Finding[] => {
  const { paths, verdicts, diagnoses, fleetwise, alerts } = evaluation
  const world = evaluation.world(around)
  const bad = new Map<string, BadPath>()
  const all: PathVerdict[] = []
  let isAny = false
  for (let path = 0; path < paths.size; path++) if (paths.labels[path] && badnessOf(path)) isAny = true
  if (!isAny) return []
  for (let path = 0; path < paths.size; path++) {
    const labels = paths.labels[path]
    if (!labels) continue
    const constant = verdicts.of(path, around.agents, fleetwise.targets)
    const badness = badnessOf(path)
    const diagnosis = badness && diagnoses.of(constant.path)
    const verdict = verdictOf(constant, {
      verdict: badness ? 'bad' : stateOf(path, world),
      ...(badness && { badness }),
      ...(diagnosis?.direction && { direction: diagnosis.direction }),
    })
    all.push(verdict)
    if (!badness) continue
    const owners = [...fleetwise.ownersOf(labels.check, labels.target), ...(badness.rule.owner === undefined ? [] : [badness.rule.owner])]
    const fact = factOf(path)
    const end = alerts.endOf(path, around.nowMs)
    const certificate = end && evaluation.endings.of(constant.path, end.endsMs)
    bad.set(constant.path, {
      verdict,
      badness,
      ...(diagnosis && { diagnosis }),
      mtu: alerts.mtuOf(path),
      ...(end && { ending: { ...end, ...(certificate && { certificate }) } }),
      owners,
      ...(fact !== undefined && { fact }),
    })
  }
  const { faults: many, unexplained } = localise(all)
  const { faults: lone, rest } = placeLone(all, unexplained)
  const faults = [...many, ...lone]
  const found = faults.flatMap(fault => {
    const within = fault.explains.length + fault.against.length + fault.unknown
    return findingOfFault(fault, { bad, changed: [], within, nowMs: around.nowMs }) ?? []
  })
  return [...found, ...findingsOfRest(rest, { bad, changed: [], within: 0, nowMs: around.nowMs })]
}

const ms = (seconds: number): string => `${Number((seconds * 1000).toPrecision(3))} ms`

/** Rules that judge paths that answer: each is localised by itself, since what it says good of others do not. */
const slowFindings = (evaluation: Evaluation, around: Surroundings, name: string): Finding[] => {
  const rule = around.rules.byName.get(name)
  if (!rule) return []
  const { slow } = evaluation
  const series = slow.seriesOf(name)
  const factOf = (path: number): string | undefined => {
    const [p95, base] = [slow.p95.get(path), slow.base.get(path)]
    if (name !== latencyRule) return `the rule ${name} is broken`
    return p95 === undefined ? undefined : `p95 is ${ms(p95)}${base === undefined ? '' : `, ${ms(base)} is usual`}`
  }
  const badnessOf = (path: number): Badness | undefined =>
    series.isBad(path) && !evaluation.alerts.isBad(path)
      ? { rule, severity: rule.severity, layer: 'reach', isFiring: series.isFiring(path), sinceMs: series.sinceMs(path) - windowMs }
      : undefined
  const found = localised(
    evaluation,
    around,
    badnessOf,
    (path, world) => (series.isDefault(path) ? evaluation.alerts.verdictOf(path, world) : 'unknown'),
    factOf,
  )
  return found.map(finding => ({
    ...finding,
    key: `${name === latencyRule ? 'slow' : name}:${finding.key}`.slice(0, 120),
    ...(name !== latencyRule && { title: `${finding.placeText}: ${name}`, cause: null, what: 'own_rule' }),
  }))
}

const linkFindings = ({ links, paths }: Evaluation, { rules, fleet }: Surroundings): Finding[] =>
  linkRules.flatMap(name => {
    const [rule, series] = [rules.byName.get(name), links.series[name]]
    if (!rule) return []
    return paths.links.all.flatMap((link, number) => {
      if (!series.isBad(number)) return []
      const owners = fleet.links.filter(({ from, to }) => `${from} → ${to}` === link).map(({ owner }) => owner)
      const known = { last: links.lastOf(number, name), usual: links.usualOf(number, name) }
      return [
        findingOfLink({
          link,
          name,
          rule,
          isFiring: series.isFiring(number),
          sinceMs: series.sinceMs(number) - windowMs,
          owners,
          ...known,
        }),
      ]
    })
  })

const agentFindings = (
  evaluation: Evaluation,
  { rules, agents, location, nowMs }: Surroundings,
  failures: readonly Finding[],
): Finding[] => {
  const lost = evaluation.agentFindings().flatMap(found => {
    if (found.kind === 'isolated' && isSeenFromHere(found, failures, location && regionOf(location))) return []
    const finding = findingOfAgents(found, rules.byName.get('default/agent-lost'), nowMs)
    const regions = found.agents.map(agent => agents.get(agent)).flatMap(agent => (agent ? [regionOf(agent.location)] : []))
    return finding ? [{ ...finding, from: [...new Set(regions)] }] : []
  })
  // Workloads without an identity are what the rule of identities is about.
  if (!rules.byName.has('default/identity')) return lost
  const planes = judgeIdentityPlanes(
    [...agents.values()].filter(({ state }) => state === 'live'),
    agent => evaluation.hasIdentity(agent),
  )
  const known = evaluation.planes()
  return [...lost, ...planes.flatMap(plane => (known.has(plane.cluster) ? [findingOfIdentityPlane(plane, known.get(plane.cluster)!)] : []))]
}

/** Agents on this side see the same cut as a fault of the link: that is the one incident. */
const isSeenFromHere = (
  found: Extract<AgentFinding, { kind: 'isolated' }>,
  failures: readonly Finding[],
  home: string | undefined,
): boolean =>
  failures.some(
    ({ layer, from, to }) =>
      (layer === 'reach' || layer === 'tcp') &&
      (home === undefined || [...from, ...to].includes(home)) &&
      [...from, ...to].some(one => found.regions.includes(one)),
  )

/** The same key is the same incident; what is narrower joins what is wider, where the wider one is the lower fault. */
const gather = (failures: readonly Finding[], others: readonly Finding[], home: string | undefined): Finding[] => {
  const byKey = new Map<string, Finding>()
  const put = (finding: Finding): void => {
    const same = byKey.get(finding.key)
    byKey.set(finding.key, same ? joinFindings(same, finding) : finding)
  }
  for (const finding of failures) put(finding)
  for (const finding of others) {
    const wider =
      finding.place &&
      [...byKey.values()].find(
        one => one.place && one.key !== finding.key && failures.some(({ key }) => key === one.key) && covers(one, finding, home),
      )
    if (wider) byKey.set(wider.key, joinFindings(wider, finding))
    else put(finding)
  }
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** A region that loses its packets loses those to the controller too, whichever way the others saw it: its agents are not lost besides. */
const explainsSilence = ({ place, layer }: Finding, silent: Place): boolean =>
  (layer === 'reach' || layer === 'tcp') &&
  place !== undefined &&
  'direction' in place &&
  'direction' in silent &&
  contains(place, { ...silent, direction: place.direction })

/** A link that is cut both ways, with this controller at one end: nobody hears of those at the other. Where it does not know where it is, it may be either. */
const isBehind = ({ place, layer }: Finding, lost: readonly string[], home: string | undefined): boolean => {
  if ((layer !== 'reach' && layer !== 'tcp') || place?.kind !== 'link' || !place.both) return false
  const { from, to } = place
  return (
    lost.length === 1 &&
    ((lost[0] === to && home !== to) || (lost[0] === from && home !== from)) &&
    (home === undefined || home === from || home === to)
  )
}

const covers = (wider: Finding, narrower: Finding, home: string | undefined): boolean => {
  if (!wider.place || !narrower.place || narrower.what === 'blind' || narrower.layer === 'certificate') return false
  if (narrower.what === 'agent_lost') return explainsSilence(wider, narrower.place) || isBehind(wider, narrower.from, home)
  if (wider.layer === 'certificate' || wider.layer === 'identity' || wider.layer === 'federation' || wider.layer === 'http') return false
  return (
    contains(wider.place, narrower.place) ||
    (narrower.place.kind === 'link' &&
      'from' in wider.place &&
      wider.place.from === narrower.place.to &&
      wider.place.to === narrower.place.from)
  )
}
