import t from 'tap'
import { type HandshakeOptions, parseTlsError, shakeHands } from '../../../probes/net/handshake.ts'
import type { TcpInfo } from '../../../probes/net/tcp-info.ts'
import { makeAuthority } from '../../servers/authority.ts'
import { type TcpVariant, tcpServers } from '../../servers/tcp-servers.ts'
import { startTls, tlsServers } from '../../servers/tls-servers.ts'
import { leaked, openHandles } from '../handles.ts'
import { started } from '../targets.ts'

const authority = await makeAuthority({ name: 'test root' })
const never = new AbortController().signal
const unwatched = { everyMs: 50, from: () => () => false }
const alert = (hex: string, name: string, number: number) =>
  `40D7F4DB1E7F0000:error:${hex}:SSL routines:ssl3_read_bytes:${name}:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:916:SSL alert number ${number}\n`

const errors: [name: string, code: string | undefined, message: string, parsed: object][] = [
  [
    'an alert, by its number',
    'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
    alert('0A000458', 'tlsv1 unrecognized name', 112),
    { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME', reason: 1112, alert: 112, message: 'ssl3_read_bytes:tlsv1 unrecognized name' },
  ],
  [
    'an alert whose name Node has changed',
    'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE',
    alert('0A000412', 'ssl/tls alert bad certificate', 42),
    { reason: 1042, alert: 42 },
  ],
  ['the last alert number', undefined, alert('0A0004E7', 'x', 255), { code: 'unknown', reason: 1255, alert: 255 }],
  ['alert 0', 'X', alert('0A0003E8', 'close notify', 0), { reason: 1000, alert: 0 }],
  [
    'a reason of OpenSSL itself is no alert',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    '00:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/x.c:80:\n',
    { reason: 267, alert: undefined, library: undefined },
  ],
  ['a reason above the alerts', 'X', 'error:0A0004E8:SSL routines::x', { reason: 1256, alert: undefined }],
  [
    "another library's reason is not TLS's",
    'ERR_OSSL_ASN1_TOO_LONG',
    '00:error:0680009B:asn1 encoding routines:ASN1_get_object:too long:../deps/x.c:95:\n',
    { reason: undefined, alert: undefined, library: 13, message: 'asn1 encoding routines:ASN1_get_object:too long' },
  ],
  [
    'an error of the socket',
    'ECONNRESET',
    'read ECONNRESET',
    { code: 'ECONNRESET', message: 'read ECONNRESET', reason: undefined, alert: undefined },
  ],
  ['no words at all', undefined, '', { code: 'unknown', message: '' }],
]

for (const [name, code, message, parsed] of errors)
  t.test(`an error is parsed: ${name}`, async t => {
    t.match(parseTlsError(Object.assign(new Error(message), { code })), parsed)
  })

const optionsFor = ({ host, port }: { host: string; port: number }, more: Partial<HandshakeOptions> = {}): HandshakeOptions => ({
  address: host,
  family: host.includes(':') ? 6 : 4,
  port,
  hello: 'small',
  alpn: [],
  sni: 'svc.test',
  ca: authority.certPem,
  ...more,
})

const helloes: [name: string, more: Partial<HandshakeOptions>, atLeast: number, atMost: number][] = [
  ['small', {}, 250, 600],
  ['post-quantum', { hello: 'post_quantum' }, 1450, 1800],
  ['large', { hello: 'large', fillBytes: 5000 }, 5000, 8000],
  ['post-quantum, in pieces', { hello: 'post_quantum', pieceBytes: 400 }, 1450, 1800],
]

for (const host of ['127.0.0.1', '::1'])
  for (const [name, more, atLeast, atMost] of helloes)
    t.test(`${host}: a ${name} hello completes, and is as large as it says`, async t => {
      const server = await started(t, tlsServers.healthy({ authority }, { host }))
      const sent = await shakeHands(optionsFor(server, more), never, unwatched, ({ end, tls, connected, last }) => {
        t.same(end, { kind: 'done' })
        t.equal(tls.getProtocol(), 'TLSv1.3')
        t.equal(connected?.bytesReceived, 0)
        return last!.bytesSent! - (tls.isSessionReused() ? Number.NaN : 0)
      })
      // The client's own Finished is about 80 bytes.
      t.ok(sent >= atLeast && sent <= atMost + 100, `${sent} bytes`)
    })

const ends: [variant: TcpVariant, kind: string][] = [
  ['closes at once', 'closed'],
  ['resets in the middle of the handshake', 'closed'],
  ['closes after the ClientHello', 'closed'],
  ['sends garbage', 'error'],
  ['plaintext http', 'error'],
]

for (const [variant, kind] of ends)
  t.test(`a server that "${variant}" ends a handshake as ${kind}, in one piece or in many`, async t => {
    const server = await started(t, tcpServers[variant]())
    for (const more of [{}, { pieceBytes: 100 }])
      await shakeHands(optionsFor(server, more), never, unwatched, ({ end }) => void t.equal(end.kind, kind))
  })

t.test('who trusts nobody completes, and OpenSSL vouches for nothing', async t => {
  const server = await started(t, tlsServers.healthy({ authority }))
  const errorOf = (more: Partial<HandshakeOptions>) =>
    shakeHands(optionsFor(server, more), never, unwatched, ({ end, tls }) => {
      t.same(end, { kind: 'done' })
      return tls.authorizationError ?? null
    })
  t.equal(await errorOf({}), null)
  t.not(await errorOf({ ca: undefined, trustNobody: true }), null)
  t.equal(await errorOf({ trustNobody: true }), null, 'authorities that are given count all the same')
})

for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const)
  t.test(`that a server asks for a certificate is heeded where it is wanted, ${maxVersion}`, async t => {
    const { chainPem, keyPem } = await authority.issue({ names: ['svc.test'] })
    const pair = { chainPem, keyPem, ca: authority.certPem, maxVersion }
    const [asks, not] = [await started(t, startTls({ ...pair, requestCert: true })), await started(t, startTls(pair))]
    const requestedBy = (server: typeof asks, heedRequest: boolean) =>
      shakeHands(optionsFor(server, { heedRequest }), never, unwatched, ({ requested }) => requested)
    t.equal(await requestedBy(asks, true), true, 'also when it then refuses us')
    t.equal(await requestedBy(asks, false), false)
    t.equal(await requestedBy(not, true), false)
  })

t.test('the watcher sees the connection from its start, and may end it', async t => {
  const server = await started(t, tcpServers['accepts and says nothing']())
  const looks: TcpInfo[] = []
  let first: TcpInfo | undefined
  const watch = {
    everyMs: 5,
    from: (connected: TcpInfo) => {
      first = connected
      return (info: TcpInfo) => looks.push(info) === 3
    },
  }
  const end = await shakeHands(optionsFor(server), never, watch, handshake => handshake.end)
  t.same(end, { kind: 'stopped' })
  t.equal(looks.length, 3)
  t.equal(first?.bytesAcked, 1)
  t.ok(looks[2]!.bytesAcked > 250, 'the hello has arrived')
})

t.test('whatever the user of a handshake does, nothing of it is left', async t => {
  const server = await started(t, tlsServers.healthy({ authority }))
  const silent = await started(t, tcpServers.sink())
  const before = openHandles()
  await t.rejects(
    shakeHands(optionsFor(server), never, unwatched, () => {
      throw new Error('a bug of the caller')
    }),
    { message: 'a bug of the caller' },
  )
  await t.rejects(
    shakeHands(optionsFor(server), AbortSignal.abort(), unwatched, () => {}),
    { code: 'ABORT_ERR' },
  )
  await t.rejects(
    shakeHands(optionsFor(server, { alpn: ['x'.repeat(300)] }), never, unwatched, () => {}),
    { message: /of 300 bytes/ },
  )
  await t.rejects(
    shakeHands(optionsFor(server, { ca: 'garbage' }), never, unwatched, () => {}),
    { message: /no authority/ },
  )
  const end = await shakeHands(optionsFor(silent), AbortSignal.timeout(30), unwatched, handshake => handshake.end)
  t.same(end, { kind: 'stopped' })
  t.same(await leaked(before), [])
})
