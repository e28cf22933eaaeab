import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import { alertName, alertsOf, buildRuleFile } from '../../../controller/rules/prometheus.ts'
import { buildRuleTests } from '../../../controller/rules/rule-tests.ts'
import { defaultRuleNames } from '../../../wire/fleet-alerts.ts'
import { cleanEnv } from '../../lab/clean-env.ts'

t.setTimeout(300_000)
const skip = spawnSync('promtool', ['--version'], { env: cleanEnv }).error ? 'needs promtool: apt-get install prometheus' : false

const own = (rules: string): Parameters<typeof alertsOf>[0] => {
  const fleet = parseFleet(`
apiVersion: causeway/v1
owner: test
targets:
  - { name: payments, address: "payments.example:443", location: azure/eastus }
  - { name: a.b, address: "other.example:443" }
checks:
  - { name: mesh-icmp, kind: icmp, every: 10s }
  - { name: payments-tls, kind: tls, every: 30s, targets: [payments, a.b] }
mesh:
  - { name: all, checks: [mesh-icmp], between: region, policy: full }
links:
  - { from: aws/us-east-1, to: azure/eastus, objective: { availability: 99.9, p95: 45ms } }
alerts:
  rules:
${rules}
`)
  if (!fleet.ok) throw new Error(fleet.problems.map(({ message }) => message).join('\n'))
  return fleet.value
}
const everyCondition = own(`
    - { name: slow, on: { check: payments-tls }, when: { p50: "> 100ms", p95: "> 250ms and <= 2s", p99: "> 1s" }, for: 90s, severity: page }
    - { name: lossy, on: { mesh: all }, when: { loss: "> 1%" } }
    - { name: again, on: { target: a.b }, when: { retransmits: ">= 1%", availability: "< 99.9%" } }
    - { name: ends, on: { target: payments, from: aws/us-east-1 }, when: { expiresIn: "< 168h" } }
    - { name: refused, on: { to: azure/eastus }, when: { reason: [tcp_refused, tcp_timeout] } }
    - { name: default/loss-ratio, enabled: false }
    - { name: default/tls, severity: ticket, for: 3m, enabled: true }`)

/** A directory with these files, gone after the test. */
const directoryOf = (t: Test, files: Record<string, unknown>): string => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-rules-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), stringify(content, { lineWidth: 0 }))
  return directory
}

const promtool = (directory: string, command: string, file: string): { status: number | null; said: string } => {
  const { status, stdout, stderr } = spawnSync('promtool', [command, 'rules', file], {
    cwd: directory,
    encoding: 'utf8',
    env: cleanEnv,
    timeout: 280_000,
  })
  return { status, said: stdout + stderr }
}

t.test('every rule that ships on is there under its name, with a runbook, and what a fleet file changes is changed', async t => {
  const alerts = alertsOf(everyCondition)
  const names = alerts.map(({ alert }) => alert)
  for (const name of defaultRuleNames) t.equal(names.includes(alertName(name)), name !== 'default/loss-ratio', name)
  t.equal(new Set(names).size, names.length)
  t.match(
    alerts.find(({ alert }) => alert === 'CausewayTls'),
    { for: '108s', labels: { severity: 'ticket' } },
    'three minutes from the first bad run, of which the expression takes 72 seconds to hold',
  )
  t.match(
    alerts.find(({ alert }) => alert === 'Slow'),
    { for: '90s', keep_firing_for: '120s', labels: { severity: 'page', rule: 'slow' } },
  )
  for (const { annotations } of alerts) t.match(annotations.runbook, /^docs\/runbooks\/\w+\.md$/)
})

t.test('a name that means something in a regular expression means itself', async t => {
  const [again] = alertsOf(everyCondition).filter(({ alert }) => alert === 'Again')
  t.match(again?.expr, 'target=~"a\\\\.b(/(tls|mtls|host))?"')
})

t.test('promtool takes every kind of rule', { skip }, async t => {
  const directory = directoryOf(t, { 'rules.yaml': buildRuleFile(everyCondition) })
  const { status, said } = promtool(directory, 'check', 'rules.yaml')
  t.equal(status, 0, said)
})

t.test('the unit tests that are generated pass', { skip }, async t => {
  const asked = own('    - { name: refused, when: { reason: [tcp_refused] } }')
  const tests = buildRuleTests(asked, 'rules.yaml')
  t.ok(tests.tests.length >= 7)
  const directory = directoryOf(t, { 'rules.yaml': buildRuleFile(asked), 'tests.yaml': tests })
  const { status, said } = promtool(directory, 'test', 'tests.yaml')
  t.equal(status, 0, said)
})

const labels =
  'agent="a",check="payments-tls",kind="tls",target="payments",source_cloud="aws",source_region="us-east-1",destination_cloud="azure",destination_region="eastus"'
const link = labels.replace('check="payments-tls",kind="tls"', 'check="mesh-icmp",kind="icmp"')

/** What each says of these numbers, by Prometheus itself. */
const situations = [
  { alert: 'Ends', at: '5m', fires: true, input: { [`causeway_tls_certificate_not_after_seconds{${labels}}`]: '600000x60' } },
  { alert: 'Ends', at: '5m', fires: false, input: { [`causeway_tls_certificate_not_after_seconds{${labels}}`]: '700000x60' } },
  {
    alert: 'CausewayLossNow',
    at: '12m',
    fires: true,
    input: {
      [`causeway_icmp_packets_total{${link},state="sent"}`]: '0+10x120',
      [`causeway_icmp_packets_total{${link},state="received"}`]: '0+9x120',
    },
  },
  {
    alert: 'CausewayLossNow',
    at: '12m',
    fires: false,
    input: {
      [`causeway_icmp_packets_total{${link},state="sent"}`]: '0+10x120',
      [`causeway_icmp_packets_total{${link},state="received"}`]: '0+10x120',
    },
  },
  {
    alert: 'CausewayRetransmits',
    at: '16m',
    fires: true,
    input: {
      [`causeway_tcp_segments_total{${labels},direction="forward"}`]: '0+100x120',
      [`causeway_tcp_retransmits_total{${labels},direction="forward"}`]: '0+2x120',
    },
  },
  {
    alert: 'CausewayRetransmits',
    at: '16m',
    fires: false,
    input: {
      [`causeway_tcp_segments_total{${labels},direction="forward"}`]: '0+100x120',
      [`causeway_tcp_retransmits_total{${labels},direction="forward"}`]: '0+1x120',
    },
  },
  // Silent ICMP beside TCP that works is a filter, beside TCP that fails it is a fault.
  {
    alert: 'CausewayUnreachable',
    at: '15m',
    fires: false,
    input: {
      [`causeway_probe_runs_total{${link},outcome="fail",error_type="no_reply"}`]: '1+1x120',
      [`causeway_probe_runs_total{${link.replaceAll('icmp', 'tcp')},outcome="ok"}`]: '1+1x120',
    },
  },
  {
    alert: 'CausewayUnreachable',
    at: '15m',
    fires: true,
    input: { [`causeway_probe_runs_total{${link},outcome="fail",error_type="no_reply"}`]: '1+1x120' },
  },
  // A run that measured nothing is neither good nor bad.
  {
    alert: 'CausewayUnreachable',
    at: '15m',
    fires: false,
    input: { [`causeway_probe_runs_total{${labels},outcome="unmeasured",error_type="local_overload"}`]: '1+1x120' },
  },
  { alert: 'CausewayLatency', at: '10m', fires: true, input: { [`causeway_probe_rtt_seconds{${labels},quantile="0.95"}`]: '0.05x120' } },
  { alert: 'CausewayLatency', at: '10m', fires: false, input: { [`causeway_probe_rtt_seconds{${labels},quantile="0.95"}`]: '0.04x120' } },
  {
    alert: 'CausewayBurnRate',
    at: '90m',
    fires: true,
    input: {
      [`causeway_probe_runs_total{${labels},outcome="ok"}`]: '0+9x600',
      [`causeway_probe_runs_total{${labels},outcome="fail",error_type="tcp_timeout"}`]: '0+1x600',
    },
  },
  // One in thirty runs of five minutes is 33 times too fast, and one failure.
  {
    alert: 'CausewayBurnRate',
    at: '90m',
    fires: false,
    input: {
      [`causeway_probe_runs_total{${labels},outcome="ok"}`]: '0+1x600',
      [`causeway_probe_runs_total{${labels},outcome="fail",error_type="tcp_timeout"}`]: '0x530 1x70',
    },
  },
] as const

t.test('Prometheus fires on what the limits say, and on nothing else', { skip }, async t => {
  const tests = situations.map(({ alert, at, fires, input }, index) => ({
    name: `${index}: ${alert} ${fires ? 'fires' : 'does not fire'}`,
    interval: '10s',
    input_series: Object.entries(input).map(([series, values]) => ({ series, values })),
    // What fires is counted: which labels it has is the matter of other tests.
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
        eval_time: at,
        exp_samples: [{ labels: '{}', value: fires ? 1 : 0 }],
      },
    ],
  }))
  const directory = directoryOf(t, {
    'rules.yaml': buildRuleFile(everyCondition),
    'tests.yaml': { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests },
  })
  const { status, said } = promtool(directory, 'test', 'tests.yaml')
  t.equal(status, 0, said)
})

t.test('the file is YAML that says the same when it is read', async t => {
  const file = buildRuleFile(everyCondition)
  t.same(parse(stringify(file, { lineWidth: 0 })), JSON.parse(JSON.stringify(file)))
})
