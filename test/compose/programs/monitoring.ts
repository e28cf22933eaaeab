/**
 * The profile "monitoring" without an engine: `node monitoring.ts <folder>` as the first process of namespaces of its own, where this machine has the addresses of
 * docker-compose.yml and the folder is /sim. A controller, one agent that answers at the addresses of all but one, Debian's Prometheus and Alertmanager with the files of deploy/
 * as they are. Prints a line for what was seen, one JSON object each, and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cloudNames } from '../../../deploy/sim/clouds/clouds.ts'
import { containerLayout } from '../../../deploy/sim/clouds/containers.ts'
import { files } from '../../../deploy/sim/clouds/folder.ts'
import { setUp } from '../../../deploy/sim/clouds/setup.ts'
import { waitFor } from '../../interop/programs.ts'
import { probe } from '../../lab/probe-in.ts'

const folder = process.argv[2]!
const prometheus = 'http://10.94.0.20:9090'
const alertmanager = 'http://10.94.0.21:9093'
const patienceMs = 240_000
const deploy = (path: string): string => fileURLToPath(new URL(`../../../deploy/${path}`, import.meta.url))
const say = (saw: object): unknown => process.stdout.write(`${JSON.stringify(saw)}\n`)

const start = (name: string, words: readonly string[]): ChildProcess => {
  const log = openSync(join(folder, `${name}.log`), 'a')
  return spawn(words[0]!, words.slice(1), { stdio: ['ignore', log, log] })
}
const startProbe = (name: string, ...words: string[]): ChildProcess => start(name, [process.execPath, probe, ...words])

await setUp({
  folder,
  layout: containerLayout,
  nowMs: Date.now(),
  dataOf: who => join(folder, 'data', who),
  controllerNames: [],
  agentListen: '0.0.0.0:9464',
})
startProbe('controller', 'controller', '--config', join(folder, files.controller), '--admin-token-file', join(folder, 'admin-token'))
startProbe('agent', 'agent', '--config', join(folder, files.agent('aws-1')))
start('prometheus', [
  'prometheus',
  `--config.file=${deploy('prometheus/prometheus.yml')}`,
  `--storage.tsdb.path=${join(folder, 'tsdb')}`,
  `--web.listen-address=${new URL(prometheus).host}`,
])
start('alertmanager', [
  'prometheus-alertmanager',
  `--config.file=${deploy('alertmanager/alertmanager.yml')}`,
  `--storage.path=${join(folder, 'alertmanager')}`,
  `--web.listen-address=${new URL(alertmanager).host}`,
  '--cluster.listen-address=',
])

const getJson = async <T>(url: string): Promise<T | undefined> => {
  try {
    return (await (await fetch(url)).json()) as T
  } catch {
    return undefined
  }
}
type Samples = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }
const ask = async (query: string) =>
  (await getJson<Samples>(`${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`))?.data.result ?? []
type Alert = { labels: Record<string, string>; annotations: Record<string, string> }
/** What Alertmanager was sent and has not been told the end of. */
const alertsOf = async (name: string): Promise<Alert[] | undefined> => {
  const found = ((await getJson<Alert[]>(`${alertmanager}/api/v2/alerts?active=true`)) ?? []).filter(
    ({ labels }) => labels['alertname'] === name,
  )
  return found.length > 0 ? found : undefined
}

/** All but one agent, whose address is nowhere. */
const wanted = 2 * cloudNames.length
const up = await waitFor(
  'page of every target',
  async () => {
    const all = await ask('up == 1')
    return all.length === wanted ? all.map(({ metric }) => `${metric['job']} ${metric['instance']}`) : undefined
  },
  patienceMs,
)
say({ up: up.toSorted() })
const live = await waitFor(
  'agent on the controller’s page',
  async () => (await ask('causeway_controller_agents{state="live"} == 1'))[0],
  patienceMs,
)
say({ live: live.value[1] })
say({ fails: await waitFor('CausewayCheckFails', () => alertsOf('CausewayCheckFails'), patienceMs) })
say({ down: await waitFor('CausewayAgentDown', () => alertsOf('CausewayAgentDown'), patienceMs) })
process.exit(0)
