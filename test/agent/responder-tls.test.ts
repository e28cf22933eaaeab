import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type ResponderOptions, startResponder } from '../../agent/responder/responder.ts'
import { openIdentity } from '../../probes/identity/source.ts'
import { buildFrame, helloBytes, readFrame, type Welcome } from '../../wire/responder.ts'
import { readWelcome } from '../../wire/responder-read.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { run, targetOf, word } from '../probes/targets.ts'
import { makeTrustDomain, type TestSvid } from '../servers/spiffe.ts'

const ports = { tcp: null, tls: 0, mtls: 0, udp: null }
const [aws, azure] = await Promise.all([makeTrustDomain('aws.test'), makeTrustDomain('azure.test')])

/** A responder of azure that holds both bundles, its SVID in files. */
const start = async (t: Test, options: Partial<ResponderOptions> = {}) => {
  const files = makeSvidFolder()
  const paths = files.svid('own', await azure.issue({ path: '/agent', below: 1 }))
  const bundles = { ...files.bundle(aws), ...files.bundle(azure) }
  const identity = openIdentity({ cert: paths.certFile, key: paths.keyFile, bundles })
  const responder = await startResponder({ agentId: 'azure-1', bind: ['127.0.0.1'], ports, identity, ...options })
  t.teardown(async () => {
    await responder.close()
    files.remove()
  })
  const dial = (port: number, svid?: Pick<TestSvid, 'chainPem' | 'keyPem'>): TLSSocket => {
    const socket = connect({ host: '127.0.0.1', port, cert: svid?.chainPem, key: svid?.keyPem, rejectUnauthorized: false })
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    return socket
  }
  return { responder, dial, files, paths, bundles }
}

/** What the responder says to a hello; undefined when it hangs up without a word. */
const greet = (socket: TLSSocket, payloadBytes = 0, wantBytes?: number): Promise<{ welcome?: Welcome; bytes: number }> =>
  new Promise(resolve => {
    let all = Buffer.alloc(0)
    socket.write(Buffer.concat([buildFrame('hello', { payloadBytes, wantBytes }, helloBytes), Buffer.alloc(payloadBytes)]))
    socket.on('data', data => {
      all = Buffer.concat([all, data])
    })
    socket.once('close', () => {
      const frame = readFrame(all)
      resolve({ welcome: frame.kind === 'frame' ? readWelcome(frame.body) : undefined, bytes: all.length })
    })
  })

t.test('over mTLS a caller is told who it is', async t => {
  const { responder, dial } = await start(t)
  const svid = await aws.issue({ path: '/agent', below: 1 })
  const { welcome } = await greet(dial(responder.ports.mtls!, svid))
  t.match(welcome, { agentId: 'azure-1', ttl: 64, svid: { id: 'spiffe://aws.test/agent', verified: true, violations: [] } })
  t.ok(welcome!.mss! > 1000)
  t.match(responder.stats(), { clientsAccepted: 1, clientsRefused: 0 })
})

t.test('over TLS everyone is let in, and told all that is wrong with what they show', async t => {
  const { responder, dial } = await start(t)
  const stranger = await makeTrustDomain('elsewhere.test')
  for (const [svid, code] of [
    [await aws.issue({ fault: 'two SPIFFE IDs' }), 'multiple_uri_san'],
    [await stranger.issue(), 'unknown_trust_domain'],
  ] as const) {
    const { welcome } = await greet(dial(responder.ports.tls!, svid))
    t.equal(welcome?.svid?.verified, false)
    t.ok(
      welcome?.svid?.violations.some(one => one.code === code && one.detail !== ''),
      JSON.stringify(welcome?.svid),
    )
  }
  t.equal((await greet(dial(responder.ports.tls!))).welcome?.svid, null, 'nothing shown, nothing said of it')
})

t.test('over mTLS who has no valid SVID is refused before a byte is said, and no ticket makes it look accepted', async t => {
  const { responder, dial, files, bundles } = await start(t)
  const stranger = await makeTrustDomain('elsewhere.test')
  for (const svid of [undefined, await stranger.issue()])
    t.same(await greet(dial(responder.ports.mtls!, svid)), { welcome: undefined, bytes: 0 })
  t.equal(responder.stats().clientsRefused, 2)
  const target = targetOf({ host: '127.0.0.1', port: responder.ports.mtls! })
  const probe = (svid: TestSvid) => run('mtls', target, { ...files.svid('caller', svid), bundles, negative: true })
  const good = await probe(await aws.issue())
  t.same(good.outcome, { kind: 'ok' })
  t.match(good.measured, { peerId: 'spiffe://azure.test/agent', clientAuth: 'accepted', withoutCertificate: 'refused' })
  t.equal(word((await probe(await stranger.issue())).outcome), 'client_cert_rejected_silent')
})

t.test('who has shown who it is may get more than it sent', async t => {
  const { responder, dial } = await start(t)
  const svid = await aws.issue()
  t.ok((await greet(dial(responder.ports.mtls!, svid), 1000, 500_000)).bytes > 500_000)
  t.ok((await greet(dial(responder.ports.tls!), 1000, 500_000)).bytes <= helloBytes + 1000)
})

t.test('a renewed SVID is served without a restart', async t => {
  const { responder, dial, files, paths } = await start(t, { limits: { connects: 1e6, connectsPerSource: 1e6 } })
  const served = async (): Promise<string> => {
    const socket = dial(responder.ports.tls!)
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerX509Certificate()!
    socket.destroy()
    return fingerprint256
  }
  const before = await served()
  t.equal(await served(), before)
  const next = await azure.issue({ path: '/agent' })
  for (const [name, path, text] of [
    ['next.key', paths.keyFile, next.keyPem],
    ['next.pem', paths.certFile, next.chainPem],
  ] as const)
    renameSync(files.write(name, text), path)
  const deadline = performance.now() + 10_000
  while ((await served()) === before && performance.now() < deadline) await new Promise(resolve => setImmediate(resolve))
  t.not(await served(), before)
  writeFileSync(paths.certFile, 'half a file')
  t.not(await served(), before, 'and what cannot be read takes nothing away')
})

t.test('without an SVID connections end at once, and TCP callers that shake no hands are cut off', async t => {
  const { responder } = await start(t, { identity: openIdentity({}), limits: { handshakeMs: 100 } })
  const socket = connectTcp(responder.ports.tls!, '127.0.0.1')
  await closed(socket)
  t.equal(responder.stats().noIdentity, 1)
})

const closed = (socket: Socket): Promise<void> =>
  new Promise(resolve => {
    socket.on('error', () => {}).once('close', () => resolve())
    socket.resume()
  })

t.test('handshakes that are never finished are few, end by themselves, and leave room for others', async t => {
  const { responder, dial } = await start(t, { limits: { handshakes: 4, handshakeMs: 300 } })
  const half = Array.from({ length: 6 }, () => connectTcp(responder.ports.mtls!, '127.0.0.1'))
  await Promise.all(half.map(closed))
  t.match(responder.stats(), { connectionsRefused: 2, connectionsTimedOut: 4 })
  t.equal((await greet(dial(responder.ports.tls!))).welcome?.agentId, 'azure-1')
  const garbage = connectTcp(responder.ports.mtls!, '127.0.0.1')
  garbage.write('GET / HTTP/1.1\r\n\r\n')
  await closed(garbage)
  t.equal(responder.stats().handshakesFailed, 1)
  t.equal(responder.stats().openConnections <= 1, true)
})

t.test('callers that leave without a word make room at once', async t => {
  const { responder, dial } = await start(t, { limits: { connectionsPerSource: 3 } })
  for (let i = 0; i < 20; i++) {
    const socket = dial(responder.ports.tls!)
    await once(socket, 'secureConnect')
    // A FIN without close_notify (RFC 8446 §6.1).
    socket.destroy()
    while (responder.stats().openConnections > 0) await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(responder.stats().connectionsRefused, 0)
  t.equal(responder.stats().connectionsTimedOut, 0)
})
