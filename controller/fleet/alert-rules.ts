/** Alert rules that contradict themselves or each other, or can never fire; routes that nothing takes. */

import type { FleetCheck } from '../../wire/fleet.ts'
import { type AlertRule, defaultRuleNames } from '../../wire/fleet-alerts.ts'
import { nearest } from '../../wire/near.ts'
import type { Steps } from '../../wire/problem.ts'
import type { Finding } from '../../wire/read.ts'
import { layerOfReason } from '../../wire/reasons.ts'
import { formatDuration } from '../../wire/values.ts'
import { timeoutMsOf } from './check-rules.ts'
import {
  type ConditionName,
  covers,
  type Interval,
  intersect,
  isEmpty,
  layersOfKind,
  metrics,
  parseCondition,
  rangeOf,
} from './condition.ts'
import { dayMs, durationProblems } from './duration.ts'
import type { Placed, Sound } from './sound.ts'

const defaultPrefix = 'default/'

export const ruleProblems = ({ value: rule, steps }: Placed<AlertRule>, checks: ReadonlyMap<string, FleetCheck>): Finding[] => {
  const check = rule.on?.check === undefined ? undefined : checks.get(rule.on.check)
  const { intervals, problems } = readConditions(rule, steps)
  return [
    ...nameProblems(rule, steps),
    ...problems,
    ...durationProblems(rule.for, 0, 30 * dayMs, [...steps, 'for']),
    ...durationProblems(rule.keepFiringFor, 0, 30 * dayMs, [...steps, 'keepFiringFor']),
    ...quantileProblems(intervals, [...steps, 'when']),
    ...(check ? kindProblems(rule, check, intervals, [...steps, 'when']) : []),
  ]
}

const nameProblems = (rule: AlertRule, steps: Steps): Finding[] => {
  const known: readonly string[] = defaultRuleNames
  const isDefault = known.includes(rule.name)
  if (rule.name.startsWith(defaultPrefix) && !isDefault) {
    const near = nearest(rule.name, known)
    const message = `no default rule has this name, ${near ? `did you mean ${near}?` : `there are ${known.join(', ')}`}`
    return [{ steps: [...steps, 'name'], message }]
  }
  if (isDefault || !rule.enabled || Object.keys(rule.when ?? {}).length) return []
  return [{ steps, message: 'when is missing: without a condition the rule can never fire' }]
}

type Intervals = { [N in ConditionName]?: Interval }

const readConditions = (rule: AlertRule, steps: Steps): { intervals: Intervals; problems: Finding[] } => {
  const intervals: Intervals = {}
  const problems: Finding[] = []
  for (const name of Object.keys(metrics) as ConditionName[]) {
    const text = rule.when?.[name]
    if (text === undefined) continue
    const at = [...steps, 'when', name]
    const parsed = parseCondition(name, text)
    if (!parsed.ok) problems.push(...parsed.problems.map(message => ({ steps: at, message })))
    else if (isEmpty(parsed.value)) problems.push({ steps: at, message: `${text}: no value is both, the rule can never fire` })
    else if (isEmpty(intersect(parsed.value, rangeOf(name))))
      problems.push({ steps: at, message: `${text}: ${name} is never so, the rule can never fire` })
    else if (covers(parsed.value, rangeOf(name)))
      problems.push({ steps: at, message: `${text}: ${name} is always so, the rule would always fire` })
    else intervals[name] = intersect(parsed.value, rangeOf(name))
  }
  return { intervals, problems }
}

/** A quantile is never above a higher one of the same window. */
const quantileProblems = (intervals: Intervals, steps: Steps): Finding[] =>
  (
    [
      ['p50', 'p95'],
      ['p50', 'p99'],
      ['p95', 'p99'],
    ] as const
  ).flatMap(([lower, upper]) => {
    const [low, high] = [intervals[lower], intervals[upper]]
    if (!low || !high || !isEmpty(intersect({ ...low, high: Number.POSITIVE_INFINITY }, { ...high, low: Number.NEGATIVE_INFINITY })))
      return []
    return [
      { steps: [...steps, upper], message: `${upper} is never below ${lower}: the two conditions contradict, the rule can never fire` },
    ]
  })

const kindProblems = (rule: AlertRule, check: FleetCheck, intervals: Intervals, steps: Steps): Finding[] => {
  const problems: Finding[] = []
  for (const name of Object.keys(intervals) as ConditionName[]) {
    const { kinds } = metrics[name]
    if (kinds && !kinds.includes(check.kind))
      problems.push({
        steps: [...steps, name],
        message: `${check.kind} checks do not measure ${name}, the rule can never fire; ${kinds.join(', ')} do`,
      })
  }
  const timeoutMs = timeoutMsOf(check)
  for (const name of ['p50', 'p95', 'p99'] as const)
    if ((intervals[name]?.low ?? 0) >= timeoutMs) {
      const message = `a run of ${check.name} that takes ${formatDuration(timeoutMs)} is a failure and has no ${name}: the rule can never fire, set a lower limit or a longer timeout`
      problems.push({ steps: [...steps, name], message })
    }
  const layers = layersOfKind[check.kind]
  for (const [index, reason] of (rule.when?.reason ?? []).entries())
    if (!layers.includes(layerOfReason(reason)))
      problems.push({ steps: [...steps, 'reason', index], message: `${check.kind} checks never fail with ${reason}` })
  return problems
}

/** Rules that say the same twice, and routes that do. */
export const twinProblems = ({ rules, routes }: Pick<Sound, 'rules' | 'routes'>): Finding[] => {
  const seen = new Map<string, string>()
  const twins = (steps: Steps, content: unknown, name: string, consequence: string): Finding[] => {
    const id = JSON.stringify(content)
    const before = seen.get(id)
    seen.set(id, before ?? name)
    return before === undefined ? [] : [{ steps, message: `the same as ${before}: ${consequence}` }]
  }
  return [
    ...rules.flatMap(({ value: { name, on = {}, when }, steps }) =>
      when ? twins(steps, [sorted(on), sorted(when)], `the rule ${name}`, 'one fault would be reported twice') : [],
    ),
    ...routes.flatMap(({ value: { severity, rule }, steps }) =>
      twins(steps, ['route', severity, rule], `the route number ${Number(steps.at(-1))}`, 'put all receivers into one'),
    ),
  ]
}

const sorted = (value: object): [string, unknown][] => Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))

/** Receivers that no route leads to, and routes for rules that do not exist. */
export const routeWarnings = ({ receivers, routes }: Pick<Sound, 'receivers' | 'routes'>): Finding[] =>
  receivers.flatMap(({ value: { name }, steps }) =>
    routes.some(({ value }) => value.to.includes(name))
      ? []
      : [{ steps: [...steps, 'name'], message: `no route leads to the receiver ${name}` }],
  )

export const routeProblems = ({ routes }: Pick<Sound, 'routes'>, ruleNames: readonly string[]): Finding[] =>
  routes.flatMap(({ value: { rule }, steps }) => {
    if (rule === undefined || ruleNames.includes(rule)) return []
    const near = nearest(rule, ruleNames)
    return [{ steps: [...steps, 'rule'], message: `there is no rule ${rule}${near ? `, did you mean ${near}?` : ''}` }]
  })
