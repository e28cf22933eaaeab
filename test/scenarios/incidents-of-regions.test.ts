/** Twelve agents in six regions: one region loses all egress, the hub of two clouds fails, and a prober is out of CPU: one page each for the first two. */
import t from 'tap'
import { childrenOf } from '../../deploy/sim/process-table.ts'
import type { IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { type CloudMesh, findEach, startCloudMesh, untilWell } from '../lab/cloud-mesh.ts'
import { needsCpuQuota, openCpuQuota } from '../lab/cpu-quota.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

const skip = await needsNamespaces()
t.setTimeout(900_000)

const regions = ['aws/us-east-1', 'aws/us-west-2', 'azure/eastus', 'azure/westus', 'gcp/us-central1', 'gcp/us-east4']
const [lost, starved] = ['azure/eastus', 'azure/westus'] as const
/** What lies between aws and gcp, all of it. */
const isHubbed = (from: string, to: string): boolean => {
  const clouds = new Set([from, to].map(region => region.split('/')[0]))
  return clouds.has('aws') && clouds.has('gcp')
}
const pairs = regions.flatMap(from => regions.flatMap(to => (from === to ? [] : [[from, to] as const])))
const hubbed = pairs.filter(([from, to]) => isHubbed(from, to))

const wanted = {
  region: ({ severity, place }: IncidentHead) => severity === 'page' && place.startsWith(`region ${lost}`),
  hub: ({ severity, place }: IncidentHead) => severity === 'page' && place === 'hub transit-1',
}

/** A dozen agents share what one machine has: they look seldom, and may be late. */
const fleet = `apiVersion: causeway/v1
owner: platform
checks:
  - { name: ping, kind: icmp, every: 5s, lateness: 700ms, options: { count: 3, interval: 100ms } }
  - { name: connect, kind: tcp, every: 5s, lateness: 700ms }
mesh: [{ name: all, checks: [ping, connect], policy: full }]
links:
${hubbed.map(([from, to]) => `  - { from: ${from}, to: ${to}, medium: interconnect, via: transit-1 }`).join('\n')}
`

t.test('a region that is cut off and a hub that fails are one page each; a prober without CPU is none', { skip }, async t => {
  const mesh = await startCloudMesh(t, {
    regions: Object.fromEntries(regions.map(region => [region, { agents: 2 }])),
    between: () => ({ delayMs: 10 }),
    fleet,
  })
  await untilWell(mesh, 'ping', 3)
  await untilWell(mesh, 'connect', 3)
  const before = new Set(mesh.told.map(({ key }) => key))
  const quota = starve(t, mesh)
  await Promise.all([
    ...regions.filter(region => region !== lost).map(region => mesh.setLink(lost, region, { down: true })),
    ...mesh.sitesOf(lost).map(site => mesh.network.setLink(site, 'ops', { down: true })),
    ...hubbed.map(([from, to]) => mesh.setLink(from, to, { down: true })),
  ])
  const found = await waitFor('all incidents', () => findEach(mesh, wanted), 400_000).catch(async (error: Error) => {
    throw new Error(`${error.message}, but ${(await mesh.incidents()).map(({ title }) => title).join('; ')}`)
  })
  t.match(await mesh.incident(found.region.id), {
    ...{ severity: 'page', layer: 'reach' },
    title: /^region azure\/eastus(, (outgoing|incoming))?: nothing comes through$/,
    next: /^probe check --from \S+\/\S+ --to \S+\/\S+/,
  })
  t.match(await mesh.incident(found.hub.id), {
    ...{ severity: 'page', place: 'hub transit-1', title: 'hub transit-1: nothing comes through' },
    next: /^probe check --from (aws|gcp)\/\S+ --to (aws|gcp)\/\S+/,
  })
  // By then its agents are lost too, which the region explains.
  await waitFor('agents that are lost', async () => (await lostAgents(mesh)).length >= 2 || undefined, 200_000)
  if (quota) await waitFor('a prober that blames itself', () => blamesItself(mesh), 200_000)
  const pages = mesh.told.filter(({ event, page, key }) => event === 'firing' && page.severity === 'page' && !before.has(key))
  const keys = Object.values(found).map(({ key }) => key)
  t.same(new Set(pages.map(({ key }) => key)), new Set(keys), mesh.told.map(({ page }) => page.title).join('; '))
  t.equal(new Set(pages.map(({ id }) => id)).size, keys.length, 'each is told once')
  t.equal((await mesh.incidents()).filter(({ severity }) => severity === 'page').length, keys.length, 'and nothing beside them pages')
})

const starvedAgent = (mesh: CloudMesh): string => mesh.sitesOf(starved)[0]!

/** Where control groups can be had, one agent shares a fifth of a core with a busy neighbour. */
const starve = (t: Tap, mesh: CloudMesh): boolean => {
  if (needsCpuQuota()) return false
  const quota = openCpuQuota(20)
  t.teardown(() => quota.remove())
  const rival = mesh.network.spawn(starvedAgent(mesh), ['sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
  const agent = mesh.agents.get(starvedAgent(mesh))!.child
  // Inside a site each has nsenter for a parent.
  for (const { pid } of [agent, rival]) for (const child of childrenOf(pid!)) quota.add(child)
  return true
}
type Tap = Parameters<typeof startCloudMesh>[0]

const lostAgents = async (mesh: CloudMesh): Promise<unknown[]> =>
  (await mesh.ask<{ items: { state: string }[] }>('get', 'agents')).items.filter(({ state }) => state === 'lost')

const blamesItself = async (mesh: CloudMesh): Promise<true | undefined> => {
  type Answer = { items: { measured: { reasons: Record<string, number> } | null }[] }
  const { items } = await mesh.ask<Answer>('get', 'paths', '--agent', starvedAgent(mesh))
  return items.some(({ measured }) => (measured?.reasons['local_overload'] ?? 0) > 0) || undefined
}
