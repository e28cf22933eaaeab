/**
 * The rules in force as a rule file for Prometheus, Mimir, Thanos or VictoriaMetrics, for a fleet that is judged there. Equal in meaning to the embedded
 * evaluation, in spans of minutes where that has windows of ten seconds; incidents, which join paths to one cause, are the controller's own. Pure.
 */
import type { Fleet } from '../../wire/fleet.ts'
import { type AlertRule, defaultRuleNames, defaultRules } from '../../wire/fleet-alerts.ts'
import { parseDurationMs } from '../../wire/values.ts'
import { type RuleName, ruleTable } from '../alert/default-rules.ts'
import { type ConditionName, metrics, parseCondition } from '../fleet/condition.ts'
import { msOf } from '../fleet/duration.ts'
import { defaultExpression, holdsAfterMs } from './default-expressions.ts'
import { anyOf, failuresOf, pathLabels, quoted, recordings, within } from './expressions.ts'
import type { FleetLink } from './fleet-link.ts'

export type PrometheusAlert = {
  alert: string
  expr: string
  for: string
  keep_firing_for?: string
  labels: { severity: 'page' | 'ticket'; rule: string }
  annotations: { summary: string; runbook: string }
}
export type RuleFile = { groups: { name: string; interval: string; rules: ({ record: string; expr: string } | PrometheusAlert)[] }[] }
export type Asked = Pick<Fleet, 'alerts' | 'links' | 'mesh'>

/** Prometheus takes whole units: `90s`, never `1m30s` of ours with fractions. */
const durationOf = (ms: number): string => `${Math.round(ms / 1000)}s`

/** `default/loss-ratio` is `CausewayLossRatio`, `payments-slow` is `PaymentsSlow`. */
export const alertName = (rule: string): string => {
  const words = rule
    .replace(/^default\//, 'causeway-')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
  const name = words.map(word => word[0]!.toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(name) ? name : `Rule${name}`
}

const placeMatchers = (end: 'source' | 'destination', place: string | undefined): string[] => {
  if (place === undefined) return []
  const at = place.indexOf('/')
  return [`${end}_cloud=${quoted(place.slice(0, at))}`, `${end}_region=${quoted(place.slice(at + 1))}`]
}

/** Which paths a rule is about; a mesh is its checks, on agents. An agent's other ports are targets of its name with an ending. */
export const aboutOf = (on: AlertRule['on'], mesh: Asked['mesh']): string => {
  if (!on) return ''
  const checks = on.mesh === undefined ? undefined : mesh.find(({ name }) => name === on.mesh)?.checks
  return [
    ...(on.check === undefined ? [] : [`check=${quoted(on.check)}`]),
    ...(on.target === undefined ? [] : [`target=~${quoted(`${JSON.parse(anyOf([on.target])) as string}(/(tls|mtls|host))?`)}`]),
    ...(checks === undefined ? [] : [`check=~${anyOf(checks)}`, 'target=~"agent/.*"']),
    ...placeMatchers('source', on.from),
    ...placeMatchers('destination', on.to),
  ].join(',')
}

/** All of the conditions at once, on the same path. */
const ownExpression = ({ on, when = {} }: AlertRule, mesh: Asked['mesh']): string | undefined => {
  const about = aboutOf(on, mesh)
  const conditions = (Object.keys(metrics) as ConditionName[]).flatMap(name => {
    const parsed = when[name] === undefined ? undefined : parseCondition(name, when[name])
    return parsed?.ok ? [within(name, parsed.value, about)] : []
  })
  const reasons = when.reason ? [`${failuresOf(when.reason, '2m', about)} > 0`] : []
  const all = [...conditions, ...reasons]
  return all.length === 0 ? undefined : all.map(one => (all.length === 1 ? one : `(${one})`)).join(` and on (${pathLabels}) `)
}

const linksOf = (links: Asked['links']): FleetLink[] =>
  links.map(({ from, to, objective }) => {
    const p95 = objective?.p95 === undefined ? undefined : parseDurationMs(objective.p95)
    const availability = objective?.availability
    return {
      from,
      to,
      objective: { ...(availability !== undefined && { availability }), ...(p95?.ok && { p95Seconds: p95.value / 1000 }) },
    }
  })

const isDefault = (name: string): name is RuleName => (defaultRuleNames as readonly string[]).includes(name)

/** A rule without a word of its own on these: as the embedded evaluation has it. */
const ownDefaults = { for: '1m', keepFiringFor: '2m', severity: 'ticket', runbook: 'own_rule' } as const

const alertOf = (rule: AlertRule, summary: string, expr: string, afterMs = 0): PrometheusAlert => {
  const usual = isDefault(rule.name) ? ruleTable[rule.name] : ownDefaults
  const keepMs = msOf(rule.keepFiringFor ?? usual.keepFiringFor)
  return {
    alert: alertName(rule.name),
    expr,
    for: durationOf(Math.max(0, msOf(rule.for ?? usual.for) - afterMs)),
    ...(keepMs > 0 && { keep_firing_for: durationOf(keepMs) }),
    labels: { severity: rule.severity ?? usual.severity, rule: rule.name },
    annotations: { summary, runbook: `docs/runbooks/${usual.runbook}.md` },
  }
}

/** The annotations of Prometheus are templates: what people wrote must not be one. */
const plain = (text: string): string => text.replaceAll('{{', '{ {')

export const alertsOf = ({ alerts, links, mesh }: Asked): PrometheusAlert[] => {
  const given = new Map(alerts.rules.map(rule => [rule.name, rule]))
  const shipped = defaultRuleNames.flatMap(name => {
    const rule: AlertRule = given.get(name) ?? { name, enabled: true }
    const own = Object.keys(rule.when ?? {}).length > 0 ? ownExpression(rule, mesh) : undefined
    const expr = own ?? defaultExpression(name, linksOf(links), aboutOf(rule.on, mesh))
    return rule.enabled && expr !== undefined ? [alertOf(rule, defaultRules[name], expr, own === undefined ? holdsAfterMs(name) : 0)] : []
  })
  const own = alerts.rules.flatMap(rule => {
    const expr = isDefault(rule.name) ? undefined : ownExpression(rule, mesh)
    return rule.enabled && expr !== undefined ? [alertOf(rule, plain(`rule ${rule.name} of the fleet file`), expr)] : []
  })
  return [...shipped, ...own]
}

/** One group, whose rules are evaluated one after the other: alerts look at what was recorded a moment before, and not one interval before. */
export const buildRuleFile = (asked: Asked): RuleFile => ({
  groups: [{ name: 'causeway', interval: '15s', rules: [...recordings, ...alertsOf(asked)] }],
})
