import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import type { Options } from '../../wire/options.ts'
import type { Result } from '../../wire/result.ts'
import { makeSvidFolder } from '../lab/svid-files.ts'
import { type MtlsVariant, mtlsServers, startMtls } from '../servers/mtls-servers.ts'
import { hasOpenssl } from '../servers/openssl-server.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { type SvidFault, svidFaults } from '../servers/svid-faults.ts'
import { startWorkloadApi, stateOf, type WorkloadApiMode } from '../servers/workload-api.ts'
import { run, started, targetOf, word } from './targets.ts'

const ours = await makeTrustDomain('ours.test')
const theirs = await makeTrustDomain('theirs.test')
const strange = await makeTrustDomain('strange.test')
const folder = makeSvidFolder()
t.teardown(() => folder.remove())
const bundles = folder.bundle(theirs)
const right = await ours.issue({ path: '/right' })
const clients = {
  /** Of a trust domain that the servers accept. */
  right: folder.svid('right', right),
  /** Of one that they do not know. */
  stranger: folder.svid('stranger', await strange.issue()),
  none: {},
}
type Client = keyof typeof clients
const route = 'outbound_.8080_._.svc.ns.svc.cluster.local'

/** In a line: the outcome, what became of our certificate, the alert, and what became of a client without a certificate. */
const sum = ({ outcome, measured: { clientAuth, alert, withoutCertificate } }: Result<'mtls'>): string =>
  [word(outcome), clientAuth, alert && `alert ${alert}`, withoutCertificate && `without: ${withoutCertificate}`].filter(Boolean).join(', ')

const accepted = 'ok, accepted, without: refused'
const silent = 'client_cert_rejected_silent, rejected'
const alerted = (alert: number) => `client_cert_rejected, rejected, alert ${alert}`
const required = (alert: number) => `client_cert_required, rejected, alert ${alert}`
const open = 'mtls_not_enforced, not_requested'
const unchecked = 'mtls_not_enforced, accepted, without: accepted'

type Row = [right: string, stranger: string, none: string]
/** By server. */
const tls13: Record<MtlsVariant, Row> = {
  'accepts and greets': [accepted, silent, required(116)],
  'says who you are': [accepted, silent, required(116)],
  'accepts and says nothing': [accepted, silent, required(116)],
  'accepts and gives no sign': ['client_auth_unconfirmed, unconfirmed', alerted(48), required(48)],
  'accepts and echoes': [accepted, silent, required(116)],
  'ends open connections when renewed': [accepted, silent, required(116)],
  'asks for no certificate': [open, open, open],
  'takes any certificate or none': [unchecked, unchecked, open],
  Node: [accepted, silent, required(116)],
  OpenSSL: [accepted, alerted(48), required(116)],
  'like Java': [accepted, alerted(46), required(42)],
  'like go-spiffe': [accepted, alerted(42), required(116)],
  'like Envoy': [accepted, alerted(48), required(116)],
  'one alert': [alerted(46), alerted(46), required(46)],
  'closes after the handshake': [silent, silent, 'client_cert_required, rejected'],
  'hangs up by policy': ['authorization_denied, accepted', silent, required(116)],
  'resets after the handshake': [silent, silent, 'client_cert_required, rejected'],
  'like nginx': [unchecked, unchecked, open],
  'denies by policy': [accepted, silent, required(116)],
  'Istio gateway': [accepted, silent, required(116)],
}
/** In TLS 1.2 a refused certificate ends the handshake itself. */
const tls12: Partial<Record<MtlsVariant, Row>> = {
  OpenSSL: [accepted, alerted(48), required(40)],
  'like Java': [accepted, alerted(46), required(42)],
  'like go-spiffe': [accepted, alerted(42), required(42)],
  'like Envoy': [accepted, alerted(48), required(40)],
  'one alert': [alerted(46), alerted(46), required(46)],
  'asks for no certificate': [open, open, open],
  'takes any certificate or none': [unchecked, unchecked, open],
}

for (const [version, table] of [
  ['TLSv1.3', tls13],
  ['TLSv1.2', tls12],
] as const)
  for (const [variant, row] of Object.entries(table) as [MtlsVariant, Row][]) {
    const skip = variant === 'OpenSSL' && !hasOpenssl() ? 'needs openssl: apt-get install openssl' : false
    t.test(`a server that ${variant}, ${version}`, { skip }, async t => {
      const options = { maxVersion: version, serverNames: [route], allow: [right.id] }
      const server = await started(t, startMtls(variant, { domain: theirs, accepts: [ours], ...options }))
      const gateway = variant === 'Istio gateway' ? { sni: route, alpn: ['istio'] } : {}
      for (const [index, name] of (Object.keys(clients) as Client[]).entries()) {
        const result = await run('mtls', targetOf(server), { ...clients[name], ...gateway, bundles, negative: true })
        t.equal(sum(result), row[index], name)
        if (result.measured.clientAuth !== 'accepted') t.not(result.outcome.kind, 'ok', `${name}: never ok without proof`)
        if (result.measured.handshakeMs !== null)
          t.match(result.measured, { version, peerId: 'spiffe://theirs.test/server', trustDomain: 'theirs.test', verified: true })
      }
    })
  }

t.test('the table knows every server', t => {
  t.strictSame(new Set(Object.keys(tls13)), new Set(Object.keys(mtlsServers)))
  t.end()
})

t.test('a connection that is reset as its TLS 1.2 handshake ends has not accepted us', async t => {
  const server = await started(t, startMtls('resets after the handshake', { domain: theirs, accepts: [ours], maxVersion: 'TLSv1.2' }))
  const result = await run('mtls', targetOf(server), { ...clients.right, bundles })
  t.equal(result.outcome.kind, 'fail')
  t.not(result.measured.clientAuth, 'accepted')
})

t.test('a server that takes its time to look at our certificate has accepted us all the same', async t => {
  const server = await started(t, startMtls('accepts and says nothing', { domain: theirs, accepts: [ours] }))
  // All that comes after the first record of ours arrives late.
  const slow = createServer(from => {
    const to = connect(server.port, server.host)
    to.pipe(from)
    from.once('data', hello => {
      to.write(hello)
      from.on('data', chunk => setTimeout(() => to.writable && to.write(chunk), 700))
    })
    from.on('error', () => {}).on('close', () => to.destroy())
    to.on('error', () => {}).on('close', () => from.destroy())
  }).listen(0, '127.0.0.1')
  t.teardown(() => slow.close())
  await once(slow, 'listening')
  const { port } = slow.address() as AddressInfo
  const result = await run('mtls', targetOf({ host: '127.0.0.1', port }), { ...clients.right, bundles })
  t.match(result, { outcome: { kind: 'ok' }, measured: { clientAuth: 'accepted' } })
})

t.test('a name that nobody has beside the right one, and the protocols of the mesh where the name is of the mesh', async t => {
  const gateway = await started(t, startMtls('Istio gateway', { domain: theirs, accepts: [ours], serverNames: [route] }))
  const service = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const options = { ...clients.right, bundles, sniPair: true }
  const right = await run('mtls', targetOf(gateway), { ...options, sni: route })
  t.match(right, { outcome: { kind: 'ok' }, measured: { nonsenseSni: 'refused', alpn: /^istio/ } })
  const wrong = await run('mtls', targetOf(gateway), { ...options, sni: 'outbound_.1_._.other' })
  t.match(wrong, { outcome: { reason: 'tls_reset' }, measured: { nonsenseSni: 'refused' } })
  const any = await run('mtls', targetOf(service), { ...options, sni: route })
  t.match(any, { outcome: { kind: 'ok' }, measured: { nonsenseSni: 'answered' } })
  t.equal((await run('mtls', targetOf(service), { ...options, sniPair: false })).measured.nonsenseSni, undefined, 'only when asked')
})

/** By fault of the peer's SVID: the rules that it breaks, `code` or `code: rule`; the first decides. Then the warnings. */
const leaf = (rule: string): string => `leaf_constraint: ${rule}`
const faults: Record<Exclude<SvidFault, '10,000 names'>, [violations: string[], warnings?: string[]]> = {
  'no URI': [['no_spiffe_id']],
  'URI of another scheme': [['no_spiffe_id']],
  'two SPIFFE IDs': [['multiple_uri_san']],
  'a second URI of another scheme': [['multiple_uri_san']],
  'root path': [[leaf('leaf_root_path')]],
  'trailing slash': [['invalid_spiffe_id']],
  'empty segment': [['invalid_spiffe_id']],
  'dot segment': [['invalid_spiffe_id']],
  'percent-encoded path': [['invalid_spiffe_id']],
  query: [['invalid_spiffe_id']],
  fragment: [['invalid_spiffe_id']],
  port: [['invalid_spiffe_id']],
  'user name': [['invalid_spiffe_id']],
  'ID of 2,049 bytes': [['invalid_spiffe_id']],
  'CA leaf': [[leaf('leaf_is_ca')]],
  keyCertSign: [[leaf('leaf_key_cert_sign')]],
  cRLSign: [[leaf('leaf_crl_sign')]],
  'no digitalSignature': [[leaf('leaf_no_digital_signature')]],
  'no key usage': [[leaf('leaf_no_key_usage')]],
  'EKU without serverAuth': [[leaf('leaf_eku_without_server_auth')]],
  'EKU without clientAuth': [[], ['eku_partial']],
  'empty subject, SAN not critical': [[leaf('leaf_san_not_critical')]],
  expired: [['svid_expired: leaf_expired']],
  'not yet valid': [['svid_not_yet_valid: leaf_not_yet_valid']],
  'upper-case trust domain': [[], ['non_canonical_spiffe_id']],
  'upper-case scheme': [[], ['non_canonical_spiffe_id']],
  'key usage not critical': [[], ['key_usage_not_critical']],
  'no EKU': [[], ['eku_absent']],
  'empty subject, SAN critical': [[]],
  'no basic constraints': [[]],
  'DNS names besides': [[]],
}
const rulesOf = ({ violations }: Result<'mtls'>): Set<string> =>
  new Set(violations.map(({ code, rule }) => (rule === undefined || rule === code ? code : `${code}: ${rule}`)))

t.test('an SVID that breaks a rule is reported as that rule, although the server accepts us', async t => {
  const server = await started(t, startMtls('accepts and says nothing', { domain: theirs, accepts: [ours] }))
  for (const [fault, [violations, warnings = []]] of Object.entries(faults) as [SvidFault, [string[], string[]?]][]) {
    server.serve(await theirs.issue({ path: '/server', fault }))
    const result = await run('mtls', targetOf(server), { ...clients.right, bundles })
    t.strictSame(rulesOf(result), new Set(violations), fault)
    t.strictSame(
      result.warnings.map(({ code }) => code),
      warnings,
      `${fault}: warnings`,
    )
    t.equal(word(result.outcome), violations[0]?.split(':')[0] ?? 'ok', `${fault}: outcome`)
    t.equal(result.measured.clientAuth, 'accepted', `${fault}: and what became of our certificate`)
    t.equal(result.measured.verified, violations.length === 0, `${fault}: verified`)
  }
  t.strictSame(new Set([...Object.keys(faults), '10,000 names']), new Set(Object.keys(svidFaults)), 'every fault there is')
})

t.test('an SVID with 10,000 names is more than OpenSSL takes, and said to be that', async t => {
  const server = await started(
    t,
    startMtls('accepts and says nothing', { domain: theirs, accepts: [ours], svid: { fault: '10,000 names' } }),
  )
  const { outcome } = await run('mtls', targetOf(server), { ...clients.right, bundles })
  t.match(outcome, { kind: 'fail', detail: /larger than OpenSSL accepts, 100 kB/ })
})

t.test('everything that is wrong is reported at once, what is wrong with the peer first', async t => {
  const server = await started(
    t,
    startMtls('like Envoy', { domain: theirs, accepts: [], svid: { fault: 'expired', keyUsage: ['keyAgreement', 'keyCertSign'] } }),
  )
  const result = await run('mtls', targetOf(server), { ...clients.right, bundles, expectId: 'spiffe://theirs.test/other' })
  t.strictSame(
    rulesOf(result),
    new Set([
      'client_cert_rejected',
      'id_mismatch',
      leaf('leaf_key_cert_sign'),
      leaf('leaf_no_digital_signature'),
      'svid_expired: leaf_expired',
    ]),
  )
  t.equal(word(result.outcome), 'leaf_constraint')
  t.match(result.measured, { clientAuth: 'rejected', alert: 48 })
})

t.test('whom we expect', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const expectations: [Partial<Options['mtls']>, string, RegExp?][] = [
    [{ expectId: 'spiffe://theirs.test/server' }, 'ok'],
    [{ expectTrustDomain: 'theirs.test' }, 'ok'],
    [{ expectId: 'spiffe://theirs.test/other' }, 'id_mismatch', /theirs\.test\/server.*theirs\.test\/other/],
    [{ expectId: 'spiffe://theirs.test/server/below' }, 'id_mismatch'],
    [{ expectId: 'spiffe://ours.test/server' }, 'id_mismatch'],
    [{ expectTrustDomain: 'ours.test' }, 'id_mismatch', /theirs\.test.*ours\.test/],
    [{ expectId: 'spiffe://theirs.test/server', expectTrustDomain: 'theirs.test' }, 'ok'],
  ]
  for (const [expectation, reason, says] of expectations) {
    const { outcome } = await run('mtls', targetOf(server), { ...clients.right, bundles, ...expectation })
    t.equal(word(outcome), reason, JSON.stringify(expectation))
    if (says) t.match(outcome, { detail: says })
  }
})

t.test('bundles are never pooled: an authority of one trust domain says nothing about another', async t => {
  const server = await started(
    t,
    startMtls('accepts and greets', { domain: ours, accepts: [ours], svid: { uris: ['spiffe://theirs.test/server'] } }),
  )
  const both = { ...bundles, ...folder.bundle(ours) }
  const result = await run('mtls', targetOf(server), { ...clients.right, bundles: both })
  t.equal(word(result.outcome), 'untrusted_chain')
  t.match(result.measured, { verified: false, peerId: 'spiffe://theirs.test/server' })
})

t.test('with which bundles', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const caFile = folder.write('theirs-ca.pem', theirs.bundlePem())
  const rows: [string, Partial<Options['mtls']>, string][] = [
    ['none at all', {}, 'local_bundle_missing'],
    ['one of another trust domain only', { bundles: folder.bundle(ours) }, 'unknown_trust_domain'],
    ['an old one, from before a rotation', { bundles: folder.bundle({ ...strange, name: 'theirs.test' }, 'old') }, 'untrusted_chain'],
    ['authorities without a trust domain', { caFile }, 'ok'],
    ['authorities that are not theirs', { caFile: folder.write('strange-ca.pem', strange.bundlePem()) }, 'untrusted_chain'],
    ['a file that is missing', { bundles: { 'theirs.test': `${folder.path}/none.json` } }, 'config_invalid'],
    ['a file that is empty', { bundles: { 'theirs.test': folder.write('empty.json', '') } }, 'config_invalid'],
    ['a truncated document', { bundles: { 'theirs.test': folder.write('cut.json', theirs.document().slice(0, -20)) } }, 'config_invalid'],
    ['PEM in place of a document', { bundles: { 'theirs.test': folder.write('theirs-pem.json', theirs.bundlePem()) } }, 'ok'],
  ]
  for (const [name, options, reason] of rows) {
    const { outcome, measured } = await run('mtls', targetOf(server), { ...clients.right, ...options })
    t.equal(word(outcome), reason, name)
    t.equal(measured.verified, reason === 'ok', `${name}: verified`)
  }
})

t.test('an identity of our own that cannot be used is our own trouble, and nothing is sent', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  const expired = folder.svid('expired', await ours.issue({ fault: 'expired' }))
  const swapped = { certFile: clients.right.certFile, keyFile: clients.stranger.keyFile }
  const rows: [string, Partial<Options['mtls']>, string][] = [
    ['an SVID that has expired', expired, 'local_svid_unavailable'],
    ['the key of another', swapped, 'config_invalid'],
    ['a certificate file that is missing', { ...clients.right, certFile: `${folder.path}/none.pem` }, 'config_invalid'],
    ['a key that is not one', { ...clients.right, keyFile: folder.write('no.key', 'nonsense') }, 'config_invalid'],
    ['no Workload API there', { workloadApi: `unix://${folder.path}/none.sock` }, 'local_svid_unavailable'],
    ['a plain file in its place', { workloadApi: `unix://${folder.write('plain', '')}` }, 'local_svid_unavailable'],
    ['an address that is none', { workloadApi: 'ftp://somewhere' }, 'config_invalid'],
  ]
  for (const [name, options, reason] of rows) {
    const { outcome } = await run('mtls', targetOf(server), { bundles, ...options })
    t.match(outcome, { kind: 'unmeasured', reason, detail: /./ }, name)
  }
  t.equal(server.connections(), 0, 'no connection')
})

t.test('the Workload API gives the SVID and both bundles, and the next probe sees what rotates', async t => {
  const server = await started(t, startMtls('says who you are', { domain: theirs, accepts: [ours] }))
  const api = await started(t, startWorkloadApi(stateOf(ours, [right], [theirs])))
  const result = await run('mtls', targetOf(server), { workloadApi: api.address })
  t.equal(sum(result), 'ok, accepted')
  t.match(result.measured, { ourId: right.id, verified: true, identitySource: /Workload API/ })

  const next = await ours.issue({ path: '/next' })
  api.rotate(stateOf(ours, [next], [theirs]))
  t.equal((await run('mtls', targetOf(server), { workloadApi: api.address })).measured.ourId, next.id)

  api.rotate(stateOf(ours, [next]))
  t.equal(word((await run('mtls', targetOf(server), { workloadApi: api.address })).outcome), 'unknown_trust_domain')
})

t.test('a Workload API that gives no identity', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: theirs, accepts: [ours] }))
  for (const mode of ['permission denied', 'unavailable', 'invalid argument', 'silent', 'garbage'] as const satisfies WorkloadApiMode[]) {
    const api = await started(t, startWorkloadApi(stateOf(ours, [right], [theirs]), { mode }))
    const { outcome } = await run('mtls', targetOf(server), { workloadApi: api.address, timeoutMs: 5000 })
    t.match(outcome, { kind: 'unmeasured', reason: 'local_svid_unavailable', detail: /./ }, mode)
  }
})

t.test('what is served under our own identity is held against what we hold', async t => {
  const server = await started(t, startMtls('accepts and greets', { domain: ours, accepts: [ours] }))
  server.serve(right)
  const held = folder.bundle(ours)
  const same = await run('mtls', targetOf(server), { ...clients.right, bundles: held })
  t.equal(sum(same), 'ok, accepted')
  t.equal(same.measured.rotation, undefined, 'the same certificate')
  const newer = await ours.issue({ path: '/right', notBefore: new Date() })
  const behind = await run('mtls', targetOf(server), { ...folder.svid('newer', newer), bundles: held })
  const { rotation } = behind.measured
  t.ok(rotation && rotation.served.notBefore < rotation.held.notBefore, 'an older one is served')
})

t.test('no result has a word of a private key, whatever happens', async t => {
  const secrets = [clients.right, clients.stranger].map(({ keyFile }) => readFileSync(keyFile, 'utf8').split('\n')[1]!)
  for (const variant of ['accepts and greets', 'like Envoy', 'takes any certificate or none'] as const) {
    const server = await started(t, startMtls(variant, { domain: theirs, accepts: [ours] }))
    const api = await started(t, startWorkloadApi(stateOf(ours, [right], [theirs])))
    for (const options of [
      clients.right,
      clients.stranger,
      { workloadApi: api.address },
      { certFile: clients.right.keyFile, keyFile: clients.right.certFile },
      { certFile: clients.right.certFile, keyFile: clients.stranger.keyFile },
      { ...clients.right, bundles: { 'theirs.test': clients.right.keyFile } },
    ]) {
      const text = JSON.stringify(await run('mtls', targetOf(server), { bundles, negative: true, ...options }))
      t.notOk(
        secrets.some(secret => text.includes(secret.slice(0, 24))),
        `${variant}: ${Object.keys(options).join(', ')}`,
      )
      t.notMatch(text, /PRIVATE KEY/)
    }
  }
})
