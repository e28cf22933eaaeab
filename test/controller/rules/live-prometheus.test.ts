/**
 * A Prometheus that scrapes what the controller exports and judges by the exported rules, beside the embedded evaluation on the same windows, as they come: the
 * same paths and links fire, and no others. Both are four times as fast as in earnest.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Evaluation } from '../../../controller/alert/evaluation.ts'
import { compileRules, type Rules } from '../../../controller/alert/rules.ts'
import { Cumulative } from '../../../controller/export/cumulative.ts'
import { renderPaths } from '../../../controller/export/page.ts'
import { openFleet } from '../../../controller/fleet/current.ts'
import { parseFleet } from '../../../controller/fleet/parse.ts'
import { alertName, buildRuleFile } from '../../../controller/rules/prometheus.ts'
import { histogramOf } from '../../../wire/histogram.ts'
import { temporary } from '../../agent/every-kind.ts'
import { freePorts, keepRunning, waitFor } from '../../interop/programs.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { allPaths, minutesOf, openStage, openStore, type Path, type Play, settle, tickMs, touchAll } from '../alert/script.ts'
import { fasterRules } from './faster.ts'

const skip = spawnSync('prometheus', ['--version'], { env: cleanEnv }).error ? 'needs prometheus: apt-get install prometheus' : false
const factor = 4
/** The faults begin when there is something to compare with; both have so long to see them, and so long to see more than there is. */
const [onset, most, more] = [24, 180, 6]

const fleetText = `apiVersion: causeway/v1
owner: platform
checks: [{ name: icmp, kind: icmp, every: 10s }, { name: tcp, kind: tcp, every: 10s }, { name: mtu, kind: mtu, every: 10s }]
mesh: [{ name: all, checks: [icmp, tcp, mtu], policy: full }]
links: [{ from: aws/us-west-2, to: gcp/us-central1, objective: { p95: 45ms } }]
`

const pathOf = (from: string, to: string, check: Path['check']): Path =>
  allPaths.find(path => path.from.id === from && path.to.id === to && path.check === check)!
const echoes = (state: string, value: number) => ({ column: { key: 'icmpPackets', form: 'sum' as const, variant: [state] }, value })
const rtt = (seconds: number) => ({
  column: { key: 'rtt', form: 'times' as const, variant: [] },
  value: histogramOf(Array.from({ length: 10 }, () => seconds)),
})

type Scripted = { path: Path; fires: string[]; play: (isBad: boolean, tick: number) => ReturnType<Play> }
const scripted: Scripted[] = [
  {
    path: pathOf('us-east-1-1', 'eastus-1', 'tcp'),
    fires: ['default/unreachable us-east-1-1 agent/eastus-1'],
    play: isBad => (isBad ? { fail: 1, reason: 'tcp_timeout' } : { ok: 1 }),
  },
  // One in five is not enough for either.
  {
    path: pathOf('us-east-1-2', 'westus-1', 'tcp'),
    fires: [],
    play: (isBad, tick) => (isBad && tick % 5 === 0 ? { fail: 1, reason: 'tcp_timeout' } : { ok: 1 }),
  },
  { path: pathOf('us-west-2-1', 'eastus-2', 'tcp'), fires: [], play: () => ({ ok: 1 }) },
  {
    path: pathOf('westus-1', 'us-central1-1', 'mtu'),
    fires: ['default/black-hole westus-1 agent/us-central1-1/tls'],
    play: isBad => (isBad ? { fail: 1, reason: 'mtu_black_hole' } : { ok: 1 }),
  },
  {
    path: pathOf('us-west-2-2', 'eastus-1', 'tcp'),
    fires: ['default/certificate us-west-2-2 agent/eastus-1'],
    play: isBad => (isBad ? { fail: 1, reason: 'certificate_expired' } : { ok: 1 }),
  },
  {
    path: pathOf('eastus-1', 'us-central1-1', 'icmp'),
    fires: ['default/loss-now', 'default/loss-ratio'].map(rule => `${rule} azure/eastus → gcp/us-central1`),
    play: isBad => ({ ok: 1, cells: [echoes('sent', 400), echoes('received', isBad ? 320 : 400)] }),
  },
  {
    path: pathOf('us-west-2-3', 'us-central1-2', 'tcp'),
    fires: ['default/latency us-west-2-3 agent/us-central1-2'],
    play: isBad => ({ ok: 10, cells: [rtt(isBad ? 0.06 : 0.03)] }),
  },
]
const wanted = scripted
  .flatMap(({ fires }) => fires)
  .map(text => text.replace(/^\S+/, alertName))
  .sort()
const play: Play = (path, tick) => scripted.find(one => one.path === path)?.play(tick >= onset, tick)

/** What fires in the evaluation now. */
const firingHere = ({ paths, alerts, slow, links }: Evaluation, rules: Rules): string[] => {
  const found: string[] = []
  for (let path = 0; path < paths.size; path++) {
    const name = `${paths.agents[path]} ${paths.labels[path]!.target}`
    const badness = alerts.failures.isFiring(path) ? alerts.badnessOf(path, rules) : undefined
    if (badness) found.push(`${alertName(badness.rule.name)} ${name}`)
    if (slow.seriesOf('default/latency').isFiring(path)) found.push(`${alertName('default/latency')} ${name}`)
  }
  for (const rule of ['default/loss-now', 'default/loss-ratio'] as const)
    for (const [link, name] of paths.links.all.entries()) if (links.series[rule].isFiring(link)) found.push(`${alertName(rule)} ${name}`)
  return found
}

type Alert = { state: string; labels: Record<string, string> }
const nameOf = ({ labels }: Alert): string =>
  labels['agent'] === undefined
    ? `${labels['alertname']} ${labels['source_cloud']}/${labels['source_region']} → ${labels['destination_cloud']}/${labels['destination_region']}`
    : `${labels['alertname']} ${labels['agent']} ${labels['target']}`

const servePage = async (t: Test, totals: Cumulative): Promise<string> => {
  const server = createServer(async (_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    for await (const part of renderPaths(totals)) response.write(part)
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What fires there now; undefined where it does not answer. */
const startPrometheus = async (t: Test, target: string): Promise<() => Promise<string[] | undefined>> => {
  const fleet = parseFleet(fleetText)
  if (!fleet.ok) throw new Error('the fleet file is none')
  const folder = temporary(t)
  const [port] = await freePorts(1)
  const [file, rules] = [join(folder, 'prometheus.yaml'), join(folder, 'rules.yaml')]
  writeFileSync(rules, JSON.stringify(fasterRules(buildRuleFile(fleet.value), factor)))
  const job = { job_name: 'controller', scrape_interval: '1s', static_configs: [{ targets: [target] }] }
  writeFileSync(file, JSON.stringify({ scrape_configs: [job], rule_files: [rules] }))
  const words = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`, `--web.listen-address=127.0.0.1:${port}`]
  keepRunning(t, 'prometheus', words, join(folder, 'prometheus.log'))
  return async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/alerts`).catch(() => undefined)
    if (!answer?.ok) return undefined
    const { data } = (await answer.json()) as { data: { alerts: Alert[] } }
    return data.alerts.filter(({ state }) => state === 'firing').map(nameOf)
  }
}

t.setTimeout(900_000)
t.test('a real Prometheus and the evaluation fire on the same paths and links', { skip }, async t => {
  const store = await openStore(t)
  await settle(store, fleetText)
  const stage = await openStage(store)
  stage.play.is = play
  const term = await stage.begin()
  const totals = new Cumulative(10_000)
  const firingThere = await startPrometheus(t, await servePage(t, totals))
  await waitFor('Prometheus', firingThere, 120_000)
  const rules = compileRules((await (await openFleet(store)).refresh()).merged)
  const [here, there] = [new Map<string, number>(), new Map<string, number>()]
  let untilTick = most
  for (stage.clock.tick = 1; stage.clock.tick <= untilTick; stage.clock.tick++) {
    const next = sleep(tickMs / factor)
    for (const { agent, closed } of minutesOf(play, stage.clock.tick)) for (const one of closed) totals.add(agent, one)
    await touchAll(store, stage)
    await term.turn()
    const note = (into: Map<string, number>) => (name: string) => void (into.has(name) || into.set(name, stage.clock.tick))
    firingHere(term.evaluation, rules).forEach(note(here))
    for (const name of (await firingThere()) ?? []) note(there)(name)
    if (untilTick === most && wanted.every(name => here.has(name) && there.has(name))) untilTick = Math.min(most, stage.clock.tick + more)
    await next
  }
  t.strictSame([...here.keys()].sort(), wanted, 'the evaluation')
  t.strictSame([...there.keys()].sort(), wanted, 'Prometheus')
  for (const [name, tick] of here)
    t.comment(`${name}: here after ${(tick - onset) * 10} s, there ${((there.get(name) ?? Number.NaN) - tick) * 10} s later`)
})
