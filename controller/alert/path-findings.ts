/** What is wrong with paths, as findings: the bad ones are localised, and each place is said once with all that is known of it. */
import { localise } from '../localise/localise.ts'
import type { PathVerdict } from '../localise/verdict.ts'
import type { Badness } from './badness.ts'
import type { AgentDiagnosis } from './diagnoses.ts'
import type { Evaluation } from './evaluation.ts'
import { type BadPath, findingOfFault, findingsOfRest } from './fault-finding.ts'
import type { Finding } from './incident.ts'
import { placeLone } from './lone-paths.ts'
import { verdictOf } from './path-verdicts.ts'
import { type PathWorld, worldOf } from './path-world.ts'
import { fallenWay, sayFall } from './say-mtu.ts'
import { good } from './series.ts'
import type { Surroundings } from './surroundings.ts'

/** Paths that fail. */
export const failureFindings = (evaluation: Evaluation, around: Surroundings): Finding[] =>
  localised(
    evaluation,
    around,
    path => evaluation.alerts.badnessOf(path, around.rules),
    (path, world) => evaluation.alerts.verdictOf(path, world),
    {
      factOf: (path, badness) => (isFall(badness) ? sayFall(evaluation.alerts.values.mtuOf(path)) : undefined),
      isHealing: (path, badness) => badness.reason !== undefined && evaluation.alerts.windowOf(path) === good,
    },
  )

/** A path that carries less than it did, and fails in no other way. */
const isFall = (badness: Badness | undefined): boolean => badness?.rule.name === 'default/path-mtu' && badness.reason === undefined

/** Of a path that is bad: had TCP answered beside it, its silence would not count. What its agent thought before TCP failed too is no cause. */
const isOutdated = ({ cause }: AgentDiagnosis): boolean => cause === 'icmp_filtered'

type Known = {
  factOf: (path: number, badness: Badness) => string | undefined
  isHealing: (path: number, badness: Badness) => boolean
}

export const localised = (
  evaluation: Evaluation,
  around: Surroundings,
  badnessOf: (path: number) => Badness | undefined,
  stateOf: (path: number, world: PathWorld) => PathVerdict['verdict'],
  { factOf, isHealing }: Known,
): Finding[] => {
  const { paths, verdicts, diagnoses, fleetwise, alerts } = evaluation
  const world = worldOf(evaluation, around)
  const bad = new Map<string, BadPath>()
  const all: PathVerdict[] = []
  if (!paths.labels.some((labels, path) => labels && badnessOf(path))) return []
  for (let path = 0; path < paths.size; path++) {
    const labels = paths.labels[path]
    if (!labels) continue
    const constant = verdicts.of(path, around.agents, fleetwise)
    const badness = badnessOf(path)
    const told = badness && diagnoses.of(constant.path)
    const diagnosis = told && !isOutdated(told) ? told : undefined
    const mtu = alerts.values.mtuOf(path)
    const direction = diagnosis?.direction ?? (isFall(badness) ? fallenWay(mtu) : undefined)
    const verdict = verdictOf(constant, {
      verdict: badness ? 'bad' : stateOf(path, world),
      ...(badness && { badness }),
      ...(direction && { direction }),
    })
    all.push(verdict)
    if (!badness) continue
    const owners = [...fleetwise.ownersOf(labels.check, labels.target), ...(badness.rule.owner === undefined ? [] : [badness.rule.owner])]
    const fact = factOf(path, badness)
    const end = alerts.values.endOf(path, around.nowMs)
    const certificate = end && evaluation.endings.of(constant.path, end.endsMs)
    bad.set(constant.path, {
      verdict,
      badness,
      ...(diagnosis && { diagnosis }),
      mtu,
      isHealing: isHealing(path, badness),
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
    return findingOfFault(fault, { bad, within, nowMs: around.nowMs }) ?? []
  })
  return [...found, ...findingsOfRest(rest, { bad, within: 0, nowMs: around.nowMs })]
}
