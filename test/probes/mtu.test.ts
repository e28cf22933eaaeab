import t from 'tap'
import { searchByEcho } from '../../probes/mtu-echo.ts'
import { sweepStep } from '../../probes/sweep-step.ts'
import { handshakeOptions } from '../../probes/tls.ts'
import { makeAuthority } from '../servers/authority.ts'
import { type TcpVariant, tcpServers } from '../servers/tcp-servers.ts'
import { tlsServers } from '../servers/tls-servers.ts'
import { startFullBacklog } from './full-backlog.ts'
import { needsPing } from './needs-ping.ts'
import { addressOf, run, started, targetOf, word } from './targets.ts'

const skip = needsPing
const authority = await makeAuthority({ name: 'test root' })
const never = new AbortController().signal

for (const host of ['127.0.0.1', '::1']) {
  const largest = 65_535

  t.test(`${host}: loopback has no hole, with TLS or without a port`, { skip }, async t => {
    const server = await started(t, tlsServers['big chain']({ authority }, { host }))
    const { outcome, measured, warnings, phasesMs } = await run('mtu', targetOf(server))
    t.same(outcome, { kind: 'ok' })
    t.match(measured, {
      echoMtu: largest,
      recommendedMss: null,
      forward: { blackHole: false, pathMtu: largest },
      reverse: { blackHole: false },
    })
    t.equal(measured.endpoint, host === '::1' ? `[::1]:${server.port}` : `127.0.0.1:${server.port}`)
    t.ok(measured.steps.length >= 2 && measured.steps.every(({ passed }) => passed !== false))
    t.ok('tcp' in phasesMs && 'echo' in phasesMs)
    t.same(warnings, [])
    const alone = await run('mtu', addressOf(host))
    t.same(alone.outcome, { kind: 'ok' })
    t.match(alone.measured, { endpoint: host === '::1' ? '[::1]' : host, echoMtu: largest, steps: [] })
  })

  t.test(`${host}: less than is required fails`, { skip }, async t => {
    const server = await started(t, tlsServers.healthy({ authority }, { host }))
    t.equal(word((await run('mtu', targetOf(server), { requiredMtu: 65_535 })).outcome), 'ok')
  })

  t.test(`${host}: nothing listens on the port: what ICMP found stands`, { skip }, async t => {
    const closed = await started(t, tcpServers.sink({ host }))
    await closed.close()
    const { outcome, measured } = await run('mtu', targetOf(closed))
    t.same(outcome, { kind: 'ok' })
    t.match(measured, { echoMtu: largest, steps: [], forward: { method: 'icmp', tcpPacket: null } })
  })
}

t.test('a port that answers no SYN: what ICMP found stands', { skip }, async t => {
  const silent = await started(t, startFullBacklog())
  const { outcome, measured } = await run('mtu', targetOf(silent), { timeoutMs: 1500 })
  t.same(outcome, { kind: 'ok' })
  t.equal(measured.echoMtu, 65_535)
})

const strangers: TcpVariant[] = [
  'plaintext http',
  'smtp greeting',
  'sends garbage',
  'closes at once',
  'resets at once',
  'resets in the middle of the handshake',
  'closes after the ClientHello',
  'echo',
  'endless garbage',
]

for (const variant of strangers)
  t.test(`a server that does not speak TLS is no black hole: ${variant}`, { skip }, async t => {
    const { outcome, measured } = await run('mtu', targetOf(await started(t, tcpServers[variant]())))
    t.same(outcome, { kind: 'ok' })
    t.match(measured, { forward: { blackHole: false }, reverse: { blackHole: false }, recommendedMss: null })
  })

t.test('a server that says nothing is no black hole, however little time there is', { skip }, async t => {
  const silent = ['accepts and says nothing', 'sink', 'one byte a second'] as const
  const servers = await Promise.all(silent.map(variant => started(t, tcpServers[variant]())))
  const runs = servers.flatMap(server => [400, 1000, 2500].map(timeoutMs => run('mtu', targetOf(server), { timeoutMs })))
  for (const { outcome, measured } of await Promise.all(runs)) {
    t.match(word(outcome), /^(ok|unsupported)$/)
    t.match(measured, { forward: { blackHole: false }, reverse: { blackHole: false }, recommendedMss: null })
  }
})

t.test('without steps there is no search, and no sweep', { skip }, async t => {
  const server = await started(t, tlsServers['big chain']({ authority }))
  const { outcome, measured } = await run('mtu', targetOf(server), { maxSteps: 0 })
  t.same(outcome, { kind: 'ok' })
  t.ok(measured.steps.length <= 2)
})

for (const direction of ['forward', 'reverse'] as const)
  for (const packet of [576, 1280, 1500])
    t.test(`a step of the sweep: packets of ${packet} bytes pass on loopback, ${direction}`, async t => {
      const server = await started(t, tlsServers['big chain']({ authority }))
      const seen = await sweepStep(direction, packet, handshakeOptions(targetOf(server), { alpn: [] }), never)
      t.match(seen, { passed: true, tcpPacket: packet, pathMtu: null }, seen.detail)
    })

t.test('a step says what it could not tell, and why', async t => {
  const silent = await started(t, tcpServers['accepts and says nothing']())
  const base = handshakeOptions(targetOf(silent), { alpn: [] })
  t.match(await sweepStep('reverse', 1280, base, never), {
    passed: false,
    handshake: false,
    detail: /our ClientHello was acknowledged and 0 bytes came back/,
  })
  t.match(await sweepStep('forward', 1280, base, AbortSignal.abort()), { passed: null, tcpPacket: null })
  t.match(await sweepStep('forward', 1280, { ...base, port: 1 }, never), { passed: null, tcpPacket: null, detail: /ECONNREFUSED/ })
  t.match(await sweepStep('forward', 1280, { ...base, alpn: [''] }, never), { passed: null, detail: /of 0 bytes/ })
})

t.test('echoes on loopback: every size passes, with few packets', { skip }, async t => {
  for (const host of ['127.0.0.1', '::1']) {
    const found = await searchByEcho(addressOf(host), { tries: 3 }, never)
    t.match(found, { echoMtu: 65_535, silentAt: null, tooBig: null, localMtu: null })
    t.ok(found.sent < 60, `${found.sent} packets`)
  }
  const stopped = await searchByEcho(addressOf('127.0.0.1'), { tries: 3 }, AbortSignal.abort())
  t.equal(stopped.silentAt, null, 'a search that was stopped claims nothing')
})
