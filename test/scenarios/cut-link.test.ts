/** The link between two clouds is cut, with the controller on one side of it, or one controller on each: what people are told, and how often; also when it heals. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import type { IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { type SiteController, startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { startPagesIn, type Told } from '../lab/pages-in.ts'

const skip = await needsNamespaces()
t.setTimeout(900_000)
// Each has a network of its own, and most of both is waiting.
t.jobs = 2

const clouds = {
  aws: { sites: ['aws-1', 'aws-2'], region: 'us-east-1' },
  azure: { sites: ['azure-1', 'azure-2'], region: 'eastus' },
} as const
type Cloud = keyof typeof clouds
type Site = (typeof clouds)[Cloud]['sites'][number]
const place = 'aws/us-east-1 ↔ azure/eastus'

const across = clouds.aws.sites.flatMap(a =>
  clouds.azure.sites.flatMap(b => [
    { from: a, to: b },
    { from: b, to: a },
  ]),
)
const startClouds = async (t: Test): Promise<Network<Site>> => {
  const sites = { 'aws-1': {}, 'aws-2': {}, 'azure-1': {}, 'azure-2': {} }
  const network = await startNetwork({ sites, links: across.map(one => ({ ...one, delayMs: 5 })) })
  t.teardown(() => network.stop())
  return network
}
const setCut = async (network: Network<Site>, down: boolean): Promise<void> => {
  await Promise.all(across.map(({ from, to }) => network.setLink(from, to, { down })))
}

const checks = `checks:
  - { name: icmp, kind: icmp, every: 5s, lateness: 2s }
  - { name: tcp, kind: tcp, every: 5s, lateness: 2s }
`
type Side = {
  controller: SiteController<Site>
  told: Told[]
  verdicts: () => Promise<string[]>
  incidents: (state: string) => Promise<IncidentHead[]>
}

/** A controller in this site with its own webhook, and the agents of these sites under it. */
const startSide = async (t: Test, network: Network<Site>, at: Site, agents: readonly Site[], fleet: string): Promise<Side> => {
  const cloudOf = (site: Site): Cloud => (site.startsWith('aws') ? 'aws' : 'azure')
  const pages = await startPagesIn(network, at)
  const location = `${cloudOf(at)}/${clouds[cloudOf(at)].region}`
  const controller = await startControllerIn(network, at, { env: pages.env, words: ['--location', location] })
  t.teardown(() => removeFolder(controller.folder))
  const file = join(controller.folder, 'fleet.yaml')
  writeFileSync(file, `apiVersion: causeway/v1\nowner: platform\n${fleet}${pages.alerts}`)
  const applied = await controller.ask('apply', '-f', file, '--yes')
  if (applied.status !== 0) throw new Error(applied.stderr)
  for (const site of agents) await controller.startAgent(site, site, { cloud: cloudOf(site), region: clouds[cloudOf(site)].region })
  const ask = async <T>(...words: string[]): Promise<T[]> => {
    const { status, stdout, stderr } = await controller.ask(...words, '--output', 'json')
    if (status !== 0) throw new Error(stderr)
    return (JSON.parse(stdout) as { items: T[] }).items
  }
  return {
    controller,
    told: pages.told,
    incidents: state => ask('get', 'incidents', '--state', state),
    async verdicts() {
      const paths = await ask<{ measured: { verdict: string } }>('get', 'paths')
      return paths.map(({ measured }) => measured.verdict)
    },
  }
}

const untilWell = async (what: string, side: Side, paths: number): Promise<void> => {
  let seen: string[] = []
  const ask = async () => {
    seen = await side.verdicts()
    return (seen.length >= paths && seen.every(verdict => verdict === 'ok' || verdict === 'degraded')) || undefined
  }
  await waitFor(what, ask, 150_000).catch((error: Error) => Promise.reject(new Error(`${error.message}: ${seen.join()}`)))
}
const untilPaged = (what: string, { told }: Side) => waitFor(what, async () => told.find(({ event }) => event === 'firing'), 180_000)
const untilOver = (what: string, { told }: Side) => waitFor(what, async () => told.find(({ event }) => event === 'resolved'), 240_000)

/** All that was told from the first page to the last word is one incident, which names the link. */
const judgeTold = (t: Test, told: readonly Told[], key: RegExp): void => {
  t.comment(told.map(({ id, event, key, at, page }) => [id, event, key, page.title, (at - page.since) / 1000]))
  t.equal(new Set(told.map(one => one.key)).size, 1, 'one key')
  t.match(told[0]!.key, key)
  const once = [...new Map(told.map(one => [one.id, one])).values()]
  t.equal(once.filter(({ event }) => event === 'firing').length, 1, 'one page')
  t.equal(once.filter(({ event }) => event === 'resolved').length, 1, 'one last word')
  for (const { page } of once)
    t.match(page, { place, severity: 'page', next: /^probe check --from aws\/us-east-1 --to azure\/eastus --both-ways$/ })
}

t.test('the controller on one side of the cut: one page that names the link, and healing adds to it', { skip, buffered: true }, async t => {
  const network = await startClouds(t)
  const side = await startSide(
    t,
    network,
    'aws-1',
    ['aws-1', 'aws-2', 'azure-1', 'azure-2'],
    `${checks}mesh: [{ name: all, checks: [icmp, tcp], policy: full }]\n`,
  )
  await untilWell('healthy paths', side, 16)
  await setCut(network, true)
  await untilPaged('a page', side)
  await setCut(network, false)
  await untilOver('the last word', side)
  await untilWell('healthy paths again', side, 16)
  t.strictSame(await side.incidents('open'), [])
  t.equal((await side.incidents('ended')).length, 1)
  judgeTold(t, side.told, /^reach:link:aws\/us-east-1<>azure\/eastus$/)
})

t.test('a controller on each side: both tell of the same link by the same key', { skip, buffered: true }, async t => {
  const network = await startClouds(t)
  const targets = (sites: readonly Site[], location: string): string =>
    `targets:\n${sites.map(site => `  - { name: edge-of-${site}, address: "${network.sites[site].address}:7460", location: ${location} }\n`).join('')}`
  const [aws, azure] = await Promise.all([
    startSide(t, network, 'aws-1', ['aws-1', 'aws-2'], checks + targets(clouds.azure.sites, 'azure/eastus')),
    startSide(t, network, 'azure-1', ['azure-1', 'azure-2'], checks + targets(clouds.aws.sites, 'aws/us-east-1')),
  ])
  await Promise.all([aws, azure].map(side => untilWell('healthy paths', side, 8)))
  await setCut(network, true)
  await Promise.all([untilPaged('a page of aws', aws), untilPaged('a page of azure', azure)])
  await setCut(network, false)
  await Promise.all([untilOver('the last word of aws', aws), untilOver('the last word of azure', azure)])
  judgeTold(t, aws.told, /^reach:/)
  judgeTold(t, azure.told, /^reach:/)
  t.equal(aws.told[0]!.key, azure.told[0]!.key, 'receivers know it for one')
})
