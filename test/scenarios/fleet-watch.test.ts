/** A failover drill from an agent: somebody at a desk sees the outage between two clouds, and its length decides. */
import t from 'tap'
import { startNetwork } from '../../deploy/sim/network.ts'
import type { Outage, WatchDocument, WatchEvent } from '../../wire/watch.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder } from '../lab/agent-in.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { startCloudPair } from '../lab/cloud-pair.ts'
import { startControllerIn } from '../lab/controller-in.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { twoTunnels } from '../lab/two-tunnels.ts'

const skip = await needsNamespaces()
t.setTimeout(400_000)

t.test('what is around an outage is the same as from here: round trip, TTL, MTU and route', { skip }, async t => {
  await using network = await startNetwork({ sites: { aws: {}, azure: {} }, routes: twoTunnels })
  const controller = await startControllerIn(network, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const nft = async (rules: string) => (await network.run('azure', ['nft', ...rules.split(' ')], { env: cleanEnv })).stdout
  const counted = 'add counter inet f seen; add chain inet f in { type filter hook input priority 0; }'
  await nft(`add table inet f; ${counted}; add rule inet f in icmp type echo-request counter name seen`)
  const echoes = async () => Number(/packets (\d+)/.exec(await nft('list counter inet f seen'))?.[1])
  const words = [
    'watch',
    '--from',
    'aws/us-east-1',
    '--to',
    'azure/eastus',
    '--duration',
    '30s',
    '--timeout',
    '1500ms',
    '--output',
    'ndjson',
  ]
  // Ten seconds of them: the first look is over.
  const away = waitFor('echoes', async () => ((await echoes()) > 200 ? true : undefined), 200_000).then(() =>
    network.failOver('aws', 'azure', { routes: ['tunnel-2'], tookMs: 2500, both: true }),
  )
  const { status, stdout, stderr } = await waitFor(
    'agents',
    async () => [await controller.ask(...words)].find(ran => ran.status !== 3),
    200_000,
  )
  await away
  t.equal(status, 0, stderr)
  const document = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as WatchDocument
  const outage = document.outages.find(({ ttl }) => ttl.before === 60 && ttl.after === 58)
  t.match(outage, { mtu: { before: 1420, after: 1380 }, route: { before: /^[0-9a-f]{16}$/, after: /^[0-9a-f]{16}$/ } }, stdout)
  const what = new Set(document.steps.map(step => step.what))
  for (const one of ['mtu', 'route', 'rtt', 'ttl'] as const) t.ok(what.has(one), one)
  t.equal(document.route?.length, 1 + 5 + 1, 'the gateway, five routers, the site')
})

t.test('an agent watches another cloud, tells of an outage as it goes on, and the objective is the exit code', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [] })
  const controller = await startControllerIn(pair, 'aws')
  t.teardown(() => removeFolder(controller.folder))
  await controller.startAgent('aws', 'aws-1', { cloud: 'aws', region: 'us-east-1' })
  await controller.startAgent('azure', 'azure-1', { cloud: 'azure', region: 'eastus' })
  const watch = (...more: string[]) => controller.ask('watch', '--from', 'aws/us-east-1', '--to', 'azure/eastus', '--kind', 'udp', ...more)
  const nft = async (rules: string) => {
    const ran = await pair.run('azure', ['nft', ...rules.split(' ')], { env: cleanEnv })
    t.equal(ran.status, 0, ran.stderr)
    return ran.stdout
  }
  const packets = async (counter: string): Promise<number> => Number(/packets (\d+)/.exec(await nft(`list counter inet f ${counter}`))?.[1])

  const refused = await waitFor(
    'agents',
    async () => [await watch('--rate', '1000', '--duration', '1s')].find(({ stderr }) => /local policy/.test(stderr)),
    60_000,
  )
  t.equal(refused.status, 3)
  t.match(refused.stderr, /sends 1000 probes a second, the local policy allows 100; to change that/)

  const counters = 'add counter inet f seen; add counter inet f gone'
  await nft(`add table inet f; ${counters}; add chain inet f in { type filter hook input priority 0; }`)
  await nft('add rule inet f in meta l4proto udp counter name seen')
  const drill = watch('--duration', '20s', '--objective', '100ms', '--output', 'ndjson')
  await waitFor('datagrams', async () => ((await packets('seen')) > 60 ? true : undefined), 60_000)
  await nft('add rule inet f in meta l4proto udp counter name gone drop')
  await waitFor('an outage', async () => ((await packets('gone')) > 60 ? true : undefined), 60_000)
  await nft('delete table inet f')
  const { status, stdout, stderr } = await drill
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as WatchEvent & { schema: string })
  const document = lines.at(-1) as unknown as WatchDocument
  t.equal(status, 1, stderr)
  t.match(lines[0], { schema: 'causeway.watch-event/1', type: 'begin' })
  t.match(document, { schema: 'causeway.watch/1', kind: 'udp', verdict: 'fail', detail: /at most 100 ms was wanted/, outageCount: Number })
  const ended = lines.filter(({ type }) => type === 'outage_ended') as unknown as { outage: Outage }[]
  t.ok(ended.some(({ outage }) => outage.direction === 'forward' && outage.lengthMs > 100))
  t.equal(ended.length, document.outageCount)
  t.ok(lines.filter(({ type }) => type === 'second').length >= 15, 'second by second')

  const short = await watch('--duration', '2s', '--objective', '5s')
  t.equal(short.status, 0, short.stderr)
  t.match(short.stdout, /aws-1 to agent\/azure-1 .* udp every 50ms.*no outage/s)
})
