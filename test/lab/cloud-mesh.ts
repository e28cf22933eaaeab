/** Several regions with agents under one controller, and a webhook that hears every page: the stage of scenarios about networks. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Link } from '../../deploy/sim/link.ts'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import type { SiteOptions } from '../../deploy/sim/plan.ts'
import type { RouteChange } from '../../deploy/sim/route.ts'
import type { FailoverOptions } from '../../deploy/sim/wan.ts'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { removeFolder } from './agent-in.ts'
import type { AgentProcess } from './agent-process.ts'
import { type SiteController, startControllerIn } from './controller-in.ts'
import { type SitePages, startPagesIn, type Told } from './pages-in.ts'
import { makeSvidFolder } from './svid-files.ts'

/** Each way of a pair of regions: a link, and the routes between its gateways, the first of which is in use. */
export type Between = Partial<Link> & { routes?: Record<string, RouteChange> }
export type MeshOptions = {
  /** Agents by region, `aws/us-east-1`; `site` of each machine there. */
  regions: Record<string, { agents: number; site?: SiteOptions }>
  /** Of two regions, both ways. */
  between: (from: string, to: string) => Between
  /** The fleet file but for its receivers. */
  fleet: string
}
export type CloudMesh = {
  network: Network
  controller: SiteController<string>
  agents: ReadonlyMap<string, AgentProcess>
  told: Told[]
  sitesOf(region: string): string[]
  /** One way. */
  setLink(from: string, to: string, change: Partial<Link>): Promise<void>
  useRoute(from: string, to: string, route: string): Promise<void>
  failOver(from: string, to: string, failover: FailoverOptions): Promise<void>
  incidents(state?: 'open' | 'ended'): Promise<IncidentHead[]>
  incident(id: string): Promise<IncidentAnswer>
  /** What a command says, as JSON. */
  ask<T>(...words: string[]): Promise<T>
  /** Ends the controller without a word and starts it anew on what it has stored. */
  restartController(): Promise<void>
}

/** Where the controller is: reached from everywhere by ways of its own. */
const operations = 'ops'
const withinRegion: Partial<Link> = { delayMs: 0.3 }

const sitesIn = (regions: MeshOptions['regions']): Map<string, string[]> =>
  new Map(
    Object.entries(regions).map(([region, { agents }]) => [
      region,
      Array.from({ length: agents }, (_, at) => `${region.replaceAll('/', '-')}-${at + 1}`),
    ]),
  )

/** Every ordered pair of machines in two regions, or in one. */
const pairsOf = (sites: ReadonlyMap<string, string[]>): { from: string; to: string; regions: [string, string] }[] => {
  const all = [...sites].flatMap(([region, its]) => its.map(site => ({ region, site })))
  return all.flatMap(a =>
    all.flatMap(b => (a.site === b.site ? [] : [{ from: a.site, to: b.site, regions: [a.region, b.region] as [string, string] }])),
  )
}

const startWan = (sites: ReadonlyMap<string, string[]>, { regions, between }: MeshOptions): Promise<Network> => {
  const pairs = pairsOf(sites)
  return startNetwork({
    sites: Object.fromEntries([
      ...[...sites].flatMap(([region, its]) => its.map(site => [site, regions[region]!.site ?? {}] as const)),
      [operations, {}],
    ]),
    links: pairs.map(({ from, to, regions: [a, b] }) => {
      const { routes: _, ...link }: Between = a === b ? withinRegion : between(a, b)
      return { from, to, ...link }
    }),
    routes: pairs.flatMap(({ from, to, regions: [a, b] }) =>
      a === b ? [] : Object.entries(between(a, b).routes ?? {}).map(([name, route]) => ({ from, to, name, ...route })),
    ),
  })
}

/** Resolves when every agent measures. */
export const startCloudMesh = async (t: Test, options: MeshOptions): Promise<CloudMesh> => {
  const sites = sitesIn(options.regions)
  const network = await startWan(sites, options)
  t.teardown(() => network.stop())
  const pages = await startPagesIn(network, operations)
  const controller = await startControllerIn(network, operations, { env: pages.env })
  t.teardown(() => removeFolder(controller.folder))
  const agents = await startAgents(t, controller, sites)
  await applyFleet(controller, options.fleet, pages)
  const all = (from: string, to: string, change: (a: string, b: string) => Promise<void>): Promise<unknown> =>
    Promise.all((sites.get(from) ?? []).flatMap(a => (sites.get(to) ?? []).map(b => change(a, b))))
  const ask = async <T>(...words: string[]): Promise<T> => {
    const { status, stdout, stderr } = await controller.ask(...words, '--output', 'json')
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as T
  }
  let running: Pick<typeof controller, 'end'> = controller
  return {
    network,
    controller,
    agents,
    told: pages.told,
    sitesOf: region => sites.get(region) ?? [],
    setLink: async (from, to, change) => void (await all(from, to, (a, b) => network.setLink(a, b, change))),
    useRoute: async (from, to, route) => void (await all(from, to, (a, b) => network.useRoutes(a, b, [route]))),
    failOver: async (from, to, failover) => void (await all(from, to, (a, b) => network.failOver(a, b, failover))),
    incidents: async (state = 'open') => (await ask<{ items: IncidentHead[] }>('get', 'incidents', '--state', state)).items,
    incident: id => ask<IncidentAnswer>('incident', id),
    ask,
    async restartController() {
      await running.end('SIGKILL')
      running = await startControllerIn(network, operations, { env: pages.env, folder: controller.folder })
    },
  }
}

/** With an identity a responder has TLS, whose flights tell which way packets of a size are lost. */
const startAgents = async (
  t: Test,
  controller: SiteController<string>,
  sites: ReadonlyMap<string, string[]>,
): Promise<Map<string, AgentProcess>> => {
  const domain = await makeTrustDomain('mesh.test')
  const files = makeSvidFolder()
  t.teardown(() => files.remove())
  const start = async (region: string, id: string): Promise<[string, AgentProcess]> => {
    const [cloud = '', name = ''] = region.split('/')
    const { certFile, keyFile } = files.svid(id, await domain.issue({ path: `/${id}`, below: 1 }))
    const config = { identity: { cert: certFile, key: keyFile, bundles: files.bundle(domain) } }
    return [id, await controller.startAgent(id, id, { cloud, region: name }, config)]
  }
  return new Map(await Promise.all([...sites].flatMap(([region, its]) => its.map(id => start(region, id)))))
}

const applyFleet = async (controller: SiteController<string>, fleet: string, pages: SitePages): Promise<void> => {
  const file = join(controller.folder, 'fleet.yaml')
  writeFileSync(file, `${fleet}${pages.alerts}`)
  const { status, stderr } = await controller.ask('apply', '-f', file, '--yes')
  if (status !== 0) throw new Error(stderr)
}

type PathAnswer = { measured: { runs: { ok: number } } | null }
/** Until every path of a check has been ok so many times lately. */
export const untilWell = (mesh: CloudMesh, check: string, times: number, timeoutMs = 240_000): Promise<unknown> =>
  waitFor(
    `${check} that is well`,
    async () => {
      const { items } = await mesh.ask<{ items: PathAnswer[] }>('get', 'paths', '--check', check)
      return items.length > 0 && items.every(({ measured }) => (measured?.runs.ok ?? 0) >= times) ? true : undefined
    },
    timeoutMs,
  )

/** The incidents of a stage, each by what tells it apart; undefined while one is missing. */
export const findEach = async <K extends string>(
  mesh: CloudMesh,
  wanted: Readonly<Record<K, (one: IncidentHead) => boolean>>,
): Promise<Record<K, IncidentHead> | undefined> => {
  const open = await mesh.incidents()
  const found = Object.entries<(one: IncidentHead) => boolean>(wanted).map(([name, isIt]) => [name, open.find(isIt)] as const)
  return found.every(([, one]) => one) ? (Object.fromEntries(found) as Record<K, IncidentHead>) : undefined
}
