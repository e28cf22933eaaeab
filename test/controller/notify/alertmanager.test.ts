/** Debian's Alertmanager: it takes what is sent, groups it, is told again, and tells on what is over. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { freePorts, keepRunning, waitFor } from '../../interop/programs.ts'
import { cleanEnv } from '../../lab/clean-env.ts'
import { aNotification } from './a-page.ts'
import { openNotifying } from './notifying.ts'
import { startSink } from './sink.ts'

const program = 'prometheus-alertmanager'
const skip = spawnSync(program, ['--version'], { env: cleanEnv }).error
  ? `needs ${program}: apt-get install prometheus-alertmanager`
  : false

t.setTimeout(120_000)

type Told = {
  status: string
  groupLabels: Record<string, string>
  alerts: { status: string; labels: Record<string, string>; annotations: Record<string, string> }[]
}

const startAlertmanager = async (t: Test, hook: string): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-am-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const [port] = await freePorts(1)
  const config = join(directory, 'am.yml')
  const route = '{ receiver: hook, group_by: [place], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }'
  writeFileSync(config, `route: ${route}\nreceivers:\n  - name: hook\n    webhook_configs: [{ url: "${hook}", send_resolved: true }]\n`)
  const flags = [
    `--config.file=${config}`,
    `--storage.path=${directory}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]
  keepRunning(t, program, flags, join(directory, 'log'))
  const url = `http://127.0.0.1:${port}`
  await waitFor('Alertmanager', async () => (await statusOf(`${url}/-/ready`)) === 200 || undefined)
  return url
}

const statusOf = async (url: string): Promise<number | undefined> => {
  try {
    const { statusCode, body } = await request(url)
    await body.dump()
    return statusCode
  } catch {
    return undefined
  }
}

const alertsOf = async (url: string): Promise<{ labels: Record<string, string>; endsAt: string; startsAt: string }[]> => {
  const { body } = await request(`${url}/api/v2/alerts`)
  return (await body.json()) as never
}

t.test('Alertmanager', { skip }, async t => {
  const hook = await startSink()
  t.teardown(() => hook.close())
  const url = await startAlertmanager(t, hook.url)
  const n = await openNotifying(t)
  // It judges ends of alerts by the clock of this machine.
  n.clock.ms = Date.now()
  const lane = n.lane({ type: 'alertmanager', name: 'am', url, watchdog: '1m' })
  const times = () => ({ since: n.clock.ms - 60_000, detectedAt: n.clock.ms })
  const told = (): Told[] => hook.got.map(({ json }) => json() as unknown as Told)
  const toldOf = (status: string, place: string) =>
    waitFor(`word of ${place} that is ${status}`, async () =>
      told().find(one => one.status === status && one.groupLabels['place'] === place),
    )

  await t.test('takes alerts whatever is in them, and groups them by their labels', async t => {
    const place = 'aws/us-east-1 → azure/eastus'
    const evidence = ['{{ .Labels }} <b>"quoted"</b>\n# not a line']
    await n.tell(['am'], aNotification({ id: 'a', key: 'a', page: { place, evidence, ...times() } }))
    await n.tell(['am'], aNotification({ id: 'b', key: 'b', page: { place, severity: 'ticket', layer: 'tls', ...times() } }))
    await n.tell(['am'], aNotification({ id: 'c', key: 'c', page: { place: 'elsewhere', ...times() } }))
    t.ok((await lane.turn()) > 0)
    // What is older than its wait is told at once, and grouped with the rest from then on.
    const { alerts } = await waitFor('the group', async () => told().find(one => one.alerts.length === 2))
    t.match(alerts.map(({ labels }) => labels['incident_key']).sort(), ['a', 'b'])
    t.match(alerts.find(({ labels }) => labels['incident_key'] === 'a')?.annotations, {
      evidence: '{{ .Labels }} <b>"quoted"</b> # not a line',
    })
    await toldOf('firing', 'elsewhere')
    t.ok((await alertsOf(url)).some(({ labels }) => labels['alertname'] === 'CausewayWatchdog'))
  })

  await t.test('is told again every minute, which moves the end of what holds', async t => {
    const endOf = async () => Date.parse((await alertsOf(url)).find(({ labels }) => labels['incident_key'] === 'a')!.endsAt)
    const before = await endOf()
    n.clock.ms += 60_000
    await lane.turn()
    t.equal((await endOf()) - before, 60_000)
    const taken = (await n.counters.notifications.get()).values.find(({ labels }) => labels.outcome === 'taken')!.value
    await lane.turn()
    t.equal(
      (await n.counters.notifications.get()).values.find(({ labels }) => labels.outcome === 'taken')!.value,
      taken,
      'and not more often',
    )
  })

  await t.test('says that it is over, and what was a page and is a ticket is one of them', async t => {
    n.clock.ms = Date.now()
    await n.tell(
      ['am'],
      aNotification({ id: 'c2', key: 'c', version: 2, event: 'updated', page: { place: 'elsewhere', severity: 'ticket', ...times() } }),
    )
    await lane.turn()
    const severities = async () =>
      (await alertsOf(url)).filter(({ labels }) => labels['incident_key'] === 'c').map(({ labels }) => labels['severity'])
    await waitFor('the end of the page', async () => ((await severities()).join() === 'ticket' ? true : undefined))
    const ended = { state: 'resolved' as const, endedAt: Date.now() - 1000, ...times() }
    await n.tell(
      ['am'],
      aNotification({ id: 'c3', key: 'c', version: 3, event: 'resolved', page: { place: 'elsewhere', severity: 'ticket', ...ended } }),
    )
    await lane.turn()
    t.match((await toldOf('resolved', 'elsewhere')).alerts, [{ status: 'resolved' }])
  })
})
