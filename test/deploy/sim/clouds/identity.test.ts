/** The identities of the simulated clouds: what is written is what the rules for SVIDs and bundles take, and what each fault makes of it. */
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../../../agent/config/read.ts'
import { parseFleet } from '../../../../controller/fleet/parse.ts'
import { type Cloud, cloudNames, serviceIdOf, services } from '../../../../deploy/sim/clouds/clouds.ts'
import { containerLayout } from '../../../../deploy/sim/clouds/containers.ts'
import { faultNamed } from '../../../../deploy/sim/clouds/faults.ts'
import { files } from '../../../../deploy/sim/clouds/folder.ts'
import { openIdentity, readAuthorities } from '../../../../deploy/sim/clouds/identity.ts'
import type { ServicesFile } from '../../../../deploy/sim/clouds/services-file.ts'
import { setUp } from '../../../../deploy/sim/clouds/setup.ts'
import { healthyWorld } from '../../../../deploy/sim/clouds/world.ts'
import { readBundleJson } from '../../../../judge/spiffe/bundle.ts'
import { type Certificate, readCertificate } from '../../../../judge/spiffe/certificate.ts'
import { printSpiffeId } from '../../../../judge/spiffe/id.ts'
import { judgeX509Svid } from '../../../../judge/spiffe/x509-svid.ts'

const folder = mkdtempSync(join(tmpdir(), 'clouds-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const nowMs = Date.now()
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
await setUp({
  folder,
  layout: containerLayout,
  nowMs,
  dataOf: who => `/var/lib/${who}`,
  controllerNames: ['controller'],
  agentListen: '127.0.0.1:9464',
})

const chainOf = (pem: string): [Certificate, ...Certificate[]] =>
  pem
    .split(/(?=-----BEGIN)/)
    .filter(part => part.trim() !== '')
    .map(part => {
      const one = readCertificate(new X509Certificate(part).raw)
      if (!one.ok) throw new Error(one.problems.join())
      return one.certificate
    }) as [Certificate, ...Certificate[]]

/** As the agents of a cloud see a service now. */
const judge = (service: (typeof services)[number], from: Cloud) => {
  const file = JSON.parse(read(files.services(service.cloud))) as ServicesFile
  const { chainPem } = file.services.find(({ name }) => name === service.name)!
  const held = readBundleJson(read(files.bundle(from, service.cloud)))
  if (!held.ok) throw new Error(JSON.stringify(held.violations))
  const seen = judgeX509Svid(chainOf(chainPem), {
    nowMs,
    bundles: new Map([[`${service.cloud}.example`, held.bundle.x509]]),
    role: 'server',
    expect: id => (printSpiffeId(id) === serviceIdOf(service) ? undefined : printSpiffeId(id)),
  })
  return seen.violations.map(({ code }) => code)
}
const serviceNamed = (name: string) => services.find(service => service.name === name)!

t.test('while nothing is wrong every cloud takes every service, and every file is one that its reader takes', async t => {
  for (const service of services) for (const from of cloudNames) t.strictSame(judge(service, from), [], `${service.name} from ${from}`)
  const fleet = parseFleet(read(files.fleet))
  t.ok(fleet.ok, JSON.stringify(fleet))
  const agent = readConfig({
    file: 'aws-1.yaml',
    flags: {},
    exports: [],
    environment: {},
    readFile: () => read('aws-1.yaml'),
    defaultData: () => '/var/lib/causeway',
  })
  t.ok(agent.ok, JSON.stringify(agent))
})

t.test('each fault of identities is one that the rules name, and is gone afterwards', async t => {
  const identity = openIdentity(folder, containerLayout, readAuthorities(folder), () => nowMs, healthyWorld())
  const play = async (name: string): Promise<void> => {
    const world = healthyWorld()
    faultNamed(name)!.change(world)
    await identity.write(world)
  }
  const sequence = (): number => (JSON.parse(read(files.bundle('gcp', 'azure'))) as { spiffe_sequence: number }).spiffe_sequence
  const first = sequence()
  await play('wrong-identity')
  t.equal(sequence(), first, 'the bundles are what they were, and do not step back')
  t.strictSame(judge(serviceNamed('ledger'), 'aws'), ['id_mismatch'])
  t.strictSame(judge(serviceNamed('accounts'), 'aws'), [], 'the other service is who it is')
  await play('clock-skew')
  t.strictSame(judge(serviceNamed('features'), 'aws'), ['svid_not_yet_valid'])
  t.strictSame(judge(serviceNamed('ledger'), 'aws'), [], 'the fault before is over')
  await play('rotation-stuck')
  t.strictSame(judge(serviceNamed('payments'), 'gcp'), [], 'it is good for two minutes more')
  const before = JSON.parse(read(files.bundle('gcp', 'azure'))) as { spiffe_sequence: number }
  await play('bundle-behind')
  t.strictSame(judge(serviceNamed('ledger'), 'aws'), ['untrusted_chain'])
  t.strictSame(judge(serviceNamed('ledger'), 'gcp'), [], 'who has fetched the bundle takes it')
  const after = JSON.parse(read(files.bundle('gcp', 'azure'))) as { spiffe_sequence: number; keys: unknown[] }
  t.ok(after.spiffe_sequence > before.spiffe_sequence && after.keys.length === 2)
  await identity.write(healthyWorld())
  for (const service of services) for (const from of cloudNames) t.strictSame(judge(service, from), [], `${service.name} from ${from}`)
})
