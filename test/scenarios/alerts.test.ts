/** A controller and two agents in two clouds, and faults between them: what people are told, and how often; also while the controller is killed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { type SiteController, startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { startPagesIn, type Told } from '../lab/pages-in.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'

const skip = await needsNamespaces()
t.setTimeout(400_000)

const fleet = `apiVersion: causeway/v1
owner: platform
checks:
  - { name: mesh-icmp, kind: icmp, every: 5s }
  - { name: mesh-tcp, kind: tcp, every: 5s }
  - { name: mesh-mtu, kind: mtu, every: 15s, timeout: 12s }
mesh: [{ name: all, checks: [mesh-icmp, mesh-tcp, mesh-mtu], policy: full }]
`

type Answers = { incidents(state: string): Promise<IncidentHead[]>; incident(id: string): Promise<IncidentAnswer> }
const asking = (controller: SiteController<'aws' | 'azure'>): Answers => {
  const ask = async <T>(...words: string[]): Promise<T> => {
    const { status, stdout, stderr } = await controller.ask(...words, '--output', 'json')
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as T
  }
  return {
    incidents: async state => (await ask<{ items: IncidentHead[] }>('get', 'incidents', '--state', state)).items,
    incident: id => ask<IncidentAnswer>('incident', id),
  }
}

const startPair = async (t: Test) => {
  const pair = await startCloudPair({ servers: [] })
  t.teardown(() => pair.stop())
  const pages = await startPagesIn(pair, 'aws')
  const controller = await startControllerIn(pair, 'aws', { env: pages.env })
  t.teardown(() => removeFolder(controller.folder))
  const file = join(controller.folder, 'fleet.yaml')
  writeFileSync(file, fleet + pages.alerts)
  const applied = await controller.ask('apply', '-f', file, '--yes')
  if (applied.status !== 0) throw new Error(applied.stderr)
  // With an identity a responder has TLS, whose flights tell which way packets of a size are lost.
  const domain = await makeTrustDomain('mesh.test')
  const files = makeSvidFolder()
  t.teardown(() => files.remove())
  const identityOf = async (name: string) => {
    const { certFile, keyFile } = files.svid(name, await domain.issue({ path: `/${name}`, below: 1 }))
    return { identity: { cert: certFile, key: keyFile, bundles: files.bundle(domain) } }
  }
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' }, await identityOf('aws-1'))
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' }, await identityOf('azure-1'))
  const isMeasured = async () => {
    const { stdout } = await controller.ask('get', 'paths', '--kind', 'mtu', '--output', 'json')
    const { items } = JSON.parse(stdout) as { items: { measured: { verdict: string } }[] }
    return items.length === 2 && items.every(({ measured }) => measured.verdict === 'ok') ? true : undefined
  }
  await waitFor('healthy paths', isMeasured, 120_000)
  return { pair, controller, pages, ...asking(controller) }
}

/** In its database: nobody is told of one that forms. */
const incidentStates = (folder: string): string[] => {
  const database = new DatabaseSync(join(folder, 'data', 'controller.db'), { readOnly: true })
  try {
    return database
      .prepare('SELECT state FROM incidents')
      .all()
      .map(({ state }) => String(state))
  } finally {
    database.close()
  }
}

t.test(
  'packets above 1380 bytes vanish one way: one page with cause, place, way and size, whoever is killed meanwhile; and it ends when they pass',
  { skip },
  async t => {
    const { pair, controller, pages, incidents, incident } = await startPair(t)
    let running: Pick<typeof controller, 'end'> = controller
    const killAndStart = async () => {
      await running.end('SIGKILL')
      running = await startControllerIn(pair, 'aws', { env: pages.env, folder: controller.folder })
    }
    t.strictSame(await incidents('open'), [], 'all is well before')
    await pair.setLink('azure', 'aws', { mtu: 1380, signal: false })
    await waitFor('one that forms', async () => (incidentStates(controller.folder).includes('forming') ? true : undefined), 120_000)
    await killAndStart()
    const [open] = await waitFor(
      'an incident',
      async () => [await incidents('open')].find(all => all.some(({ severity }) => severity === 'page')),
      180_000,
    )
    const told = await waitFor(
      'its cause',
      async () => [await incident(open!.id)].find(({ cause }) => cause === 'path_mtu_black_hole'),
      60_000,
    )
    t.match(told, { severity: 'page', layer: 'path', state: 'open', runbook: 'https://wiki.test/path_mtu_black_hole' })
    t.match(told.place, /azure\/eastus (→|↔) aws\/us-east-1|aws\/us-east-1 ↔ azure\/eastus/)
    t.match(`${told.title} ${told.evidence.join()}`, /1380/)
    t.match(told.next, /^probe check --from \S+ --to \S+/)
    t.ok(told.fixes.length > 0, 'where to clamp')
    t.equal((await incidents('open')).length, 1)
    await waitFor('the page', async () => pages.told.find(({ page }) => page.cause === 'path_mtu_black_hole'), 60_000)
    await killAndStart()
    await pair.setLink('azure', 'aws', { mtu: 1500 })
    await waitFor('the end', async () => ((await incidents('open')).length === 0 ? true : undefined), 180_000)
    const ended = await incidents('ended')
    t.equal(ended.length, 1)
    t.match(ended[0], { id: open!.id, end: 'well again' })
    const last = await waitFor('the last word', async () => pages.told.find(({ event }) => event === 'resolved'), 60_000)
    t.match(last, { key: open!.key, page: { incident: open!.id, state: 'resolved' } })
    judgePages(t, pages.told, open!)
  },
)

/** What was sent twice under one id is one notification. */
const judgePages = (t: Test, told: readonly Told[], { key, id }: IncidentHead): void => {
  t.comment(told.map(one => [one.id, one.event, one.key, one.page.title, (one.at - one.page.since) / 1000]))
  t.ok(told.every(({ isSigned }) => isSigned))
  t.strictSame(new Set(told.map(one => one.key)), new Set([key]), 'one incident, and nothing beside it')
  const once = [...new Map(told.map(one => [one.id, one])).values()]
  t.equal(once.filter(({ event }) => event === 'firing').length, 1, 'one page')
  t.equal(once.filter(({ event }) => event === 'resolved').length, 1, 'one end')
  t.ok(told.filter(({ event }) => event === 'firing').length <= 2, 'at most once more for a process that died')
  const { page } = once.findLast(({ event }) => event !== 'resolved')!
  t.match(page, { incident: id, severity: 'page', state: 'firing', cause: 'path_mtu_black_hole', layer: 'path' })
  t.match(page.place, /azure\/eastus/)
  t.match(page.place, /aws\/us-east-1/)
  t.equal(page.direction !== undefined || /→/.test(page.place), true, 'which way')
  t.match(`${page.title} ${page.evidence.join()}`, /1380/)
  t.match(page.next, /^probe check --from \S+ --to \S+/)
  t.match(page.runbook, 'https://wiki.test/path_mtu_black_hole')
}
