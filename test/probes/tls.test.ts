import t from 'tap'
import { diagnose } from '../../judge/diagnose/diagnose.ts'
import { judgeUnfinished } from '../../probes/tls.ts'
import type { TlsMeasured, TlsStall } from '../../wire/measured.ts'
import { withDefaults } from '../../wire/options.ts'
import { daysFromNow, makeAuthority } from '../servers/authority.ts'
import { startMtls } from '../servers/mtls-servers.ts'
import { makeTrustDomain } from '../servers/spiffe.ts'
import { tcpServers } from '../servers/tcp-servers.ts'
import { startTls, type TlsVariant, tlsServers } from '../servers/tls-servers.ts'
import { startFullBacklog } from './full-backlog.ts'
import { run, started, targetOf, word } from './targets.ts'

const authority = await makeAuthority({ name: 'test root' })
const other = await makeAuthority({ name: 'other root' })
const ca = authority.certPem

type Expected = {
  word: string
  /** Certificates as sent. */
  chain: number
  says?: RegExp
  options?: { alpn?: string[]; sni?: string; ca?: string }
  measured?: Partial<TlsMeasured>
  code?: string
}

/** Every server of the table, some of them asked in several ways. */
const stories: [variant: TlsVariant, as: string, expected: Expected][] = [
  ['healthy', '', { word: 'ok', chain: 2, measured: { version: 'TLSv1.3', verified: true, alpn: null, sni: 'svc.test' } }],
  ['expired', '', { word: 'certificate_expired', chain: 2, says: /^the certificate expired at/, code: 'CERT_HAS_EXPIRED' }],
  ['not yet valid', '', { word: 'certificate_not_yet_valid', chain: 2, says: /valid from/, code: 'CERT_NOT_YET_VALID' }],
  [
    'wrong name',
    '',
    { word: 'certificate_name_mismatch', chain: 2, says: /for DNS:elsewhere\.invalid, want svc\.test/, code: 'certificate_name_mismatch' },
  ],
  [
    'wrong name',
    ', asked for by that name',
    { word: 'ok', chain: 2, options: { sni: 'elsewhere.invalid' }, measured: { sni: 'elsewhere.invalid' } },
  ],
  [
    'self-signed',
    '',
    { word: 'certificate_untrusted', chain: 1, says: /the self-signed "CN=svc\.test"/, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  ],
  ['incomplete chain', '', { word: 'certificate_untrusted', chain: 1, says: /a missing intermediate/ }],
  ['untrusted root', '', { word: 'certificate_untrusted', chain: 2, says: /"CN=stranger root" was not sent/ }],
  ['untrusted root', ', and public authorities', { word: 'certificate_untrusted', chain: 2, options: { ca: undefined } }],
  ['expired intermediate', '', { word: 'certificate_expired', chain: 2, says: /the chain's "CN=test intermediate" expired/ }],
  ['TLS 1.2 only', '', { word: 'ok', chain: 2, measured: { version: 'TLSv1.2' } }],
  [
    'only a cipher that nobody has',
    '',
    { word: 'tls_version_or_cipher', chain: 0, says: /alert 40 handshake_failure/, measured: { alert: 40, handshakeMs: null } },
  ],
  ["demands ALPN 'other'", ', and gets none', { word: 'ok', chain: 2 }],
  [
    "demands ALPN 'other'",
    ', and gets h2',
    { word: 'sni_or_alpn_rejected', chain: 0, options: { alpn: ['h2'] }, measured: { alert: 120 } },
  ],
  ["demands ALPN 'other'", ', and gets it', { word: 'ok', chain: 2, options: { alpn: ['h2', 'other'] }, measured: { alpn: 'other' } }],
  ['refuses unknown SNI', ', and knows ours', { word: 'ok', chain: 2 }],
  [
    'refuses unknown SNI',
    ', and does not know ours',
    { word: 'sni_or_alpn_rejected', chain: 0, options: { sni: 'else.test' }, measured: { alert: 112, sni: 'else.test' } },
  ],
  ['big chain', '', { word: 'ok', chain: 2 }],
  ['small EC chain', '', { word: 'ok', chain: 1 }],
  ['huge certificate', '', { word: 'certificate_untrusted', chain: 0, says: /larger than OpenSSL accepts, 100 kB/ }],
  [
    '200 certificates',
    '',
    { word: 'certificate_untrusted', chain: 200, says: /200 certificates; its authority "CN=test root" is trusted here, yet/ },
  ],
]

t.test('the table has every server', async t => {
  t.same(new Set(stories.map(([variant]) => variant)), new Set(Object.keys(tlsServers)))
})

for (const host of ['127.0.0.1', '::1'])
  for (const [variant, as, { word: want, chain, says, options = {}, measured: facts = {}, code }] of stories)
    t.test(`${host}: ${variant}${as}: ${want}`, async t => {
      const server = await started(t, tlsServers[variant]({ authority }, { host }))
      const result = await run('tls', targetOf(server), { ca, ...options })
      const { outcome, measured, phasesMs, violations } = result
      t.equal(word(outcome), want)
      if (says) t.match(outcome.kind === 'ok' ? '' : outcome.detail, says)
      t.equal(measured.chain.length, chain)
      t.match(measured, { verified: want === 'ok', ...facts })
      if (code) t.equal(measured.verifyError, code)
      t.ok(measured.bytesSent > 250 && measured.bytesReceived > 0, `${measured.bytesSent} bytes sent, ${measured.bytesReceived} received`)
      t.ok(phasesMs['connect']! > 0 && phasesMs['connect']! < 500)
      t.equal(server.connections(), 1, 'one attempt')
      if (chain === 0) return
      // Facts are there although the verification failed.
      t.match(measured, { version: /^TLSv1\.[23]$/, cipher: /^[A-Z0-9_-]+$/, handshakeMs: Number })
      t.equal(phasesMs['tls'], measured.handshakeMs)
      t.ok(measured.chain.every(({ notAfter, notBefore, fingerprint256 }) => notBefore < notAfter && fingerprint256.length === 95))
      t.equal(violations.length > 0, want !== 'ok')
      if (violations[0]) t.match(outcome, { reason: violations[0].code, detail: violations[0].detail })
    })

t.test('the chain is in the order in which it was sent, leaf first, with nothing of ours mixed in', async t => {
  const outer = await authority.intermediate({ name: 'outer' })
  const inner = await outer.intermediate({ name: 'inner' })
  const { chainPem, certPem, keyPem } = await inner.issue({ names: ['svc.test'] })
  const subjects = async (pem: string) => {
    const server = await started(t, startTls({ chainPem: pem, keyPem }))
    const { measured } = await run('tls', targetOf(server), { ca: ca + outer.certPem })
    return measured.chain.map(({ subject }) => subject)
  }
  t.same(await subjects(chainPem), ['CN=svc.test', 'CN=inner', 'CN=outer'])
  t.same(await subjects(certPem + inner.certPem), ['CN=svc.test', 'CN=inner'])
  t.same(await subjects(certPem), ['CN=svc.test'])
})

t.test('an intermediate that stands beside its root among the trusted ones, and is not sent, is an incomplete chain', async t => {
  const intermediate = await authority.intermediate({ name: 'known' })
  const { certPem, keyPem } = await intermediate.issue({ names: ['svc.test'] })
  const server = await started(t, startTls({ chainPem: certPem, keyPem }))
  const { outcome, measured } = await run('tls', targetOf(server), { ca: ca + intermediate.certPem })
  t.match(outcome, { reason: 'chain_incomplete', detail: '"CN=known"' })
  t.equal(measured.chain.length, 1)
})

t.test('an authority that is trusted here and has expired is no good chain, although all that is sent is in date', async t => {
  const old = await makeAuthority({ name: 'old root', notBefore: daysFromNow(-400), notAfter: daysFromNow(-1) })
  const { chainPem, keyPem } = await old.issue({ names: ['svc.test'] })
  const server = await started(t, startTls({ chainPem, keyPem }))
  const { outcome, measured } = await run('tls', targetOf(server), { ca: old.certPem })
  t.match(outcome, { reason: 'certificate_expired', detail: 'the authority trusted here, "CN=old root", expired at' })
  t.match(measured, { verified: false, verifyError: 'CERT_HAS_EXPIRED' })
})

t.test('an address is wanted in the certificate, and is never a server name', async t => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = await started(t, tlsServers['refuses unknown SNI']({ authority }, { host }))
    const { outcome, measured } = await run('tls', targetOf(server, host), { ca })
    t.same(outcome, { kind: 'ok' })
    t.equal(measured.sni, null)
    const wrong = await started(t, tlsServers['wrong name']({ authority }, { host }))
    t.match((await run('tls', targetOf(wrong, host), { ca })).outcome, { reason: 'certificate_name_mismatch', detail: `want ${host}` })
    const named = await run('tls', targetOf(server, host), { ca, sni: 'svc.test' })
    t.same(named.outcome, { kind: 'ok' })
    t.equal(named.measured.sni, 'svc.test')
  }
})

t.test('what is wrong with what we bring is found before anything is sent', async t => {
  const server = await started(t, tlsServers.healthy({ authority }))
  const mine = await authority.issue({ names: ['me.test'] })
  const theirs = await other.issue({ names: ['them.test'] })
  const bad: [name: string, options: { ca?: string; cert?: string; key?: string; alpn?: string[] }][] = [
    ['authorities that are none', { ca: 'garbage' }],
    ['an empty file of authorities', { ca: '' }],
    ['half a certificate', { cert: mine.certPem.slice(0, 300), key: mine.keyPem }],
    ['a certificate without a key', { cert: mine.certPem }],
    ['a key without a certificate', { key: mine.keyPem }],
    ["somebody else's key", { cert: mine.certPem, key: theirs.keyPem }],
    ['an empty protocol name', { alpn: [''] }],
    ['a protocol name that is too long', { alpn: ['ü'.repeat(200)] }],
  ]
  for (const [name, options] of bad)
    t.match((await run('tls', targetOf(server), { ca, ...options })).outcome, { kind: 'unmeasured', reason: 'config_invalid' }, name)
  t.equal((await run('tls', targetOf(server), { ca, cert: mine.chainPem, key: mine.keyPem })).outcome.kind, 'ok')
  t.equal(server.connections(), 1)
})

t.test('a server that wants a client certificate: TLS 1.3 tells only after the handshake, of which this probe says nothing', async t => {
  const { chainPem, keyPem } = await authority.issue({ names: ['svc.test'] })
  const server = await started(t, startTls({ chainPem, keyPem, ca, requestCert: true }))
  t.equal(word((await run('tls', targetOf(server), { ca })).outcome), 'ok')
})

t.test('a server that asks for a client certificate and gets none: TLS 1.2 ends with alert 40, which is no matter of ciphers', async t => {
  const domain = await makeTrustDomain('theirs.test')
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = await started(t, startMtls('like Envoy', { domain, accepts: [domain], maxVersion }))
    const { outcome } = await run('tls', targetOf(server), { ca: domain.bundlePem() })
    if (maxVersion === 'TLSv1.2') t.match(outcome, { reason: 'client_cert_required', detail: /alert 40 .*asked for a client certificate/ })
    else t.not(word(outcome), 'tls_version_or_cipher')
  }
})

t.test('a certificate of 1 MB is diagnosed as too large, not as one of an unknown authority', async t => {
  const server = await started(t, tlsServers['huge certificate']({ authority }))
  const result = await run('tls', targetOf(server), { ca })
  const found = diagnose([result], { startedAt: result.startedAt })
  t.match(found, [{ cause: 'certificate_untrusted', confidence: 'certain', summary: /more than 100 kB of certificates/ }])
  t.equal(found.length, 1)
})

t.test('where there is no connection there is no handshake', async t => {
  const closed = await started(t, tcpServers.sink())
  await closed.close()
  const refused = await run('tls', targetOf(closed), { ca })
  t.equal(word(refused.outcome), 'tcp_refused')
  t.match(refused.measured, { version: null, handshakeMs: null, bytesSent: 0, chain: [], verified: false })
  const silent = await started(t, startFullBacklog())
  t.equal(word((await run('tls', targetOf(silent), { timeoutMs: 100 })).outcome), 'tcp_timeout')
})

t.test('two runs at once with different authorities do not share a verdict', async t => {
  const server = await started(t, tlsServers.healthy({ authority }))
  const runs = await Promise.all([ca, other.certPem, ca, other.certPem].map(pem => run('tls', targetOf(server), { ca: pem })))
  t.same(
    runs.map(({ outcome }) => word(outcome)),
    ['ok', 'certificate_untrusted', 'ok', 'certificate_untrusted'],
  )
})

t.test('no session is reused: every run sees the whole chain', async t => {
  const server = await started(t, tlsServers['TLS 1.2 only']({ authority }))
  for (let i = 0; i < 3; i++) t.equal((await run('tls', targetOf(server), { ca })).measured.chain.length, 2)
})

const nothing: TlsMeasured = {
  version: null,
  cipher: null,
  alpn: null,
  sni: null,
  handshakeMs: null,
  bytesSent: 355,
  bytesReceived: 0,
  chain: [],
  verified: false,
}
const stall: TlsStall = {
  direction: 'reverse',
  flight: 'server_flight',
  bytesAcked: 355,
  bytesReceived: 0,
  retransmits: 0,
  unacked: 0,
  outOfOrder: 2,
  sndMss: 1448,
}
const running = new AbortController().signal
const tooLate = AbortSignal.abort(new DOMException('the run took too long', 'TimeoutError'))

const ends: [name: string, ...Parameters<typeof judgeUnfinished>, word: string][] = [
  ['the time is over', { kind: 'stopped' }, nothing, withDefaults('tls', {}), tooLate, 'tls_timeout'],
  ['the time is over, and packets were lost', { kind: 'stopped' }, { ...nothing, stall }, withDefaults('tls', {}), tooLate, 'tls_stalled'],
  ['the watcher saw a stall', { kind: 'stopped' }, { ...nothing, stall }, withDefaults('tls', {}), running, 'tls_stalled'],
  ['somebody stopped it', { kind: 'stopped' }, nothing, withDefaults('tls', {}), AbortSignal.abort(), 'aborted'],
  ['the peer hung up', { kind: 'closed' }, nothing, withDefaults('tls', {}), running, 'tls_reset'],
  ['the peer hung up behind a gap', { kind: 'closed' }, { ...nothing, stall }, withDefaults('tls', {}), running, 'tls_reset'],
  [
    'an alert to our certificate',
    { kind: 'error', error: { code: 'X', message: 'x', reason: 1042, alert: 42 } },
    nothing,
    withDefaults('tls', { cert: 'PEM' }),
    running,
    'client_cert_rejected',
  ],
  [
    'the same alert to nobody',
    { kind: 'error', error: { code: 'X', message: 'x', reason: 1042, alert: 42 } },
    nothing,
    withDefaults('tls', {}),
    running,
    'client_cert_required',
  ],
]

for (const [name, end, measured, options, signal, want] of ends)
  t.test(`unfinished: ${name}: ${want}`, async t => {
    t.equal(word(judgeUnfinished(end, measured, options, signal)), want)
  })
