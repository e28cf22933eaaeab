/** The path is well, and the service is not. */
import t from 'tap'
import type { Diagnosis } from '../../wire/causes.ts'
import { type PairOptions, startCloudPair } from '../lab/cloud-pair.ts'
import { needsNamespaces } from '../lab/needs-namespaces.ts'
import { probeFrom } from '../lab/probe-in.ts'
import type { ServerSpec } from '../servers/main.ts'

const skip = await needsNamespaces()

type Story = { name: string; server: ServerSpec; network?: PairOptions; reason: string; says: Partial<Diagnosis>[]; tls?: object }

const stories: Story[] = [
  {
    name: 'a service in clear text',
    server: { kind: 'tcp', variant: 'plaintext http' },
    reason: 'not_tls',
    says: [{ cause: 'not_tls', confidence: 'certain' }],
  },
  {
    name: 'a service that accepts and says nothing',
    server: { kind: 'tcp', variant: 'accepts and says nothing' },
    reason: 'tls_timeout',
    says: [{ cause: 'service_silent' }],
  },
  {
    name: 'an expired certificate',
    server: { kind: 'tls', variant: 'expired' },
    reason: 'certificate_expired',
    says: [{ cause: 'certificate_expired', confidence: 'certain' }],
    tls: { chain: { length: 2 }, verified: false },
  },
  {
    name: 'a certificate for another name',
    server: { kind: 'tls', variant: 'wrong name' },
    reason: 'certificate_name_mismatch',
    says: [{ cause: 'certificate_name_mismatch', confidence: 'certain' }],
    tls: { chain: [{ sans: ['DNS:elsewhere.invalid'] }] },
  },
  {
    name: 'a chain without its intermediate, which nobody here holds either',
    server: { kind: 'tls', variant: 'incomplete chain' },
    reason: 'certificate_untrusted',
    says: [
      { cause: 'certificate_untrusted', confidence: 'likely' },
      { cause: 'chain_incomplete', confidence: 'possible' },
    ],
    tls: { chain: { length: 1 } },
  },
  {
    name: 'a self-signed certificate',
    server: { kind: 'tls', variant: 'self-signed' },
    reason: 'certificate_untrusted',
    says: [{ cause: 'certificate_untrusted', confidence: 'certain' }],
  },
]

for (const { name, server, network, reason, says, tls = {} } of stories) {
  t.test(name, { skip }, async t => {
    await using pair = await startCloudPair({ ...network, servers: [server] })
    const run = await probeFrom(pair)
    t.equal(run.status, 1)
    t.equal(run.document.verdict, 'fail')
    t.strictSame(
      run.causes,
      says.map(({ cause }) => cause),
    )
    t.match(run.document.diagnosis, says)
    t.match(run.result('tls'), { outcome: { kind: 'fail', reason }, measured: tls })
    t.match(run.result('mtu').outcome, { kind: 'ok' })
    t.match(run.result('mtu').measured, { forward: { pathMtu: 1500, blackHole: false }, reverse: { blackHole: false } })
  })
}

t.test('a middlebox loses the second packet of a ClientHello', { skip }, async t => {
  await using pair = await startCloudPair({ forward: { loseSecondSegment: true } })
  const run = await probeFrom(pair)
  t.equal(run.status, 1)
  t.strictSame(run.causes, ['handshake_too_big'])
  t.match(run.diagnosis('handshake_too_big'), { layer: 'tls', direction: 'forward', confidence: 'certain' })
  t.match(run.result('tls').measured.ladder, [
    { hello: 'small', packets: 1, completed: true },
    { hello: 'post_quantum', packets: 2, completed: false, stall: { direction: 'forward', flight: 'client_hello', bytesReceived: 0 } },
  ])
  t.match(run.result('mtu'), { outcome: { kind: 'ok' }, measured: { forward: { pathMtu: 1500 }, reverse: { pathMtu: 1500 } } })
})
