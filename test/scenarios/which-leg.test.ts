/** I14: workload → egress gateway → east-west gateway → workload. Gateways pass TLS through, so that the whole way is one handshake and says nothing of where it fails. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { startNetwork } from '../../deploy/sim/network.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'

const skip = await needsNamespaces()
t.setTimeout(400_000)

const gatewayPort = 15_443
const workloadPort = 8443
/** A gateway that passes connections on, byte by byte; one whose other half fails is reset. */
const passing = (host: string, port: number): string => `
const net = require('node:net')
net.createServer({ allowHalfOpen: true }, down => {
  const up = net.connect(${port}, '${host}')
  const end = () => { down.resetAndDestroy(); up.destroy() }
  down.on('error', end).pipe(up).on('error', end).pipe(down)
}).listen(${gatewayPort}, '0.0.0.0', () => console.log('up'))`

type Legs = {
  verdict: string
  failing: number[]
  summary: string
  notes: string[]
  legs: { verdict: string }[]
  whole: { verdict: string }
}

t.test('the leg that fails is named, whichever it is', { skip }, async t => {
  await using network = await startNetwork({ sites: { aws: {}, egress: {}, eastwest: {}, azure: {} } })
  const { egress, eastwest, azure } = network.sites
  const controller = await startControllerIn(network, 'aws')
  const files = makeSvidFolder()
  t.teardown(() => {
    removeFolder(controller.folder)
    files.remove()
  })
  const domain = await makeTrustDomain('mesh.test')
  const identityOf = async (name: string) => {
    const { certFile, keyFile } = files.svid(name, await domain.issue({ path: `/${name}`, below: 1 }))
    return { identity: { cert: certFile, key: keyFile, bundles: files.bundle(domain) } }
  }
  const start = async (site: keyof typeof network.sites, argv: string[]) => {
    const child = network.spawn(site, [process.execPath, ...argv], { env: cleanEnv, stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout!, 'data')
  }
  const { chainPem, keyPem } = await domain.issue({ path: '/payments', below: 1 })
  const workload = { host: azure.address, port: workloadPort, svid: { chainPem, keyPem }, accepts: domain.bundlePem() }
  await start('azure', [
    fileURLToPath(new URL('../lab/svid-servers.ts', import.meta.url)),
    files.write('workload.json', JSON.stringify([workload])),
  ])
  await start('eastwest', ['-e', passing(azure.address, workloadPort)])
  await start('egress', ['-e', passing(eastwest.address, gatewayPort)])

  const targets = {
    'egress-gateway': `${egress.address}:${gatewayPort}`,
    'eastwest-gateway': `${eastwest.address}:${gatewayPort}`,
    payments: `${azure.address}:${workloadPort}`,
    'payments-by-mesh': `${egress.address}:${gatewayPort}`,
  }
  const file = join(controller.folder, 'fleet.yaml')
  const fleet = {
    apiVersion: 'causeway/v1',
    owner: 'platform',
    targets: Object.entries(targets).map(([name, address]) => ({ name, address })),
  }
  writeFileSync(file, JSON.stringify(fleet))
  const applied = await controller.ask('apply', '-f', file, '--yes')
  t.equal(applied.status, 0, applied.stderr)
  await controller.startAgent('aws', 'checkout-1', { cloud: 'aws', region: 'us-east-1' }, await identityOf('checkout'))
  await controller.startAgent('egress', 'egress-1', { cloud: 'aws', region: 'us-east-2' })
  await controller.startAgent('eastwest', 'eastwest-1', { cloud: 'azure', region: 'eastus' }, await identityOf('eastwest'))

  const words = [
    ...['check', '--from', 'checkout-1', '--via', 'egress-gateway=egress-1', '--via', 'eastwest-gateway=eastwest-1', '--to', 'payments'],
    ...['--end-to-end', 'payments-by-mesh', '--kinds', 'tcp,mtls'],
  ]
  const ask = async (wanted: number) => {
    const { stdout, stderr, status } = await controller.ask(...words, '--output', 'json')
    if (status === 2 || stdout === '') throw new Error(stderr)
    const told = JSON.parse(stdout) as Legs
    return status === wanted && told.legs.every(({ verdict }) => verdict !== 'unmeasured') ? told : undefined
  }
  const check = (wanted: number) => waitFor('legs that are measured', () => ask(wanted), 90_000)
  t.match(await check(0), { verdict: 'ok', failing: [], summary: /each leg works, and so does the whole way/ })

  for (const [from, to, failing, leg] of [
    ['egress', 'eastwest', 2, 'egress-1 → eastwest-gateway'],
    ['eastwest', 'azure', 3, 'eastwest-1 → payments'],
  ] as const) {
    await network.setLink(from, to, { loss: 1 })
    const told = await check(1)
    t.match(told, { verdict: 'fail', failing: [failing], whole: { verdict: 'fail' } })
    t.match(told.summary, new RegExp(`^leg ${failing} of 3, ${leg}, fails: .*does not answer`))
    t.match(told.notes, [failing === 2 ? 'working: legs 1, 3' : 'working: legs 1, 2'])
    await network.setLink(from, to, { loss: 0 })
  }

  await network.setLink('egress', 'eastwest', { loss: 1 })
  const { status, stdout } = await controller.ask(...words)
  t.equal(status, 1)
  t.match(
    stdout,
    /egress-1 → eastwest-gateway: FAILS\n.*payments.*\n.*\nLeg 2 of 3, egress-1 → eastwest-gateway, fails: /s,
    'people are told too',
  )
})
