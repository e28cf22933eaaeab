/** ECMP with one bad member: a path that is pinned to a flow fails always or never, fresh ones fail by the share, and whoever reads it is told why. */
import t from 'tap'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import { waitFor } from '../interop/programs.ts'
import { removeFolder, startAgentIn } from '../lab/agent-in.ts'
import { logsOf, runsOf } from '../lab/batches.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeIn } from '../lab/probe-in.ts'

const skip = await needsNamespaces()
t.setTimeout(400_000)

type Clouds = Network<'aws' | 'azure'>
const port = 8443
const server = `require('node:net').createServer(socket => socket.on('error', () => {}).resume()).listen(${port}, '0.0.0.0', () => console.log('up'))`
/** Flows from here on are tried: above those that the system gives to others. */
const firstPort = 62_000

/** Two equal ways there, of which the second loses everything behind its second router. */
const startEcmp = async (): Promise<Clouds> => {
  const network: Clouds = await startNetwork({
    sites: { aws: {}, azure: {} },
    routes: [
      { from: 'aws', to: 'azure', name: 'member-1', hops: 3, delayMs: 3 },
      { from: 'aws', to: 'azure', name: 'member-2', hops: [{}, {}, { loss: 1 }], delayMs: 3 },
      { from: 'azure', to: 'aws', name: 'back', hops: 3, delayMs: 3 },
    ],
  })
  await network.useRoutes('aws', 'azure', ['member-1', 'member-2'])
  const child = network.spawn('azure', [process.execPath, '-e', server], { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise(resolve => child.stdout!.once('data', resolve))
  return network
}

/** Which flows never connect, by one run with sixteen of them side by side. */
const findFlows = async (network: Clouds) => {
  const run = await probeIn(network, 'aws', [
    ...[`tcp://${network.sites.azure.address}:${port}`, '--flows', '16', '--source-port', String(firstPort), '--timeout', '2500ms'],
  ])
  const flows = run.result('tcp').measured.flows!
  const portsOf = (wanted: string) => flows.filter(({ outcome }) => outcome === wanted).map(({ sourcePort }) => sourcePort!)
  return { run, dead: portsOf('tcp_timeout'), alive: portsOf('ok') }
}

t.test('the command: sixteen flows show the member, and each of them is all good or all bad', { skip }, async t => {
  await using network = await startEcmp()
  const { azure } = network.sites
  const { run, dead, alive } = await findFlows(network)
  t.ok(dead.length >= 2 && alive.length >= 2 && dead.length + alive.length === 16, `${dead.length} dead, ${alive.length} alive`)
  t.match(run.result('tcp').outcome, { kind: 'fail', reason: 'packet_loss', detail: /of 16 flows .* do not connect and the others do/ })
  t.match(run.diagnosis('packet_loss'), {
    confidence: 'certain',
    summary: /one member of an ECMP group/,
    evidence: [new RegExp(`never answered, source ports ${dead[0]}`), new RegExp(`^answered, source ports ${alive[0]}`)],
    next: new RegExp(`^probe run tcp://${azure.address}:${port} .*--flows 1 --source-port ${dead[0]}$`),
  })
  t.same(run.causes, ['packet_loss'])

  const pinned = (sourcePort: number) =>
    probeIn(network, 'aws', [`tcp://${azure.address}:${port}`, '--source-port', String(sourcePort), '--timeout', '2500ms'])
  for (let i = 0; i < 2; i++) {
    const [bad, good] = await Promise.all([pinned(dead[0]!), pinned(alive[0]!)])
    t.match(bad.result('tcp').outcome, { kind: 'fail', reason: 'tcp_timeout' }, 'never')
    t.match(good.result('tcp').outcome, { kind: 'ok' }, 'always')
  }

  // The very flow that fails, and others beside it.
  const trace = await probeIn(network, 'aws', [
    ...[`trace://${azure.address}:${port}`, '--protocol', 'tcp', '--flows', '8', '--source-port', String(dead[0])],
    ...['--queries', '1', '--timeout', '1s'],
  ])
  t.match(trace.result('trace').measured.flows[0], {
    id: dead[0],
    reached: false,
    route: [network.sites.aws.gateway, '172.16.1.1', '172.16.1.2'],
  })
  t.match(trace.diagnosis('packet_loss').summary, /172\.16\.1\.1 and 172\.16\.1\.2.*one member of an ECMP group/)
})

t.test('echoes that are pinned to a flow are all answered or none; others by the share', { skip }, async t => {
  await using network = await startEcmp()
  const ping = async (...words: string[]) => {
    const run = await probeIn(network, 'aws', [
      ...[`icmp://${network.sites.azure.address}`, '--count', '20', '--interval', '10ms', '--timeout', '2s', ...words],
    ])
    return run.result('icmp').measured.received
  }
  const received = await Promise.all(Array.from({ length: 8 }, (_, n) => ping('--source-port', String(firstPort + n))))
  t.ok(
    received.every(count => count === 0 || count === 20),
    `all or nothing: ${received.join(' ')}`,
  )
  t.same(new Set(received).size, 2, received.join(' '))
  const again = await Promise.all(received.map((_, n) => ping('--source-port', String(firstPort + n), '--size', '1000')))
  t.same(again, received, 'and the same again, with echoes of another size')
  const fresh = await ping()
  t.ok(fresh > 0 && fresh < 20, `${fresh} of 20`)
})

t.test('traces of one flow take one way, today and tomorrow', { skip }, async t => {
  await using network = await startEcmp()
  await network.setRoute('aws', 'azure', 'member-2', { hops: 3 })
  for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
    const runs = await Promise.all(
      Array.from({ length: 3 }, (_, n) =>
        probeIn(network, 'aws', [
          ...[`trace://${network.sites.azure.address}:${port}`, '--protocol', protocol, '--queries', '2'],
          ...['--source-port', String(firstPort + 10 * n), '--timeout', '2s'],
        ]),
      ),
    )
    const again = await probeIn(network, 'aws', [
      ...[`trace://${network.sites.azure.address}:${port}`, '--protocol', protocol, '--queries', '2', '--source-port', String(firstPort)],
      ...['--timeout', '2s'],
    ])
    // The target limits how often it says port unreachable: its routers are the way.
    const routersOf = (run: (typeof runs)[0]) =>
      run.result('trace').measured.flows[0]!.route.filter(hop => hop !== network.sites.azure.address)
    t.same(routersOf(again), routersOf(runs[0]!), protocol)
  }
})

t.test('the agent: pinned beside fresh, and the trace of the pinned one names the member', { skip }, async t => {
  await using network = await startEcmp()
  const { dead, alive } = await findFlows(network)
  const check = (name: string, options: object) => ({
    name,
    kind: 'tcp',
    every: '3s',
    lateness: '30s',
    options: { timeoutMs: 1500, ...options },
  })
  const agent = await startAgentIn(network, {
    targets: [{ name: 'azure-1', address: `${network.sites.azure.address}:${port}` }],
    checks: [check('dead', { sourcePort: dead[0] }), check('alive', { sourcePort: alive[0] }), check('fresh', {})],
  })
  t.teardown(() => removeFolder(agent.folder))
  const runs = (name: string) => {
    const { ok = 0, 'fail/tcp_timeout': fail = 0, ...others } = runsOf(agent.batches, name)
    return { ok, fail, others }
  }
  const seen = await waitFor(
    'runs of all',
    async () => {
      const [bad, good, fresh] = [runs('dead'), runs('alive'), runs('fresh')]
      return bad.fail >= 8 && good.ok >= 8 && fresh.ok + fresh.fail >= 8 && fresh.fail > 0 && fresh.ok > 0
        ? { bad, good, fresh }
        : undefined
    },
    120_000,
  )
  t.match([seen.bad.ok, seen.good.fail], [0, 0], JSON.stringify(seen))
  const traced = await waitFor(
    'the trace',
    async () =>
      logsOf(agent.batches).find(({ name, attributes }) => name === 'causeway.path.traced' && attributes['causeway.check'] === 'dead'),
    60_000,
  )
  t.match(traced.attributes, { 'causeway.trace.protocol': 'tcp', 'causeway.cause': 'packet_loss', 'causeway.trace.outcome': 'packet_loss' })
  t.match(JSON.stringify(traced), /one member of an ECMP group/)
  t.match(traced.body, new RegExp(`flow ${dead[0]} is last seen at hop 3, 172\\.16\\.1\\.2`))
  await agent.end()
})
