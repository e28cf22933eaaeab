/** What is wrong with paths, as findings: the bad ones are localised, and each place is said once with all that is known of it. */
import { localise } from '../localise/localise.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import { windowMs } from './badness.ts'
import type { Evaluation } from './evaluation.ts'
import { type BadPath, findingOfFault, findingsOfRest } from './fault-finding.ts'
import type { Finding } from './incident.ts'
import { placeLone } from './lone-paths.ts'
import { verdictOf } from './path-verdicts.ts'
import { type PathWorld, worldOf } from './path-world.ts'
import { latencyRule } from './slow-alerts.ts'
import type { Surroundings } from './surroundings.ts'

/** Paths that fail. */
export const failureFindings = (evaluation: Evaluation, around: Surroundings): Finding[] =>
  localised(
    evaluation,
    around,
    path => evaluation.alerts.badnessOf(path, around.rules),
    (path, world) => evaluation.alerts.verdictOf(path, world),
  )

type Facts = (path: number) => string | undefined

const localised = (
  evaluation: Evaluation,
  around: Surroundings,
  badnessOf: (path: number) => Badness | undefined,
  stateOf: (path: number, world: PathWorld) => PathVerdict['verdict'],
  factOf: Facts = () => undefined,
): Finding[] => {
  const { paths, verdicts, diagnoses, fleetwise, alerts } = evaluation
  const world = worldOf(evaluation, around)
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
    bad.set(constant.path, {
      verdict,
      badness,
      ...(diagnosis && { diagnosis }),
      mtu: alerts.values.mtuOf(path),
      owners,
      ...(fact !== undefined && { fact }),
    })
  }
  const { faults: many, unexplained } = localise(all)
  const { faults: lone, rest } = placeLone(all, unexplained)
  const faults = [...many, ...lone]
  const found = faults.flatMap(fault => {
    const within = fault.explains.length + fault.against.length + fault.unknown
    return findingOfFault(fault, { bad, changed: [], within }) ?? []
  })
  return [...found, ...findingsOfRest(rest, { bad, changed: [], within: 0 })]
}

const ms = (seconds: number): string => `${Number((seconds * 1000).toPrecision(3))} ms`

/** Rules that judge paths that answer: each is localised by itself, since what it says good of others do not. */
export const slowFindings = (evaluation: Evaluation, around: Surroundings, name: string): Finding[] => {
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
