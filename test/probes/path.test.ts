/** Paths that lose, delay, double and cut packets: what the probes say of them. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Link, perfectLink } from '../../deploy/sim/link.ts'
import { startNetwork } from '../../deploy/sim/network.ts'
import type { Measured } from '../../wire/measured.ts'
import type { Options } from '../../wire/options.ts'
import type { Kind, Result } from '../../wire/result.ts'
import { cleanEnv } from '../lab/clean-env.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import type { Ready } from '../servers/main.ts'
import { word } from './targets.ts'

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const skip = await needsNamespaces()
const [tlsPort, sinkPort, closedPort] = [8443, 7000, 8444]
const unset = {
  rateBitsPerSecond: undefined,
  mtu: undefined,
  signalMtu: undefined,
  fragment: undefined,
  clampMss: undefined,
  dropTcpPorts: undefined,
}

type Wanted<K extends Kind> = { kind: K; options?: Partial<Options[K]>; host?: string; port?: number }

t.test('over a simulated path', { skip }, async t => {
  const network = await startNetwork({ sites: { aws: {}, azure: {} } })
  t.teardown(network.stop)
  const { address, address6 } = network.sites.azure
  const hosts = network.ipv6 ? [address, address6] : [address]
  const specs = hosts.flatMap(host => [
    { kind: 'tls', variant: 'big chain', host, port: tlsPort },
    { kind: 'tcp', variant: 'sink', host, port: sinkPort },
  ])
  const servers = network.spawn('azure', [process.execPath, program('../servers/main.ts'), JSON.stringify(specs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: cleanEnv,
  })
  const ready = JSON.parse(String((await once(servers.stdout!, 'data'))[0])) as Ready

  /** Both directions as told, everything else perfect; nothing remembered of earlier path MTUs. */
  async function set(forward: Partial<Link>, reverse: Partial<Link> = {}): Promise<void> {
    await network.setLink('aws', 'azure', { ...perfectLink, ...unset, ...forward })
    await network.setLink('azure', 'aws', { ...perfectLink, ...unset, ...reverse })
    for (const site of ['aws', 'azure'] as const) await network.run(site, ['sh', '-c', 'ip -4 route flush cache; ip -6 route flush cache'])
  }

  /** Side by side, from aws. */
  async function probeAll<K extends Kind>(wanted: Wanted<K>[]): Promise<Result<K>[]> {
    const list = wanted.map(({ kind, options, host = address, port = tlsPort }) => [
      kind,
      { host: 'svc.test', address: host, family: host.includes(':') ? 6 : 4, port },
      { timeoutMs: 4000, ...(kind === 'tls' ? { ca: ready.caPem } : {}), ...options },
    ])
    const argv = [process.execPath, program('./programs/run-probes.ts'), JSON.stringify(list)]
    const { status, stdout, stderr } = await network.run('aws', argv, { env: cleanEnv, timeoutMs: 20_000 })
    if (status !== 0) throw new Error(`the prober ended with ${status}: ${stderr}`)
    return JSON.parse(stdout) as Result<K>[]
  }
  const probe = async <K extends Kind>(kind: K, options: Partial<Options[K]> = {}, host?: string, port?: number): Promise<Result<K>> =>
    (await probeAll([{ kind, options, ...(host ? { host } : {}), ...(port ? { port } : {}) }]))[0]!

  for (const host of hosts) {
    const family = host === address ? 4 : 6

    t.test(`IPv${family}: the delay of both directions is the round trip of echoes and of the SYN`, async t => {
      await set({ delayMs: 12 }, { delayMs: 8 })
      const icmp = await probe('icmp', { count: 20, intervalMs: 5 }, host)
      t.same(icmp.outcome, { kind: 'ok' })
      t.ok(icmp.measured.rttMs!.min >= 20 && icmp.measured.rttMs!.min < 200, `${icmp.measured.rttMs!.min} ms`)
      const tcp = await probeAll(Array(5).fill({ kind: 'tcp', host } satisfies Wanted<'tcp'>))
      const fastest = Math.min(...tcp.map(({ measured }) => (measured as Measured['tcp']).synRttMs!))
      // The WAN is a process too, and late on a busy machine; early it can't be.
      t.ok(fastest >= 20 && fastest < 200, `${fastest} ms`)
    })

    t.test(`IPv${family}: the server's flight vanishes: a stall in the reverse direction`, async t => {
      await set({ delayMs: 2 }, { delayMs: 2, mtu: 1300 })
      const { outcome, measured } = await probe('tls', {}, host)
      t.match(outcome, { kind: 'fail', reason: 'tls_stalled', detail: /the server's flight is lost in the reverse direction/ })
      t.match(measured.stall, { direction: 'reverse', flight: 'server_flight', retransmits: 0, unacked: 0 })
      t.ok(measured.stall!.outOfOrder > 0 && measured.stall!.bytesAcked > 250)
      t.match(measured, { handshakeMs: null, chain: [], verified: false })
    })

    t.test(`IPv${family}: a large hello vanishes where a small one passes: the ladder says so`, async t => {
      await set({ delayMs: 2, mtu: 1290 }, { delayMs: 2 })
      const { outcome, measured } = await probe('tls', { ladder: true }, host)
      const says =
        /a ClientHello of \d+ bytes \(2 packets\) gets no answer, one of \d+ bytes does: our ClientHello is lost in the forward direction/
      t.match(outcome, { kind: 'fail', reason: 'tls_stalled', detail: says })
      t.match(measured.ladder, [
        { hello: 'small', completed: true },
        { hello: 'post_quantum', completed: false, end: 'stalled', packets: 2, stall: { direction: 'forward', flight: 'client_hello' } },
      ])
      t.ok(measured.ladder![1]!.stall!.retransmits >= 3)
      t.equal(measured.chain.length, 2, 'what the small one found out stands')
    })
  }

  t.test('loss is a warning or a failure, by how much is allowed', async t => {
    await set({ loss: 0.3 })
    const echoes = { count: 200, intervalMs: 2, replyTimeoutMs: 200 }
    const [strict, lenient] = await probeAll([
      { kind: 'icmp', options: echoes },
      { kind: 'icmp', options: { ...echoes, maxLoss: 0.9 } },
    ])
    t.match(strict!.outcome, { kind: 'fail', reason: 'packet_loss', detail: /of 200 echoes lost/ })
    const { lossRatio } = strict!.measured
    t.ok(lossRatio > 0.15 && lossRatio < 0.45, `${lossRatio}`)
    t.match(lenient, { outcome: { kind: 'ok' }, warnings: [{ code: 'packet_loss' }] })
  })

  t.test('packets that are doubled and overtaken are counted, and are no failure', async t => {
    await set({ duplicate: 0.5 })
    const doubled = await probe('icmp', { count: 50, intervalMs: 2 })
    t.match(doubled, { outcome: { kind: 'ok' }, measured: { received: 50 }, warnings: [{ code: 'duplicates' }] })
    t.ok(doubled.measured.duplicates > 10 && doubled.measured.duplicates < 40, `${doubled.measured.duplicates}`)
    await set({ reorder: 0.3, reorderMs: 15 })
    const overtaken = await probe('icmp', { count: 50, intervalMs: 2 })
    t.match(overtaken, { outcome: { kind: 'ok' }, measured: { received: 50 }, warnings: [{ code: 'reordered' }] })
    t.ok(overtaken.measured.reordered > 0)
  })

  t.test('a link that is down: no reply, and no answer to the SYN', async t => {
    await set({}, { down: true })
    const [icmp, tcp, tls] = await probeAll<Kind>([
      { kind: 'icmp', options: { count: 3, intervalMs: 5, replyTimeoutMs: 100 } },
      { kind: 'tcp', options: { timeoutMs: 300 } },
      { kind: 'tls', options: { timeoutMs: 300 } },
    ])
    t.match(icmp, { outcome: { reason: 'no_reply' }, measured: { sent: 3, received: 0, lossRatio: 1, rttMs: null, ttl: null } })
    t.equal(word(tcp!.outcome), 'tcp_timeout')
    t.equal(word(tls!.outcome), 'tcp_timeout')
  })

  t.test('a filtered port is silent where a closed one refuses', async t => {
    await set({ dropTcpPorts: [tlsPort] })
    const results = await probeAll(
      [tlsPort, closedPort, sinkPort].map(port => ({ kind: 'tcp', port, options: { timeoutMs: 300 } }) as const),
    )
    t.same(
      results.map(({ outcome }) => word(outcome)),
      ['tcp_timeout', 'tcp_refused', 'ok'],
    )
  })

  t.test('a SYN that was lost is sent again, and told', async t => {
    await set({ dropTcpPorts: [sinkPort] })
    const dropped = async () => (await network.counters()).aws.azure.dropped.tcp_port
    const before = await dropped()
    const running = probe('tcp', {}, address, sinkPort)
    while ((await dropped()) === before) await new Promise(resolve => setImmediate(resolve))
    await network.setLink('aws', 'azure', { dropTcpPorts: undefined })
    t.match(await running, {
      outcome: { kind: 'ok' },
      measured: { synRetransmits: 1 },
      warnings: [{ code: 'syn_retransmitted', detail: /2 times/ }],
    })
  })

  t.test('a clamp on the way back is seen in the MSS that we may send', async t => {
    await set({ clampMss: 1300 }, { clampMss: 1350 })
    const { measured } = await probe('tcp')
    t.equal(measured.mssForward, 1350, 'what the SYN-ACK allows')
    t.equal(measured.mssReverse, 1460, 'what we advertised; what is clamped after us is not seen from here')
  })

  t.test('even a small hello vanishes: a stall in the forward direction', async t => {
    await set({ delayMs: 2, mtu: 300 }, { delayMs: 2 })
    const { outcome, measured } = await probe('tls', { ladder: true })
    t.match(outcome, { kind: 'fail', reason: 'tls_stalled', detail: /our ClientHello is lost in the forward direction/ })
    t.match(measured.stall, { direction: 'forward', flight: 'client_hello', bytesReceived: 0, bytesAcked: 0 })
    t.equal(measured.ladder, undefined)
  })

  t.test('three per cent loss is no stall', async t => {
    await set({ delayMs: 2, loss: 0.03 }, { delayMs: 2, loss: 0.03 })
    const wanted: Wanted<'tls'> = { kind: 'tls', options: { ladder: true, timeoutMs: 9000 } }
    const results = await probeAll(Array<Wanted<'tls'>>(8).fill(wanted))
    t.same([...new Set(results.map(({ outcome }) => word(outcome)))], ['ok'])
  })

  t.test('an error that one echo brought is not held against the echoes of others', async t => {
    await set({})
    const argv = [process.execPath, program('./programs/pending-error.ts'), '10.99.0.2', address]
    const { stdout, stderr } = await network.run('aws', argv, { env: cleanEnv, timeoutMs: 10_000 })
    t.same(JSON.parse(stdout || '{}'), { first: { replies: 0, errors: 1 }, second: { replies: 1, errors: 0 }, sends: [0, 0] }, stderr)
  })

  t.test('nobody has the address: this machine gets no answer to address resolution, or nothing comes back', async t => {
    await set({})
    // Three requests, so long apart (arp(7)).
    await network.run('aws', ['sh', '-c', 'echo 100 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms'])
    const far = { kind: 'icmp', host: '10.99.0.2', options: { count: 2, intervalMs: 5, replyTimeoutMs: 300 } } as const
    const near = { kind: 'icmp', host: '10.1.0.77', options: { count: 1, replyTimeoutMs: 2000 } } as const
    const [beyond, beside] = await probeAll<'icmp'>([far, near])
    t.match(word(beyond!.outcome), /^(no_reply|host_unreachable|network_unreachable)$/)
    t.match(beside!.outcome, { kind: 'fail', reason: 'host_unreachable' })
  })

  t.test('a transfer over a lossy path tells how much was sent again', async t => {
    await set({ delayMs: 1, loss: 0.05 })
    const { outcome, measured, warnings } = await probe('tcp', { payloadBytes: 200_000, timeoutMs: 15_000 }, address, sinkPort)
    t.same(outcome, { kind: 'ok' })
    t.ok(measured.retransmits! > 0 && measured.retransmitRatio! > 0 && measured.retransmitRatio! < 0.5, JSON.stringify(measured))
    t.match(warnings, [{ code: 'retransmits' }])
  })
})
