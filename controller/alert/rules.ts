/** The rules in force: the table of those that ship on, changed and added to by the fleet file, ready to judge by. Pure. */
import type { Layer } from '../../wire/causes.ts'
import { type AlertRule, defaultRuleNames } from '../../wire/fleet-alerts.ts'
import { type FailLayer, type FailReason, failReasons, layerOfReason } from '../../wire/reasons.ts'
import { type ConditionName, type Interval, metrics, parseCondition } from '../fleet/condition.ts'
import { msOf } from '../fleet/duration.ts'
import type { MergedFleet } from '../fleet/merge.ts'
import { type RuleName, type RuleScope, type RuleSeverity, ruleTable } from './default-rules.ts'
import type { Limits } from './series.ts'

export type Rule = {
  readonly name: string
  readonly scope: RuleScope
  readonly severity: RuleSeverity
  readonly limits: Limits
  readonly runbook: string
  readonly on: NonNullable<AlertRule['on']>
  /** All of these; empty for a default rule, which knows itself what it wants. */
  readonly when: readonly (readonly [ConditionName, Interval])[]
  readonly reasons: readonly FailReason[]
  /** Whose fleet document it is in. */
  readonly owner?: string
}

export type Rules = {
  readonly byName: ReadonlyMap<string, Rule>
  /** By the place of a reason in the list, from 1: undefined where its rule is switched off. */
  readonly ofFailure: readonly (Rule | undefined)[]
  /** With conditions of their own: every rule of the fleet file, and default rules that were given some. */
  readonly custom: readonly Rule[]
}

/** What tells only that a budget goes, and not why. */
export const isBurnRule = (rule: string): boolean => rule === 'default/burn-rate' || rule === 'default/slow-burn'

/** Which rule a failure of this reason breaks. */
export const ruleOfReason = (reason: FailReason): RuleName => {
  if (reason === 'packet_loss') return 'default/loss-now'
  if (reason === 'mtu_black_hole') return 'default/black-hole'
  if (reason === 'mtu_below_required') return 'default/path-mtu'
  return ruleOfLayer[layerOfReason(reason)]
}
const ruleOfLayer: { readonly [L in FailLayer]: RuleName } = {
  dns: 'default/unreachable',
  reach: 'default/unreachable',
  path: 'default/path-mtu',
  tcp: 'default/unreachable',
  tls: 'default/tls',
  certificate: 'default/certificate',
  spiffe: 'default/identity',
  'client auth': 'default/identity',
  bundle: 'default/bundle',
  federation: 'default/federation',
  http: 'default/http',
}

/** As causes have it. */
export const layerOfFailure = (reason: FailReason): Layer => {
  const layer = layerOfReason(reason)
  // What ends is a certificate, and the same one that was late before.
  if (reason === 'svid_expired') return 'certificate'
  return layer === 'spiffe' || layer === 'client auth' || layer === 'bundle' ? 'identity' : layer
}

const ofTable = (name: RuleName, given: (AlertRule & { owner: string }) | undefined): Rule => {
  const { scope, severity, for: after, keepFiringFor, bad, of, good, runbook } = ruleTable[name]
  return {
    name,
    scope,
    severity: given?.severity ?? severity,
    limits: { bad, of, good, forMs: msOf(given?.for ?? after), keepMs: msOf(given?.keepFiringFor ?? keepFiringFor) },
    runbook,
    on: given?.on ?? {},
    ...conditionsOf(given),
    ...(given && { owner: given.owner }),
  }
}

const conditionsOf = (rule: AlertRule | undefined): Pick<Rule, 'when' | 'reasons'> => {
  const when = (Object.keys(metrics) as ConditionName[]).flatMap(name => {
    const text = rule?.when?.[name]
    const parsed = text === undefined ? undefined : parseCondition(name, text)
    return parsed?.ok ? [[name, parsed.value] as const] : []
  })
  return { when, reasons: rule?.when?.reason ?? [] }
}

/** A minute that grows is a window by itself: it is judged as often as it does. */
const ofMinutes = { bad: 1, of: 1, good: 1 } as const
const customDefaults = { for: '1m', keepFiringFor: '2m', severity: 'ticket' } as const

const ofFile = (rule: AlertRule & { owner: string }): Rule => ({
  name: rule.name,
  scope: 'path',
  severity: rule.severity ?? customDefaults.severity,
  limits: { ...ofMinutes, forMs: msOf(rule.for ?? customDefaults.for), keepMs: msOf(rule.keepFiringFor ?? customDefaults.keepFiringFor) },
  runbook: 'own_rule',
  on: rule.on ?? {},
  ...conditionsOf(rule),
  owner: rule.owner,
})

export const compileRules = ({ alerts }: Pick<MergedFleet, 'alerts'>): Rules => {
  const given = new Map(alerts.rules.map(rule => [rule.name, rule]))
  const defaults = defaultRuleNames.flatMap(name => (given.get(name)?.enabled === false ? [] : [ofTable(name, given.get(name))]))
  const own = alerts.rules.filter(({ name, enabled }) => enabled && !(defaultRuleNames as readonly string[]).includes(name)).map(ofFile)
  const byName = new Map([...defaults, ...own].map(rule => [rule.name, rule]))
  const lossy = byName.get('default/loss-now')
  const ofFailure = [undefined, ...failReasons].map(reason => {
    if (reason === undefined) return undefined
    // A run that lost too much is one window of a path, as a run without an answer is.
    if (reason === 'packet_loss') return lossy && { ...lossy, limits: { ...lossy.limits, bad: 3, of: 5, good: 5 } }
    return byName.get(ruleOfReason(reason))
  })
  return { byName, ofFailure, custom: [...own, ...defaults.filter(({ when, reasons }) => when.length + reasons.length > 0)] }
}

/** Runs that come seldom are waited for as often: three of five would take a quarter of an hour at one in five minutes. */
export const limitsFor = ({ limits }: Rule, everyMs: number): Limits =>
  everyMs < 60_000 || limits.of <= 3 ? limits : { ...limits, bad: 2, of: 3, good: 2 }
