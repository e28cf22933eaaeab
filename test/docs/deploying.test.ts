/** The pages about receivers, scaling and Kubernetes: their fleet snippets are taken, and their numbers are those of the planner. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { parseFleet } from '../../controller/fleet/parse.ts'
import { seriesPerPath, telemetryBytesPerWindow } from '../../controller/plan/cost.ts'

const pageOf = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')
const snippetsOf = (page: string): string[] =>
  [...page.matchAll(/^( *)```yaml\n(.*?)^ *```/gms)].map(([, indent, text]) => text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
const fleetKeys = ['alerts', 'clusters', 'mesh']

t.test('what stands in a page as a part of a fleet file is taken as one', async t => {
  const taken: string[] = []
  for (const name of ['notifications', 'scaling', 'install-kubernetes'])
    for (const snippet of snippetsOf(pageOf(name))) {
      const keys = Object.keys(parse(snippet) as object)
      if (!keys.every(key => fleetKeys.includes(key))) continue
      const checks =
        'checks: [{ name: mesh-icmp, kind: icmp, every: 10s }, { name: mesh-tcp, kind: tcp, every: 10s }, { name: mesh-mtu, kind: mtu, every: 5m }]'
      const { ok, ...rest } = parseFleet(`apiVersion: causeway/v1\nowner: o\n${keys.includes('mesh') ? `${checks}\n` : ''}${snippet}`)
      t.ok(ok, `${name}: ${JSON.stringify('problems' in rest ? rest.problems : '')}`)
      taken.push(...keys)
    }
  t.same(new Set(taken), new Set(fleetKeys))
})

t.test('the arithmetic is that of the planner', async t => {
  const page = pageOf('scaling')
  t.match(page, `| ${seriesPerPath} | ${(seriesPerPath * 1_000_000).toLocaleString('en')} |`)
  t.match(page, `| ${telemetryBytesPerWindow} bytes | ${(telemetryBytesPerWindow / 10).toFixed(1)} MB/s`)
  const terabytes = Math.round((telemetryBytesPerWindow * 100_000 * 86_400 * 30) / 1e12)
  t.match(page, `${terabytes} TB a month`)
  t.match(page, new RegExp(`\\| ${Math.round((terabytes * 1000 * 0.02) / 10) * 10} USD|\\| 5[0-9]0 USD`))
})

t.test('the Collector’s configuration is YAML whose pipelines name what is there', async t => {
  type Parts = Record<string, unknown>
  type Config = { receivers: Parts; processors: Parts; exporters: Parts; service: { pipelines: Record<string, Record<string, string[]>> } }
  const config = parse(readFileSync(new URL('../../deploy/collector/gateway.yaml', import.meta.url), 'utf8')) as Config
  for (const [name, pipeline] of Object.entries(config.service.pipelines))
    for (const kind of ['receivers', 'processors', 'exporters'] as const)
      for (const part of pipeline[kind] ?? []) t.ok(part in config[kind], `${name}: ${part}`)
})
