import { once } from 'node:events'
import { existsSync } from 'node:fs'
import t from 'tap'
import { cleanEnv } from '../lab/clean-env.ts'
import { type CloudPair, startCloudPair, startServers } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'
import type { TcpVariant } from '../servers/tcp-servers.ts'

const needsNft = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'].some(existsSync) ? false : 'needs nft: apt-get install nftables'
const skip = (await needsNamespaces()) || needsNft

const sidecarPort = 15_001
/** Where the sidecar reaches the service, past its own rule. */
const upstreamPort = 8444

/** Every TCP connection that leaves our side ends at the sidecar, as Istio's and Linkerd's rules have it. */
async function redirect(pair: CloudPair): Promise<void> {
  const rules = `table inet sidecar { chain out { type nat hook output priority -100;
    ip daddr ${pair.address} tcp dport != ${upstreamPort} redirect to :${sidecarPort}; }; }`
  const { status, stderr } = await pair.run('aws', ['nft', '-f', '-'], { input: rules })
  if (status !== 0) throw new Error(stderr)
}

const variants: TcpVariant[] = ['accepts and says nothing', 'closes at once', 'resets at once', 'closes after the ClientHello']
for (const variant of variants) {
  t.test(`a sidecar on our side that ${variant} on every port`, { skip }, async t => {
    await using pair = await startCloudPair()
    await redirect(pair)
    await startServers(pair, 'aws', [{ kind: 'tcp', variant, host: '127.0.0.1', port: sidecarPort }])
    const run = await probeFrom(pair)
    t.equal(run.status, 1)
    t.strictSame(run.causes, ['sidecar_answers_every_port'])
    t.match(run.diagnosis('sidecar_answers_every_port'), { layer: 'tcp', confidence: 'certain' })
    t.match(run.result('tcp').measured.control, [{ accepted: true }, { accepted: true }])
    t.match(run.result('icmp').outcome, { kind: 'ok' }, 'the host itself answers ping')
  })
}

t.test('a sidecar that lets everything through is named, and nothing fails', { skip }, async t => {
  await using pair = await startCloudPair({ servers: [{ kind: 'tls', variant: 'big chain', port: upstreamPort }] })
  await redirect(pair)
  const script = `require('net').createServer(near => {
    const far = require('net').connect(${upstreamPort}, '${pair.address}')
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => { near.destroy(); far.destroy() })
  }).listen(${sidecarPort}, '127.0.0.1', () => console.log('ready'))`
  const sidecar = pair.spawn('aws', [process.execPath, '-e', script], { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(sidecar.stdout!, 'data')
  const run = await probeFrom(pair)
  t.equal(run.status, 0)
  t.strictSame(run.causes, ['sidecar_answers_every_port'])
  t.match(run.result('tls').measured, { verified: true })
})
