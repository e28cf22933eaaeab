import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { startResponder } from '../../agent/responder/responder.ts'
import { type FlowSeen, judgeFlows } from '../../probes/tcp-flows.ts'
import type { Outcome } from '../../wire/result.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { startFullBacklog } from './full-backlog.ts'
import { run, started, targetOf, word } from './targets.ts'

const headers = { '127.0.0.1': 40, '::1': 60 }

for (const host of ['127.0.0.1', '::1'] as const) {
  t.test(`${host}: an open port tells its SYN's round trip and the MSS of both directions`, async t => {
    const { outcome, measured, warnings, phasesMs } = await run('tcp', targetOf(await started(t, tcpServers.sink({ host }))))
    t.same(outcome, { kind: 'ok' })
    t.ok(measured.synRttMs! > 0 && measured.synRttMs! < 100, `${measured.synRttMs} ms`)
    t.equal(phasesMs['connect'], measured.synRttMs)
    t.equal(measured.synRetransmits, 0)
    for (const mss of [measured.mssForward!, measured.mssReverse!]) t.ok(mss >= 1220 && mss <= 65_536 - headers[host], `MSS ${mss}`)
    t.match(measured, { retransmits: null, segmentsOut: null, retransmitRatio: null })
    t.same(warnings, [])
  })

  t.test(`${host}: a closed port is refused, a filtered one is silent`, async t => {
    const closed = await started(t, tcpServers.sink({ host }))
    await closed.close()
    t.match((await run('tcp', targetOf(closed))).outcome, { reason: 'tcp_refused', detail: `${host} port ${closed.port}` })
    const filtered = await started(t, startFullBacklog(host))
    const { outcome, measured, phasesMs } = await run('tcp', targetOf(filtered), { timeoutMs: 100 })
    t.match(outcome, { kind: 'fail', reason: 'tcp_timeout', detail: 'no answer to the SYN' })
    t.match(measured, { synRttMs: null, mssForward: null })
    t.notOk('connect' in phasesMs)
  })

  t.test(`${host}: a transfer is acknowledged to the last byte`, async t => {
    for (const variant of ['sink', 'echo'] as const)
      for (const payloadBytes of [1, 65_536, 65_537, 1_000_000]) {
        const { outcome, measured } = await run('tcp', targetOf(await started(t, tcpServers[variant]({ host }))), { payloadBytes })
        t.same(outcome, { kind: 'ok' }, `${variant}, ${payloadBytes} bytes`)
        t.ok(measured.bytesAcked! >= payloadBytes && measured.bytesAcked! <= payloadBytes + 1, `${measured.bytesAcked} bytes`)
        // A busy machine makes the kernel send a tail again (RFC 8985, tail loss probes).
        t.ok(measured.retransmits! <= 2 && measured.retransmitRatio! === measured.retransmits! / measured.segmentsOut!)
        t.ok(measured.segmentsOut! >= payloadBytes / 65_536)
        if (payloadBytes > 65_536) t.ok(measured.deliveryRateBytesPerSecond! > 1e6, `${measured.deliveryRateBytesPerSecond} bytes/s`)
      }
  })
}

t.test('the source asked for is used', async t => {
  const server = await started(t, tcpServers.sink())
  t.equal(word((await run('tcp', targetOf(server), { source: '127.0.0.42' })).outcome), 'ok')
  t.equal(word((await run('tcp', targetOf(server), { source: '198.51.100.7' })).outcome), 'config_invalid')
})

t.test('a port that accepts and does no more is open, whatever is behind it', async t => {
  for (const variant of [
    'accepts and says nothing',
    'sends garbage',
    'closes at once',
    'resets in the middle of the handshake',
    'one byte a second',
  ] as const)
    t.equal(word((await run('tcp', targetOf(await started(t, tcpServers[variant]())))).outcome), 'ok', variant)
})

t.test('a connection that is reset at once was accepted before', async t => {
  const server = await started(t, tcpServers['resets at once']())
  for (let i = 0; i < 20; i++) t.match(word((await run('tcp', targetOf(server))).outcome), /^(ok|tcp_reset)$/)
})

t.test('a service that hangs up in the middle of a transfer has reset it', async t => {
  for (const variant of ['closes at once', 'resets at once', 'resets in the middle of the handshake', 'plaintext http'] as const) {
    const { outcome, measured } = await run('tcp', targetOf(await started(t, tcpServers[variant]())), { payloadBytes: 10_000_000 })
    t.match(outcome, { kind: 'fail', reason: 'tcp_reset' }, variant)
    t.ok((measured.bytesAcked ?? 0) < 10_000_000)
  }
})

t.test('a service that does not read is a timeout, and what its kernel took is told', async t => {
  const server = await started(t, tcpServers['accepts and says nothing']())
  const { outcome, measured } = await run('tcp', targetOf(server), { payloadBytes: 50_000_000, timeoutMs: 500 })
  t.match(outcome, {
    kind: 'fail',
    reason: 'tcp_timeout',
    detail: /^127\.0\.0\.1 port \d+: \d+ of 50000000 bytes acknowledged, \d+ segments sent again$/,
  })
  t.ok(measured.bytesAcked! > 0 && measured.bytesAcked! < 50_000_000)
})

/** An address of loopback that no other test listens on. */
const proxyHost = '127.0.91.7'

t.test('a host on which the control ports are closed listens on one port, not on all', async t => {
  const server = await started(t, tcpServers.sink({ host: '127.0.91.6' }))
  const { measured } = await run('tcp', targetOf(server), { control: true })
  t.same(measured.control, [
    { port: 2, accepted: false },
    { port: 48_919, accepted: false },
  ])
  t.equal((await run('tcp', targetOf(server))).measured.control, undefined, 'and only where it was asked for')
})

t.test('a proxy that accepts everything is seen by its control ports', async t => {
  const server = await started(t, tcpServers.sink({ host: proxyHost }))
  await started(t, tcpServers.sink({ host: proxyHost, port: 48_919 }))
  const { outcome, measured } = await run('tcp', targetOf(server), { control: true })
  t.same(outcome, { kind: 'ok' })
  t.same(measured.control?.at(-1), { port: 48_919, accepted: true })
})

t.test('nothing is asked of the control ports of a host that did not connect', async t => {
  const silent = await started(t, startFullBacklog())
  t.equal((await run('tcp', targetOf(silent), { control: true, timeoutMs: 50 })).measured.control, undefined)
})

for (const host of ['127.0.0.1', '::1'] as const)
  t.test(`${host}: an agent's responder sends as much back, and tells what its kernel counted`, async t => {
    const ports = { tcp: 0, tls: null, mtls: null, udp: null }
    const responder = await started(t, startResponder({ agentId: 'agent-1', bind: [host], ports }))
    const target = targetOf({ host, port: responder.ports.tcp! })
    for (const payloadBytes of [4096, 100_000, 2_000_000]) {
      const { outcome, measured } = await run('tcp', target, { payloadBytes, timeoutMs: 10_000 })
      t.same(outcome, { kind: 'ok' })
      t.match(measured.responder, { agentId: 'agent-1', source: host, ttl: 64, slowed: false })
      t.equal(measured.reverse?.bytesSent, payloadBytes - 4096)
      t.ok(measured.reverse!.retransmits <= 2 && measured.bytesAcked! >= payloadBytes)
    }
    t.equal((await run('tcp', target, { payloadBytes: 4095 })).measured.responder, undefined, 'what is too small for a hello has none')
    t.equal(word((await run('tcp', target, { expectAgent: 'agent-1' })).outcome), 'ok')
    const other = await run('tcp', target, { expectAgent: 'agent-2' })
    t.match(other.outcome, { kind: 'unmeasured', reason: 'config_invalid', detail: /^agent "agent-1" answers at .*, want "agent-2"$/ })
  })

t.test('a service that is no responder is not the agent that was meant', async t => {
  for (const variant of ['echo', 'sends garbage'] as const) {
    const { outcome, measured } = await run('tcp', targetOf(await started(t, tcpServers[variant]())), { expectAgent: 'agent-1' })
    t.match(outcome, { kind: 'unmeasured', reason: 'config_invalid', detail: /^no agent's responder answers at/ }, variant)
    t.equal(measured.responder, undefined)
  }
})

t.test('a service that takes everything and says nothing is late, not configured wrongly', async t => {
  const sink = await started(t, tcpServers.sink())
  const { outcome } = await run('tcp', targetOf(sink), { expectAgent: 'agent-1', timeoutMs: 300 })
  t.match(outcome, { kind: 'fail', reason: 'tcp_timeout', detail: /said nothing, want the welcome of agent "agent-1"$/ })
})

t.test('an agent whose machine is stuck for a second is that agent all the same', async t => {
  const real = await started(
    t,
    startResponder({ agentId: 'agent-1', bind: ['127.0.0.1'], ports: { tcp: 0, tls: null, mtls: null, udp: null } }),
  )
  const late = createServer(socket => {
    const onward = connect(real.ports.tcp!, '127.0.0.1')
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    socket.pipe(onward)
    onward.on('error', () => socket.destroy())
    setTimeout(() => onward.pipe(socket), 1000)
  }).listen(0, '127.0.0.1')
  await once(late, 'listening')
  t.teardown(() => void late.close())
  const { port } = late.address() as AddressInfo
  t.same((await run('tcp', targetOf({ host: '127.0.0.1', port }), { expectAgent: 'agent-1', timeoutMs: 20_000 })).outcome, { kind: 'ok' })
})

t.test('a responder that is cut off in the middle of a transfer has reset it', async t => {
  const limits = { payloadBytes: 1_000_000 }
  const ports = { tcp: 0, tls: null, mtls: null, udp: null }
  const responder = await started(t, startResponder({ agentId: 'agent-1', bind: ['127.0.0.1'], ports, limits }))
  const target = targetOf({ host: '127.0.0.1', port: responder.ports.tcp! })
  t.equal(word((await run('tcp', target, { payloadBytes: 5_000_000 })).outcome), 'tcp_reset')
})

/** A port of this machine that nobody has, with the next ones. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(done => server.close(done))
  return Math.min(port, 65_000)
}

for (const host of ['127.0.0.1', '::1'] as const)
  t.test(`${host}: a pinned flow has its port in every run, to several targets at once, and leaves nothing in TIME-WAIT`, async t => {
    const sourcePort = await freePort()
    const [one, other] = [await started(t, tcpServers.sink({ host })), await started(t, tcpServers.sink({ host }))]
    const both = await Promise.all([one, other].map(server => run('tcp', targetOf(server), { sourcePort })))
    for (const { outcome, measured } of both)
      t.match([outcome, measured.flows], [{ kind: 'ok' }, [{ sourcePort, outcome: 'ok', synRetransmits: 0 }]], 'two targets')
    for (let i = 0; i < 20; i++) t.same((await run('tcp', targetOf(one), { sourcePort })).outcome, { kind: 'ok' }, `again, ${i}`)
    t.same((await run('tcp', targetOf(one), { sourcePort, payloadBytes: 100_000 })).outcome, { kind: 'ok' }, 'with a transfer')
    t.same((await run('tcp', targetOf(one), { sourcePort })).outcome, { kind: 'ok' }, 'and after it')
  })

t.test('runs of one pinned flow at the same time wait for one another', async t => {
  const [sourcePort, server] = [await freePort(), await started(t, tcpServers.sink())]
  const runs = await Promise.all(Array.from({ length: 8 }, () => run('tcp', targetOf(server), { sourcePort, timeoutMs: 30_000 })))
  for (const { outcome } of runs) t.same(outcome, { kind: 'ok' })
})

t.test('a pinned port that stays taken is no failure of the target', async t => {
  const server = await started(t, tcpServers.sink())
  const holder = createServer().listen(await freePort(), '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const { port: sourcePort } = holder.address() as AddressInfo
  const { outcome, measured } = await run('tcp', targetOf(server), { sourcePort, timeoutMs: 200 })
  t.match(outcome, { kind: 'unmeasured', reason: 'local_resource', detail: `source port ${sourcePort} is held by another` })
  t.same(measured.flows, [{ sourcePort, outcome: 'local_resource', synRttMs: null, synRetransmits: null }])
})

t.test('several flows connect side by side, each from its own port', async t => {
  const server = await started(t, tcpServers.sink())
  const fresh = (await run('tcp', targetOf(server), { flows: 8 })).measured
  t.equal(new Set(fresh.flows!.map(({ sourcePort }) => sourcePort)).size, 8)
  t.ok(fresh.synRttMs! > 0 && fresh.flows!.every(({ outcome, synRttMs }) => outcome === 'ok' && synRttMs! > 0))
  const sourcePort = await freePort()
  const pinned = (await run('tcp', targetOf(server), { flows: 3, sourcePort, timeoutMs: 10_000 })).measured
  t.same(
    pinned.flows!.map(one => one.sourcePort),
    [sourcePort, sourcePort + 1, sourcePort + 2],
  )
  const filtered = await started(t, startFullBacklog('127.0.0.1'))
  const none = await run('tcp', targetOf(filtered), { flows: 3, timeoutMs: 100 })
  t.equal(word(none.outcome), 'tcp_timeout', 'none of them')
  t.equal(none.measured.flows!.length, 3)
})

t.test('some flows that are not answered beside others that are: loss of one way; what the target itself says counts as said', t => {
  const seen = (sourcePort: number, outcome: Outcome): FlowSeen => ({ sourcePort, outcome, synRttMs: null, synRetransmits: null })
  const [silent, refused]: Outcome[] = [
    { kind: 'fail', reason: 'tcp_timeout', detail: 'no answer to the SYN' },
    { kind: 'fail', reason: 'tcp_refused', detail: 'RST' },
  ]
  const taken: Outcome = { kind: 'unmeasured', reason: 'local_resource', detail: 'held' }
  const good: Outcome = { kind: 'ok' }
  const target = targetOf({ host: '192.0.2.1', port: 443 })
  const judge = (...outcomes: Outcome[]) =>
    judgeFlows(
      outcomes[0]!,
      outcomes.map((outcome, n) => seen(1000 + n, outcome)),
      target,
    )
  t.same(judge(good, good), good)
  t.same(judge(silent!, silent!), silent, 'all of them: the path, or the host')
  t.match(judge(good, silent!, good, silent!), {
    reason: 'packet_loss',
    detail: /2 of 4 flows .* and the others do: .* source port 1001, 1003$/,
  })
  t.match(judge(silent!, good), { reason: 'packet_loss' }, 'the first is no better than the others')
  t.match(judge(good, refused!, silent!), { reason: 'tcp_refused', detail: /2 of 3 flows .* source port 1001: RST/ })
  t.same(judge(good, taken), good, 'a port that is taken says nothing')
  t.end()
})
