import t from 'tap'
import type { TlsError } from '../../probes/net/handshake.ts'
import { alertNames, describeStall, judgeAlert, judgeTlsError } from '../../probes/tls-errors.ts'
import type { TlsStall } from '../../wire/measured.ts'
import { word } from './targets.ts'

/** RFC 8446 §6.2; what it means to a client that sent no certificate, and to one that did. */
const alerts: [alert: number, without: string, withCertificate: string][] = [
  [10, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [20, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [40, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [42, 'client_cert_required', 'client_cert_rejected'],
  [43, 'client_cert_required', 'client_cert_rejected'],
  [44, 'client_cert_required', 'client_cert_rejected'],
  [45, 'client_cert_required', 'client_cert_rejected'],
  [46, 'client_cert_required', 'client_cert_rejected'],
  [47, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [48, 'client_cert_required', 'client_cert_rejected'],
  [49, 'client_cert_required', 'client_cert_rejected'],
  [51, 'client_cert_required', 'client_cert_rejected'],
  [70, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [71, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [80, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [86, 'tls_version_or_cipher', 'tls_version_or_cipher'],
  [112, 'sni_or_alpn_rejected', 'sni_or_alpn_rejected'],
  [116, 'client_cert_required', 'client_cert_required'],
  [120, 'sni_or_alpn_rejected', 'sni_or_alpn_rejected'],
  [255, 'tls_version_or_cipher', 'tls_version_or_cipher'],
]

for (const [alert, without, withCertificate] of alerts)
  t.test(`alert ${alert} ${alertNames[alert] ?? '(unknown)'} is ${without}, and ${withCertificate} to our certificate`, async t => {
    for (const [sent, want] of [
      [false, without],
      [true, withCertificate],
    ] as const) {
      const outcome = judgeAlert(alert, sent)
      t.equal(word(outcome), want)
      t.match(outcome, { kind: 'fail', detail: `answered with alert ${alert}` })
    }
  })

const errors: [name: string, error: TlsError, word: string][] = [
  ['a plaintext answer', { code: 'X', message: 'wrong version number', reason: 267 }, 'not_tls'],
  ['an HTTP answer', { code: 'X', message: 'http request', reason: 156 }, 'not_tls'],
  ['a record too long for TLS', { code: 'X', message: 'packet length too long', reason: 198 }, 'not_tls'],
  ['our own hello as an echo', { code: 'X', message: 'unexpected message', reason: 244 }, 'not_tls'],
  ['a certificate message of more than 100 kB', { code: 'X', message: 'excessive message size', reason: 152 }, 'certificate_untrusted'],
  ['a version that we do not speak', { code: 'X', message: 'unsupported protocol', reason: 258 }, 'tls_version_or_cipher'],
  ['an alert', { code: 'X', message: 'x', reason: 1112, alert: 112 }, 'sni_or_alpn_rejected'],
  [
    "another library's reason 155 is no plaintext",
    { code: 'X', message: 'asn1 encoding routines::too long', library: 13 },
    'tls_version_or_cipher',
  ],
  ['an error of the socket', { code: 'ETIMEDOUT', message: 'read ETIMEDOUT' }, 'tls_reset'],
]

for (const [name, error, want] of errors)
  t.test(`${name} is ${want}`, async t => {
    t.equal(word(judgeTlsError(error, false)), want)
  })

const stall: TlsStall = {
  direction: 'forward',
  flight: 'client_hello',
  bytesAcked: 0,
  bytesReceived: 0,
  retransmits: 3,
  unacked: 2,
  outOfOrder: 0,
  sndMss: 1448,
}

t.test('a stall in words says what, which way, and how much', async t => {
  t.match(
    describeStall(stall),
    /our ClientHello is lost in the forward direction: 2 segments .*1448 bytes.* 3 retransmissions, 0 bytes acknowledged, 0 bytes received/,
  )
  t.match(describeStall({ ...stall, unacked: 1 }), /: 1 segment of/)
  const reverse: TlsStall = { ...stall, direction: 'reverse', flight: 'server_flight', outOfOrder: 1, bytesReceived: 120 }
  t.match(
    describeStall(reverse),
    /the server's flight is lost in the reverse direction: 1 segment arrived behind a gap .* 120 bytes received/,
  )
  t.match(describeStall({ ...stall, flight: 'client_flight' }), /the client's flight is lost/)
})
