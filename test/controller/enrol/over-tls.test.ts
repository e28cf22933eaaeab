import { once } from 'node:events'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { tlsOptionsOf } from '../../../controller/authority/server-tls.ts'
import { fetchBundle } from '../../../controller/enrol/bundle-endpoint.ts'
import { enrol } from '../../../controller/enrol/enrol.ts'
import { makeJoinToken } from '../../../controller/enrol/join-token.ts'
import { peerChainOf } from '../../../controller/enrol/peer-chain.ts'
import { loadSigner } from '../../../controller/enrol/signer.ts'
import { keepTrustBundles } from '../../../controller/enrol/trust-bundles.ts'
import { openSqlite } from '../../../controller/store/sqlite.ts'
import type { FleetCluster } from '../../../wire/fleet.ts'
import { parseJoinToken } from '../../../wire/join-token.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { bundleEndpoints, endpointPath } from '../../servers/bundle-endpoint.ts'
import { listen } from '../../servers/listening.ts'
import { makeTrustDomain } from '../../servers/spiffe.ts'
import { findByPin, makeDirectory, openTls, random } from '../authority/files.ts'
import { trustIssuers } from './issuer.ts'

t.test("agents come over the controller's own TLS, by an SVID of a federated trust domain and by a join token with a pin", async t => {
  const directory = makeDirectory(t)
  const store = await openSqlite({ path: join(directory, 'controller.db') })
  const [home, away] = await Promise.all([makeTrustDomain('home.example'), makeTrustDomain('away.example')])
  const web = await makeAuthority({ name: 'web' })
  // The bundle of the one is served by an endpoint whose identity is of the other.
  const endpoint = await bundleEndpoints.https_spiffe(home, web)
  const serving = await home.issue({ path: endpointPath })
  const tls = await openTls(t, { directory, store })
  const keys = await trustIssuers({ ms: 0 })
  const bundles = keepTrustBundles({
    store,
    fetchBundle,
    readFile: async () => home.bundlePem(),
    random: () => 0,
    nowMs: () => Date.now(),
    sleep: async (_ms, stop) => void (stop.aborted || (await once(stop, 'abort'))),
  })
  const relay = await bundleEndpoints.https_web(away, web)
  relay.setCertificate(serving.chainPem, serving.keyPem)
  t.teardown(async () => {
    await bundles.close()
    await Promise.all([endpoint.close(), relay.close(), keys.close(), store.close()])
  })
  const spiffe = { profile: 'https_spiffe' as const, endpointId: `spiffe://home.example${endpointPath}` }
  const trustDomains = [
    { name: 'home.example', bundleEndpoint: { url: endpoint.url, ...spiffe }, bundle: { file: '/etc/home.pem' }, owner: 'test' },
    { name: 'away.example', bundleEndpoint: { url: relay.url, ...spiffe }, owner: 'test' },
  ]
  bundles.follow(trustDomains.slice(0, 1))
  while (bundles.current().size < 1) await new Promise(resolve => setImmediate(resolve))
  bundles.follow(trustDomains)
  while (bundles.current().size < 2) await new Promise(resolve => setImmediate(resolve))
  const cluster: FleetCluster = {
    name: 'eks',
    issuer: 'https://i.example',
    audience: 'a',
    subjects: ['s'],
    cloud: 'aws',
    region: 'us-east-1',
  }
  const signer = await loadSigner({ store, random, nowMs: Date.now() })
  const means = () => ({
    store,
    signer,
    fleet: { clusters: [{ ...cluster, owner: 'test' }], trustDomains },
    keys,
    bundles: bundles.current(),
    random,
    nowMs: Date.now(),
  })
  const said = { labels: {}, advertise: [], details: {} }
  const answers: unknown[] = []
  const server = createServer(tlsOptionsOf(tls.current()), (request, response) => {
    const peer = peerChainOf(request.socket as TLSSocket)
    const claimed = { location: { cluster: 'eks', node: 'node-1' } }
    void enrol(means(), { proof: { kind: 'spiffe', peer }, claimed, said, from: '127.0.0.1' }).then(answer => {
      answers.push(answer)
      response.end()
    })
  })
  const { port, close } = await listen(server)
  t.teardown(close)
  const { token } = await makeJoinToken(
    { store, random, nowMs: Date.now() },
    { location: { cloud: 'dc', region: 'fra' }, author: 'ann', caPin: tls.current().caPin! },
  )
  const parsed = parseJoinToken(token.reveal())
  if (!parsed.ok) return t.fail(parsed.problems.join())
  const ca = await findByPin(port, parsed.value.caPin!)
  t.ok(ca, 'the join token leads to the authority')
  const { chainPem, keyPem } = await away.issue({ path: '/ns/causeway/sa/agent', below: 1 })
  for (const shown of [{ cert: chainPem, key: keyPem }, {}]) {
    const socket = connect({ host: '127.0.0.1', port, ca: ca!, ...shown })
    await once(socket, 'secureConnect')
    socket.end('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n').resume()
    await once(socket, 'close')
  }
  t.match(answers, [
    { ok: true, agent: { id: 'away.example/ns/causeway/sa/agent/node-1', location: { cluster: 'eks' } }, credential: { token: Object } },
    { ok: false, reason: 'proof_malformed' },
  ])
  t.match(await enrol(means(), { proof: { kind: 'join', token }, claimed: {}, said, from: '127.0.0.1' }), { ok: true })
})
