/** The dashboards ask for metrics and labels that there are, in PromQL that Prometheus reads. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments, stringify } from 'yaml'
import { openCounters } from '../../controller/metrics.ts'
import { pathMeasures, selfMeasures } from '../../wire/metrics.ts'
import { prometheusLabel, prometheusName } from '../../wire/prometheus-names.ts'
import { cleanEnv } from '../lab/clean-env.ts'

const grafana = new URL('../../deploy/grafana/dashboards/', import.meta.url)
const rules = new URL('../../deploy/kubernetes/overlays/monitoring/rules.yaml', import.meta.url)
const files = readdirSync(grafana).filter(name => name.endsWith('.json'))

type Dashboard = {
  uid: string
  panels: { id: number; title: string; targets: { expr: string }[] }[]
  templating: { list: { name: string; query: string | { query: string } }[] }
}
type Group = { name: string; rules: { alert: string; expr: string }[] }

const dashboards = files.map(name => ({ name, board: JSON.parse(readFileSync(new URL(name, grafana), 'utf8')) as Dashboard }))
const ruleGroups = (parseAllDocuments(readFileSync(rules, 'utf8'))[0]!.toJS() as { spec: { groups: Group[] } }).spec.groups
const queriesOf = ({ panels, templating }: Dashboard): string[] => [
  ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...templating.list.map(({ query }) => (typeof query === 'string' ? query : query.query)),
]
const queries = [
  ...dashboards.flatMap(({ board }) => queriesOf(board)),
  ...ruleGroups.flatMap(group => group.rules.map(({ expr }) => expr)),
]

/** With what the form of each adds. */
const knownMetrics = async (): Promise<Set<string>> => {
  const measures = Object.values({ ...pathMeasures, ...selfMeasures }).flatMap(measure => {
    const name = prometheusName(measure)
    return measure.form === 'times' ? [name, `${name}_sum`, `${name}_count`] : [name]
  })
  const own = (await openCounters().registry.getMetricsAsJSON()).map(({ name }) => name)
  return new Set([...measures, ...own])
}

const knownLabels = new Set([
  ...Object.values({ ...pathMeasures, ...selfMeasures }).flatMap(({ by }) => by.map(prometheusLabel)),
  ...['check', 'kind', 'target', 'agent', 'source_cloud', 'source_region', 'destination_cloud', 'destination_region', 'quantile'],
  // Of the controller itself, and of Kubernetes.
  ...['receiver', 'outcome', 'state', 'pod'],
])

t.test('every metric of every query is one that is exported', async t => {
  const known = await knownMetrics()
  const named = queries.flatMap(query => query.match(/\bcauseway_\w+/g) ?? [])
  t.ok(named.length > 30)
  for (const name of new Set(named)) t.ok(known.has(name), name)
})

t.test('every label too', async t => {
  const selected = queries.flatMap(query => [...query.matchAll(/[{,]\s*(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label!))
  const grouped = queries.flatMap(query => [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/)))
  for (const label of new Set([...selected, ...grouped])) t.ok(knownLabels.has(label), label)
})

t.test('each dashboard has an id of its own, and so has each panel', async t => {
  t.strictSame(files.sort(), ['fleet.json', 'identity.json', 'link.json'])
  t.equal(new Set(dashboards.map(({ board }) => board.uid)).size, files.length)
  for (const { name, board } of dashboards) t.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length, name)
})

const skip = spawnSync('promtool', ['--version'], { env: cleanEnv }).error ? 'needs promtool: apt-get install prometheus' : false

t.test('promtool reads every query and every rule', { skip }, async t => {
  const panels = dashboards.flatMap(({ board }) => board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))
  const records = panels.map((expr, index) => ({ record: `dashboards:query${index}`, expr: expr.replaceAll(/\$\w+/g, '.*') }))
  const groups = [{ name: 'dashboards', rules: records }, ...ruleGroups]
  const directory = mkdtempSync(join(tmpdir(), 'causeway-rules-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'rules.yml')
  writeFileSync(file, stringify({ groups }))
  const { status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8', env: cleanEnv })
  t.equal(status, 0, stderr)
})
