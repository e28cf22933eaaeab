/** No capability is needed: as uid 65534 with none, where ping sockets are open and where they are closed. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Network, startNetwork } from '../../deploy/sim/network.ts'
import type { SiteRunOptions } from '../../deploy/sim/site-process.ts'
import type { Kind, Result } from '../../wire/result.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import type { Ready } from '../servers/main.ts'
import { word } from './targets.ts'

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const prober = program('./programs/run-probes.ts')
const exactLine = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"'

type Sites = 'open' | 'closed' | 'far'

/** Every kind that needs a path, towards the service in `far`. */
const all: Kind[] = ['icmp', 'mtu', 'tcp', 'tls']

async function probeFrom(
  network: Network<Sites>,
  site: Sites,
  family: 4 | 6,
  ready: Ready,
  options: SiteRunOptions,
): Promise<Map<Kind, Result>> {
  const { host, port } = ready.servers.find(server => server.host.includes(':') === (family === 6))!
  const target = { host: 'svc.test', address: host, family, port }
  const wanted = all.map(kind => [kind, target, kind === 'tls' ? { ca: ready.caPem } : kind === 'icmp' ? { count: 3, intervalMs: 5 } : {}])
  const { status, stdout, stderr } = await network.run(site, [process.execPath, prober, JSON.stringify(wanted)], {
    env: cleanEnv,
    timeoutMs: 20_000,
    ...options,
  })
  if (status !== 0) throw new Error(`the prober ended with ${status}: ${stderr}`)
  return new Map((JSON.parse(stdout) as Result[]).map(result => [result.kind, result]))
}

t.test('with and without privileges', { skip: await needsNamespaces() }, async t => {
  const network = await startNetwork({ sites: { open: {}, closed: { pingGroupRange: 'closed' }, far: {} } })
  t.teardown(network.stop)
  const { address, address6 } = network.sites.far
  const specs = [address, ...(network.ipv6 ? [address6] : [])].map(host => ({ kind: 'tls', variant: 'healthy', host, port: 8443 }))
  const server = network.spawn('far', [process.execPath, program('../servers/main.ts'), JSON.stringify(specs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: cleanEnv,
  })
  const ready = JSON.parse(String((await once(server.stdout!, 'data'))[0])) as Ready
  const families = network.ipv6 ? ([4, 6] as const) : ([4] as const)
  const readable = await network.run('open', ['test', '-r', prober], { dropPrivileges: true })
  const skip = readable.status === 0 ? false : 'needs a checkout that every user may read: chmod -R a+rX .'

  for (const family of families) {
    t.test(`IPv${family}: nobody, where ping sockets are open: everything is measured`, { skip }, async t => {
      const results = await probeFrom(network, 'open', family, ready, { dropPrivileges: true })
      for (const kind of all) t.same(results.get(kind)?.outcome, { kind: 'ok' }, kind)
      t.match(results.get('icmp')?.measured, { socket: 'datagram', received: 3, ttl: /^6[0-4]$/ })
      t.match(results.get('mtu')?.measured, { echoMtu: 1500, localMtu: 1500, forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } })
    })

    t.test(
      `IPv${family}: nobody, where ping sockets are closed: ICMP says what to change, and the others are measured`,
      { skip },
      async t => {
        const results = await probeFrom(network, 'closed', family, ready, { dropPrivileges: true })
        const icmp = results.get('icmp')!
        t.match(icmp.outcome, { kind: 'unmeasured', reason: 'local_permission' })
        t.ok(icmp.outcome.kind !== 'ok' && icmp.outcome.detail.includes(exactLine), JSON.stringify(icmp.outcome))
        t.match(icmp.measured, { sent: 0, received: 0, socket: 'none' })
        for (const kind of ['mtu', 'tcp', 'tls'] as const) t.same(results.get(kind)?.outcome, { kind: 'ok' }, kind)
        t.match(results.get('mtu')?.measured, {
          echoMtu: null,
          reverse: { blackHole: false },
          forward: { blackHole: false, pathMtu: 1500, method: 'mss_sweep' },
        })
      },
    )

    t.test(`IPv${family}: where ping sockets are closed, CAP_NET_RAW will do`, async t => {
      const results = await probeFrom(network, 'closed', family, ready, {})
      for (const kind of all) t.equal(word(results.get(kind)!.outcome), 'ok', kind)
      t.match(results.get('icmp')?.measured, { socket: 'raw', received: 3, duplicates: 0, ttl: /^6[0-4]$/ })
      t.match(results.get('mtu')?.measured, { echoMtu: 1500, localMtu: 1500 })
    })
  }

  const mapped = network.userNamespace ? 'needs root: in a user namespace not every group exists: sudo npm test' : false
  t.test('the line that is advised opens them', { skip: skip || mapped }, async t => {
    const { status } = await network.run('closed', ['sh', '-c', exactLine])
    t.equal(status, 0)
    const results = await probeFrom(network, 'closed', 4, ready, { dropPrivileges: true })
    t.match(results.get('icmp'), { outcome: { kind: 'ok' }, measured: { socket: 'datagram' } })
  })
})
