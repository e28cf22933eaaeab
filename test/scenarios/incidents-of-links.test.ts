/**
 * Much happens between four clouds, each on a pair of its own: a tail that grows, loss one way, a tunnel that fails over, a way back that moves alone, a detour against the
 * baseline, and ICMP that is answered no more. Five incidents, each with its cause, its place, its way and its numbers; the sixth is none, and neither are jumbo frames.
 */
import t from 'tap'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { type Between, type CloudMesh, findEach, startCloudMesh, untilWell } from '../lab/cloud-mesh.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'

/** It takes eight minutes and a machine that has nothing else to do. */
const skip = (await needsNamespaces()) || (process.env['CAUSEWAY_LONG'] ? false : 'eight minutes on an idle machine: CAUSEWAY_LONG=1')
t.setTimeout(1_200_000)

const [aws, azure, gcp, oci] = ['aws/us-east-1', 'azure/eastus', 'gcp/us-central1', 'oci/fra'] as const
const is = (from: string, to: string, a: string, b: string): boolean => (from === a && to === b) || (from === b && to === a)
const tunnel = { mtu: 1420, signal: true, clampMss: 1380 }
const smaller = { mtu: 1380, signal: true, clampMss: 1340 }
const between = (from: string, to: string): Between => {
  if (is(from, to, aws, azure))
    return { ...tunnel, routes: { main: { delayMs: 20, hops: 4 }, backup: { delayMs: 40, hops: 9, ...smaller } } }
  if (is(from, to, azure, oci)) return { routes: { main: { delayMs: 100, hops: 5 }, detour: { delayMs: 300, hops: 12 } } }
  if (is(from, to, gcp, oci))
    return { ...tunnel, routes: { main: { delayMs: 20, hops: 3 }, internet: { delayMs: 25, hops: 10, ...smaller } } }
  return { delayMs: 30 }
}

/** One interconnect has an objective for its p95, far above what a busy machine adds. */
const fleet = `apiVersion: causeway/v1
owner: platform
checks:
  - { name: ping, kind: icmp, every: 3s, lateness: 1s, options: { count: 20, interval: 50ms } }
  - { name: connect, kind: tcp, every: 5s, lateness: 1s, options: { payload: 64KiB } }
  - { name: datagrams, kind: udp, every: 5s, lateness: 1s }
  - { name: size, kind: mtu, every: 15s, timeout: 12s, lateness: 1s }
  - { name: way, kind: trace, every: 10s, lateness: 2s }
mesh: [{ name: all, checks: [ping, connect, datagrams, size, way], policy: full }]
links:
  - { from: ${aws}, to: ${azure}, medium: vpn, objective: { outage: 30s } }
  - { from: ${azure}, to: ${aws}, medium: vpn, objective: { outage: 30s } }
  - { from: ${aws}, to: ${gcp}, medium: interconnect, objective: { p95: 400ms } }
  - { from: ${gcp}, to: ${aws}, medium: interconnect, objective: { p95: 400ms } }
`
/** More than the 300 samples from which a baseline is one. */
const wellRuns = 16

const hasRule = (rule: string, text: string) => (one: IncidentHead) => one.rules.includes(rule) && one.place === text
const wanted = {
  tail: hasRule('default/latency', `${aws} ↔ ${gcp}`),
  lossy: hasRule('default/retransmits', `${azure} → ${gcp}`),
  failover: hasRule('default/path-mtu', `${aws} ↔ ${azure}`),
  // The path MTU is the smaller one of both ways where routers say it.
  wayBack: (one: IncidentHead) => [`${gcp} ↔ ${oci}`, `${oci} → ${gcp}`].some(place => hasRule('default/path-mtu', place)(one)),
  detour: hasRule('default/latency', `${azure} ↔ ${oci}`),
}
const said: Record<keyof typeof wanted, object> = {
  tail: {
    severity: 'ticket',
    title: /p95 is \d+ ms.*, the objective is 400 ms$/,
    next: /^probe check --from aws\/us-east-1 --to gcp\/us-central1 --both-ways$/,
  },
  lossy: {
    ...{
      severity: 'ticket',
      cause: 'packet_loss',
      direction: 'forward',
      title: /% of (packets are lost, this way|TCP segments are sent again)$/,
    },
    next: 'probe check --from azure/eastus --to gcp/us-central1',
  },
  failover: {
    ...{ severity: 'ticket', cause: 'route_changed', layer: 'path', runbook: 'https://wiki.test/route_changed' },
    title: 'aws/us-east-1 ↔ azure/eastus: the path MTU fell from 1420 to 1380 bytes',
    next: 'probe check --from aws/us-east-1 --to azure/eastus --both-ways',
  },
  wayBack: {
    ...{ severity: 'ticket', cause: 'asymmetric_route', layer: 'path' },
    title: /: only the way oci\/fra → gcp\/us-central1 is another than it was$/,
    next: /^probe check --from (oci\/fra|gcp\/us-central1) --to (oci\/fra|gcp\/us-central1)/,
  },
  detour: {
    ...{ severity: 'ticket', cause: 'route_changed', title: /p95 is .* ms is usual$/ },
    next: 'probe check --from azure/eastus --to oci/fra --both-ways',
  },
}
/** Where they say it. */
const facts: Record<keyof typeof wanted, { in: 'evidence' | 'changed' | 'against'; says: RegExp }[]> = {
  tail: [],
  lossy: [
    { in: 'evidence', says: /of TCP segments are sent again, more than 1 %/ },
    { in: 'against', says: /the other way, gcp\/us-central1 → azure\/eastus: / },
  ],
  failover: [
    { in: 'changed', says: /nothing came through aws\/us-east-1 ↔ azure\/eastus for \d+ ms, .*; the objective allows 30 s/ },
    { in: 'changed', says: /the round trip aws\/us-east-1 ↔ azure\/eastus went from [3-5]\d(\.\d)? ms to \d/ },
  ],
  wayBack: [
    { in: 'changed', says: /the route oci\/fra → gcp\/us-central1 is another: .*, 5 hops → 12/ },
    { in: 'evidence', says: /the path MTU fell from 1420 to 1380 bytes/ },
  ],
  detour: [{ in: 'changed', says: /the route azure\/eastus → oci\/fra is another: \S+ → \S+, 7 hops → 14/ }],
}

t.test('each fault of a link is one incident with its cause, its place, its way and its sizes', { skip }, async t => {
  const mesh = await startCloudMesh(t, {
    regions: { [aws]: { agents: 1, site: { interfaceMtu: 9001 } }, [azure]: { agents: 1 }, [gcp]: { agents: 1 }, [oci]: { agents: 1 } },
    ...{ between, fleet },
  })
  await untilWell(mesh, 'size', 2)
  await untilWell(mesh, 'way', 2)
  await untilWell(mesh, 'ping', wellRuns)
  // A controller that starts reads what is usual; until then nothing was.
  await mesh.restartController()
  await breakLinks(mesh)
  const { tail: _, detour: __, ...first } = wanted
  await waitEach(mesh, first)
  // By now it has read what is usual of every agent.
  await both(azure, oci, (a, b) => mesh.useRoute(a, b, 'detour'))
  const found = await waitEach(mesh, wanted)
  for (const name of Object.keys(wanted) as (keyof typeof wanted)[]) judge(t, name, await mesh.incident(found[name].id))
  const isTold = ({ key }: IncidentHead): boolean => mesh.told.some(one => one.key === key)
  await waitFor('word of each', async () => Object.values<IncidentHead>(found).every(isTold) || undefined, 120_000)
  judgeRest(t, mesh, await mesh.incidents(), Object.values(found))
})

const both = (a: string, b: string, change: (from: string, to: string) => Promise<void>): Promise<unknown> =>
  Promise.all([change(a, b), change(b, a)])

const breakLinks = async (mesh: CloudMesh): Promise<void> => {
  // Echoes go there and back: five of a hundred packets, each way.
  await both(aws, gcp, (a, b) => mesh.setLink(a, b, { reorder: 0.05, reorderMs: 600 }))
  await mesh.setLink(azure, gcp, { loss: 0.02 })
  await both(aws, azure, (a, b) => mesh.failOver(a, b, { routes: ['backup'], tookMs: 8000 }))
  await mesh.useRoute(oci, gcp, 'internet')
  await both(aws, oci, (a, b) => mesh.setLink(a, b, { dropIcmp: true }))
}

const waitEach = async <K extends string>(
  mesh: CloudMesh,
  each: Readonly<Record<K, (one: IncidentHead) => boolean>>,
): Promise<Record<K, IncidentHead>> => {
  try {
    return await waitFor('all incidents', () => findEach(mesh, each), 400_000)
  } catch (error) {
    const open = (await mesh.incidents()).map(({ title, rules }) => `${title} (${rules.join(', ')})`)
    throw new Error(`${(error as Error).message}, but ${open.join('; ')}`)
  }
}

const judge = (t: Tap, name: keyof typeof wanted, incident: IncidentAnswer): void => {
  t.match(incident, said[name], name)
  for (const fact of facts[name]) t.match(incident[fact.in].join('\n'), fact.says, `${name}: ${fact.in}`)
}
type Tap = Parameters<typeof startCloudMesh>[0]

/** Nobody is woken: all of these are tickets, each told to the webhook under its own key. */
const judgeRest = (t: Tap, mesh: CloudMesh, open: readonly IncidentHead[], found: readonly IncidentHead[]): void => {
  const isQuiet = ({ place }: IncidentHead): boolean => place.includes(aws) && place.includes(oci)
  t.same(
    open.filter(isQuiet).map(({ title }) => title),
    [],
    'neither ICMP that is filtered nor a jumbo interface is an incident',
  )
  t.same(
    open.filter(({ severity }) => severity === 'page').map(({ title }) => title),
    [],
    'nothing pages',
  )
  for (const { key, id, title } of found) {
    const own = mesh.told.filter(one => one.key === key && one.page.incident === id)
    t.equal(new Set(own.filter(({ event }) => event === 'firing').map(one => one.id)).size, 1, `${title}: told once`)
    t.ok(own.every(({ isSigned, page }) => isSigned && page.next.startsWith('probe check')))
  }
}
