import { once } from 'node:events'
import { createServer } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { tlsOptionsOf } from '../../../controller/authority/server-tls.ts'
import { peerChainOf } from '../../../controller/enrol/peer-chain.ts'
import { proveByPeer } from '../../../controller/enrol/spiffe.ts'
import { Secret } from '../../../wire/secret.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { listen } from '../../servers/listening.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { readCertificates } from './certificates.ts'

type Client = { cert?: string; key?: string; maxVersion?: 'TLSv1.2' | 'TLSv1.3' }

/** A server as the controller's is, which keeps what each client showed. */
const startServer = async (t: Test) => {
  const web = await makeAuthority({ name: 'controller' })
  const { chainPem, keyPem } = await web.issue({ addresses: ['127.0.0.1'] })
  const peers: Uint8Array[][] = []
  const shown = { chainPem, key: new Secret(keyPem), notBeforeMs: 0, notAfterMs: 0 }
  const server = createServer(tlsOptionsOf(shown), (request, response) => {
    peers.push(peerChainOf(request.socket as TLSSocket))
    response.end()
  })
  const { port, close } = await listen(server)
  t.teardown(close)
  const come = async (client: Client = {}, session?: Buffer): Promise<{ peer: Uint8Array[]; session?: Buffer }> => {
    const socket = connect({ host: '127.0.0.1', port, ca: web.certPem, session, ...client })
    let ticket: Buffer | undefined
    socket.on('session', given => (ticket = given))
    await once(socket, 'secureConnect')
    socket.end('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n').resume()
    await once(socket, 'close')
    return { peer: peers.at(-1)!, ...(ticket ? { session: ticket } : {}) }
  }
  return { come }
}

t.test('the chain is what the client sent: its own certificate, then the intermediates', async t => {
  const { come } = await startServer(t)
  const domain = await makeTrustDomain('td.example')
  const trust = {
    trustDomains: ['td.example'],
    clusters: [{ name: 'eks', issuer: 'https://i.example', audience: 'a', subjects: ['s'], cloud: 'aws', region: 'us-east-1' }],
    bundles: new Map([['td.example', readCertificates([domain.active().certPem])]]),
    nowMs: Date.now(),
  }
  for (const below of [0, 1, 2]) {
    const { chainPem, keyPem } = await domain.issue({ below })
    const { peer, session } = await come({ cert: chainPem, key: keyPem })
    t.strictSame(
      peer.map(der => Buffer.from(der).toString('hex')),
      readCertificates([chainPem]).map(({ x509 }) => x509.raw.toString('hex')),
    )
    t.match(proveByPeer(peer, { location: { cluster: 'eks' } }, trust), { ok: true, proof: { subject: 'spiffe://td.example/test' } })
    t.equal((await come({ cert: chainPem, key: keyPem }, session)).peer.length, below + 1, 'also of who comes with the session of before')
    const older: Client = { cert: chainPem, key: keyPem, maxVersion: 'TLSv1.2' }
    const first = await come(older)
    t.equal((await come(older, first.session)).peer.length, below + 1, 'also with TLS 1.2')
  }
})

t.test('a client may show nothing, and what is shown is not judged by the handshake', async t => {
  const { come } = await startServer(t)
  t.strictSame((await come()).peer, [])
  const stranger = await makeAuthority({ name: 'stranger' })
  const { certPem, keyPem } = await stranger.issue({ uris: ['spiffe://td.example/test'] })
  t.equal((await come({ cert: certPem + stranger.certPem, key: keyPem })).peer.length, 2, 'a root that is its own issuer ends the walk')

  let deep = await makeAuthority({ name: 'deep' })
  for (let index = 0; index < 12; index++) deep = await deep.intermediate({ name: `deep ${index}` })
  const leaf = await deep.issue({ uris: ['spiffe://td.example/test'] })
  t.equal((await come({ cert: leaf.chainPem, key: leaf.keyPem })).peer.length, 10, 'no more than any path has')
})
