/** Unit tests for `promtool test rules`: each alert that looks at failures of paths fires on them and not on good runs. Pure. */

import { defaultRuleNames } from '../../wire/fleet-alerts.ts'
import type { FailReason } from '../../wire/reasons.ts'
import { ruleTable } from '../alert/default-rules.ts'
import { msOf } from '../fleet/duration.ts'
import { reasonsOfRule } from './default-expressions.ts'
import { type Asked, alertName, alertsOf, type PrometheusAlert } from './prometheus.ts'

type Series = { series: string; values: string }
type AlertTest = {
  eval_time: string
  alertname: string
  exp_alerts: { exp_labels: Record<string, string>; exp_annotations: Record<string, string> }[]
}
export type RuleTests = {
  rule_files: string[]
  evaluation_interval: string
  tests: { name: string; interval: string; input_series: Series[]; alert_rule_test: AlertTest[] }[]
}

const path = {
  agent: 'a-1',
  check: 'mesh',
  kind: 'mtls',
  target: 'payments',
  source_cloud: 'aws',
  source_region: 'us-east-1',
  destination_cloud: 'azure',
  destination_region: 'eastus',
}
const runs = (labels: Record<string, string>): string =>
  `causeway_probe_runs_total{${Object.entries({ ...path, ...labels })
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}}`

/** Good runs for ten minutes, every ten seconds; then failures of one reason, in a series that is born with the first of them. */
const [goodSteps, badSteps] = [60, 60]
const inputOf = (reason: FailReason): Series[] => [
  { series: runs({ outcome: 'ok' }), values: `1+1x${goodSteps} ${goodSteps + 1}x${badSteps}` },
  { series: runs({ outcome: 'fail', error_type: reason }), values: `_x${goodSteps} 1+1x${badSteps}` },
]

const testOf = (alert: PrometheusAlert, reason: FailReason): RuleTests['tests'][number] => {
  const expected = { exp_labels: { ...path, ...alert.labels }, exp_annotations: { ...alert.annotations } }
  return {
    name: `${alert.labels.rule} fires on ${reason}, and not before`,
    interval: '10s',
    input_series: inputOf(reason),
    alert_rule_test: [
      { eval_time: '9m', alertname: alert.alert, exp_alerts: [] },
      { eval_time: '19m', alertname: alert.alert, exp_alerts: [expected] },
    ],
  }
}

/** `ruleFile`: where the rules lie, seen from the tests. Only rules as they ship: what a fleet file changed is for its owner to test. */
export const buildRuleTests = (asked: Asked, ruleFile: string): RuleTests => {
  const changed = new Set(asked.alerts.rules.map(({ name }) => name))
  const alerts = new Map(alertsOf(asked).map(alert => [alert.alert, alert]))
  return {
    rule_files: [ruleFile],
    evaluation_interval: '15s',
    tests: defaultRuleNames.flatMap(name => {
      const [reason] = reasonsOfRule[name] ?? []
      const alert = alerts.get(alertName(name))
      const fitsInTime = msOf(ruleTable[name].for) <= 5 * 60_000
      return reason === undefined || alert === undefined || changed.has(name) || !fitsInTime ? [] : [testOf(alert, reason)]
    }),
  }
}
