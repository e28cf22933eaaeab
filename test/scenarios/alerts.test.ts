/** A controller and two agents in two clouds, and faults between them: what people are told, and how often. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { IncidentAnswer, IncidentHead } from '../../wire/api/incidents.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { type SiteController, startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
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
  const controller = await startControllerIn(pair, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  const file = join(controller.folder, 'fleet.yaml')
  writeFileSync(file, fleet)
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
  return { pair, controller, ...asking(controller) }
}

t.test(
  'packets above 1380 bytes vanish one way: one incident with cause, place, way and size; and it ends when they pass',
  { skip },
  async t => {
    const { pair, incidents, incident } = await startPair(t)
    t.strictSame(await incidents('open'), [], 'all is well before')
    await pair.setLink('azure', 'aws', { mtu: 1380, signal: false })
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
    t.match(told, { severity: 'page', layer: 'path', state: 'open', runbook: 'docs/runbooks/path_mtu_black_hole.md' })
    t.match(told.place, /azure\/eastus (→|↔) aws\/us-east-1|aws\/us-east-1 ↔ azure\/eastus/)
    t.match(`${told.title} ${told.evidence.join()}`, /1380/)
    t.match(told.next, /^probe check --from \S+ --to \S+/)
    t.ok(told.fixes.length > 0, 'where to clamp')
    t.equal((await incidents('open')).length, 1)
    await pair.setLink('azure', 'aws', { mtu: 1500 })
    await waitFor('the end', async () => ((await incidents('open')).length === 0 ? true : undefined), 180_000)
    const ended = await incidents('ended')
    t.equal(ended.length, 1)
    t.match(ended[0], { id: open!.id, end: 'well again' })
  },
)
