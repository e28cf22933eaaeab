/** The same windows, judged by the embedded evaluation and by Prometheus with the rules that are exported: the same paths fire. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import { alertName, buildRuleFile } from '../../../controller/rules/prometheus.ts'
import { histogramOf } from '../../../wire/histogram.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { allPaths, openStage, openStore, type Path, settle, startMs, tickMs, touchAll, type Window } from '../alert/script.ts'

t.setTimeout(300_000)
const skip = spawnSync('promtool', ['--version'], { env: cleanEnv }).error ? 'needs promtool: apt-get install prometheus' : false

const fleetText = `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }, { name: mtu, kind: mtu, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp, mtu], policy: full }]
links: [{ from: aws/us-west-2, to: gcp/us-central1, objective: { p95: 45ms } }]
`

const [onset, last, daySeconds] = [30, 90, 86_400]
const [notAfter, lifetime] = ['certificateNotAfter', 'certificateLifetime']
const pathOf = (from: string, to: string, check: Path['check']): Path =>
  allPaths.find(path => path.from.id === from && path.to.id === to && path.check === check)!
const gauge = (key: string, value: number) => ({ column: { key, form: 'last' as const, variant: [] }, value })
const echoes = (state: string, value: number) => ({ column: { key: 'icmpPackets', form: 'sum' as const, variant: [state] }, value })
/** Of a certificate of ninety days: thirty are left at the onset. */
const endSeconds = startMs / 1000 + 30 * daySeconds + (onset * tickMs) / 1000
const certificate = [gauge(notAfter, endSeconds), gauge(lifetime, 90 * daySeconds)]

type Script = { path: Path; play: (tick: number) => Window & { p95?: number } }
const rtt = (seconds: number) => ({
  ...{ ok: 10, p95: seconds },
  cells: [{ column: { key: 'rtt', form: 'times' as const, variant: [] }, value: histogramOf(Array.from({ length: 10 }, () => seconds)) }],
})
const scripts: Script[] = [
  {
    path: pathOf('us-east-1-1', 'eastus-1', 'tcp'),
    play: tick => (tick < onset ? { ok: 1 } : { fail: 1, reason: 'tcp_timeout' }),
  },
  // One in five is not enough for either.
  {
    path: pathOf('us-east-1-2', 'westus-1', 'tcp'),
    play: tick => (tick % 5 === 0 && tick >= onset ? { fail: 1, reason: 'tcp_timeout' } : { ok: 1 }),
  },
  { path: pathOf('us-west-2-1', 'eastus-2', 'tcp'), play: () => ({ ok: 1 }) },
  {
    path: pathOf('eastus-1', 'us-central1-1', 'icmp'),
    play: tick => ({ ok: 1, cells: [echoes('sent', 50), echoes('received', tick < onset ? 50 : 40)] }),
  },
  { path: pathOf('westus-1', 'us-central1-1', 'mtu'), play: () => ({ ok: 1, cells: certificate }) },
  { path: pathOf('us-west-2-2', 'us-central1-2', 'tcp'), play: tick => rtt(tick < onset ? 0.03 : 0.06) },
]

/** What fires, and in which tick first. */
const embedded = async (t: Parameters<typeof openStore>[0]): Promise<Map<string, number>> => {
  const store = await openStore(t)
  await settle(store, fleetText)
  const stage = await openStage(store)
  stage.play.is = (path, tick) => scripts.find(one => one.path === path)?.play(tick)
  const { evaluation, turn } = await stage.begin()
  const fired = new Map<string, number>()
  const note = (rule: string, at: string): void => {
    if (!fired.has(`${alertName(rule)} ${at}`)) fired.set(`${alertName(rule)} ${at}`, stage.clock.tick)
  }
  const { paths, alerts, slow, links } = evaluation
  for (stage.clock.tick = 1; stage.clock.tick <= last; stage.clock.tick++) {
    await touchAll(store, stage)
    await turn()
    for (let path = 0; path < paths.size; path++) {
      const name = `${paths.agents[path]} ${paths.labels[path]!.target}`
      if (alerts.failures.isFiring(path)) note('default/unreachable', name)
      if (alerts.values.expiry.isFiring(path)) note('default/certificate-expiry', name)
      if (slow.seriesOf('default/latency').isFiring(path)) note('default/latency', name)
    }
    for (const rule of ['default/loss-now', 'default/loss-ratio'] as const)
      for (const [link, name] of paths.links.all.entries()) if (links.series[rule].isFiring(link)) note(rule, name)
  }
  return fired
}

const metricOf: Readonly<Record<string, string>> = { runs: 'causeway_probe_runs_total', icmpPackets: 'causeway_icmp_packets_total' }

/** As the controller exports them: counters that grow, gauges as they are. Prometheus' tests begin at the time 0. */
const seriesOf = ({ path, play }: Script): Record<string, string> => {
  const { from, to, check, target } = path
  const labels = `agent="${from.id}",check="${check}",kind="${check}",target="${target}",source_cloud="${from.cloud}",source_region="${from.region}",destination_cloud="${to.cloud}",destination_region="${to.region}"`
  const all: Record<string, (number | undefined)[]> = {}
  const put = (name: string, tick: number, value: number, isCount: boolean): void => {
    const values = (all[name] ??= [])
    values[tick] = isCount ? (values.findLast(one => one !== undefined) ?? 0) + value : value
  }
  for (let tick = 0; tick <= last; tick++) {
    const { ok = 0, fail = 0, reason, cells = [], p95 } = play(tick)
    if (ok) put(`${metricOf['runs']}{${labels},outcome="ok"}`, tick, ok, true)
    if (fail) put(`${metricOf['runs']}{${labels},outcome="fail",error_type="${reason}"}`, tick, fail, true)
    if (p95 !== undefined) put(`causeway_probe_rtt_seconds{${labels},quantile="0.95"}`, tick, p95, false)
    for (const { column, value } of cells) {
      if (column.key === 'icmpPackets') put(`${metricOf['icmpPackets']}{${labels},state="${column.variant[0]}"}`, tick, Number(value), true)
      if (column.key === notAfter) put(`causeway_tls_certificate_not_after_seconds{${labels}}`, tick, Number(value) - startMs / 1000, false)
    }
  }
  return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, textOf(values)]))
}

/** A counter stays what it was; before its first value it is not there. */
const textOf = (values: readonly (number | undefined)[]): string => {
  let known: number | undefined
  return Array.from({ length: last + 1 }, (_, tick) => {
    known = values[tick] ?? known
    return known ?? '_'
  }).join(' ')
}

const nameOf = (labels: string): string => {
  const of = (key: string): string => new RegExp(`\\b${key}="([^"]*)"`).exec(labels)?.[1] ?? ''
  const subject =
    of('agent') === ''
      ? `${of('source_cloud')}/${of('source_region')} → ${of('destination_cloud')}/${of('destination_region')}`
      : `${of('agent')} ${of('target')}`
  return `${of('alertname')} ${subject}`
}

/** Asked for nothing at each tick, promtool says what there is instead. */
const prometheus = (t: Parameters<typeof openStore>[0]): Map<string, number> => {
  const fleet = parseFleet(fleetText)
  if (!fleet.ok) throw new Error('the fleet file is none')
  const directory = mkdtempSync(join(tmpdir(), 'causeway-beside-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const ticks = Array.from({ length: last }, (_, index) => index + 1)
  const test = {
    interval: `${tickMs / 1000}s`,
    input_series: scripts.flatMap(one => Object.entries(seriesOf(one)).map(([series, values]) => ({ series, values }))),
    promql_expr_test: ticks.map(tick => ({
      expr: `ALERTS{alertstate="firing"} * ${tick}`,
      eval_time: `${(tick * tickMs) / 1000}s`,
      exp_samples: [],
    })),
  }
  const files = {
    'rules.yaml': buildRuleFile(fleet.value),
    'tests.yaml': { rule_files: ['rules.yaml'], evaluation_interval: '15s', tests: [test] },
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), stringify(content, { lineWidth: 0 }))
  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'tests.yaml'], {
    cwd: directory,
    encoding: 'utf8',
    env: cleanEnv,
    maxBuffer: 2 ** 26,
  })
  const fired = new Map<string, number>()
  for (const [, labels = '', value] of `${stdout}${stderr}`.matchAll(/(\{[^{}\n]*alertname[^{}\n]*\})\s+([\d.E+]+)/g)) {
    const name = nameOf(labels)
    fired.set(name, Math.min(fired.get(name) ?? Number.POSITIVE_INFINITY, Number(value)))
  }
  return fired
}

/** The exported rules look back over two minutes where the evaluation has windows of ten seconds; loss waits for a minute in both. */
const mostTicks = 5

t.test('the same paths and links fire, in Prometheus not much later', { skip }, async t => {
  const [here, there] = [await embedded(t), prometheus(t)]
  t.strictSame([...there.keys()].sort(), [...here.keys()].sort())
  t.strictSame([...new Set([...here.keys()].map(name => name.split(' ')[0]))].sort(), [
    'CausewayCertificateExpiry',
    'CausewayLatency',
    'CausewayLossNow',
    'CausewayLossRatio',
    'CausewayUnreachable',
  ])
  for (const [name, tick] of here) {
    const later = (there.get(name) ?? Number.NaN) - tick
    t.ok(Math.abs(later) <= mostTicks, `${name}: ${later * 10} s later`)
  }
})
