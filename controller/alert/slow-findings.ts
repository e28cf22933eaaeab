/** What is wrong with paths that answer: slower than is usual or allowed, or against a rule of the fleet file. Each rule is localised by itself. */
import { type Badness, windowMs } from './badness.ts'
import type { Evaluation } from './evaluation.ts'
import type { Finding } from './incident.ts'
import { localised } from './path-findings.ts'
import { sayRule, saySlow } from './say-slow.ts'
import { latencyRule } from './slow-alerts.ts'
import type { Surroundings } from './surroundings.ts'

/** What these rules say good of, others do not: so each stands alone. */
export const slowFindings = (evaluation: Evaluation, around: Surroundings, name: string): Finding[] => {
  const rule = around.rules.byName.get(name)
  if (!rule) return []
  const { slow } = evaluation
  const series = slow.seriesOf(name)
  const say = sayer(evaluation, around, name)
  const badnessOf = (path: number): Badness | undefined =>
    series.isBad(path) && !evaluation.alerts.isBad(path)
      ? { rule, severity: rule.severity, layer: 'reach', isFiring: series.isFiring(path), sinceMs: series.sinceMs(path) - windowMs }
      : undefined
  const found = localised(
    evaluation,
    around,
    badnessOf,
    (path, world) => (series.isDefault(path) ? evaluation.alerts.verdictOf(path, world) : 'unknown'),
    { factOf: path => say([path]), isHealing: path => series.isRecovering(path) },
  )
  if (found.length === 0) return []
  const numbers = new Map(
    evaluation.paths.labels.flatMap((labels, path) => (labels && series.isBad(path) ? [[evaluation.idOf(path), path]] : [])),
  )
  return found.map(finding => worded(finding, name, say(finding.subjects.flatMap(id => numbers.get(id) ?? []))))
}

type Say = (paths: readonly number[]) => string | undefined

/** One sentence for all of them: how slow they are, or what the rule saw. */
const sayer = ({ slow }: Evaluation, { rules, fleet }: Surroundings, name: string): Say => {
  const timesOf = (path: number) => ({ p95: slow.p95.get(path), base: slow.base.get(path), objective: slow.objectiveOf(path, fleet) })
  if (name === latencyRule) return paths => saySlow(paths.map(timesOf))
  const rule = rules.byName.get(name)!
  return paths => {
    const measured = paths.map(path => slow.measuredBy(name, path))
    return sayRule(rule, measured)
  }
}

/** A rule of the fleet file is called by its name; of what is slow, an agent may know the cause. */
const worded = (finding: Finding, name: string, text: string | undefined): Finding => {
  if (name === latencyRule)
    return {
      ...finding,
      key: `slow:${finding.key}`.slice(0, 120),
      ...(finding.cause === null && text !== undefined && { title: `${finding.placeText}: ${text}` }),
    }
  const title = `${finding.placeText}: ${name}${text === undefined ? '' : `, ${text}`}`
  return { ...finding, key: `${name}:${finding.key}`.slice(0, 120), title, cause: null, what: 'own_rule' }
}
