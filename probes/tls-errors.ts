import type { TlsStall } from '../wire/measured.ts'
import type { Outcome } from '../wire/result.ts'
import { fail } from './finding.ts'
import type { TlsError } from './net/handshake.ts'

/** TLS alerts (RFC 8446 §6.2, RFC 5246 §7.2.2) by number. */
export const alertNames: Record<number, string> = {
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  109: 'missing_extension',
  112: 'unrecognized_name',
  116: 'certificate_required',
  120: 'no_application_protocol',
}

const clientCertificateAlerts = new Set([42, 43, 44, 45, 46, 48, 49, 51])

/** What an alert from the server means to a client. It names the cause only as a hint: stacks differ in what they send. */
export const judgeAlert = (alert: number, sentCertificate: boolean, requested = false): Outcome => {
  const seen = `the server answered with alert ${alert} ${alertNames[alert] ?? ''}`.trim()
  if (alert === 116) return fail('client_cert_required', `${seen}: it demands a client certificate`)
  // RFC 5246 §7.4.6: a TLS 1.2 server that gets no certificate ends the handshake with alert 40.
  if (alert === 40 && requested && !sentCertificate)
    return fail('client_cert_required', `${seen}, after it had asked for a client certificate and got none`)
  if (clientCertificateAlerts.has(alert))
    return sentCertificate
      ? fail('client_cert_rejected', `${seen} to our certificate`)
      : fail('client_cert_required', `${seen} and no client certificate was sent`)
  if (alert === 112 || alert === 120) return fail('sni_or_alpn_rejected', seen)
  return fail('tls_version_or_cipher', `${seen}, want a common version, cipher and group`)
}

/** OpenSSL's reasons (sslerr.h) that mean: what came is not TLS. */
const notTlsReasons = new Set([
  155, // HTTPS_PROXY_REQUEST
  156, // HTTP_REQUEST
  198, // PACKET_LENGTH_TOO_LONG
  244, // UNEXPECTED_MESSAGE
  267, // WRONG_VERSION_NUMBER
  292, // RECORD_TOO_SMALL
  443, // BAD_RECORD_TYPE
])
/** EXCESSIVE_MESSAGE_SIZE: a certificate message of more than 100 kB. */
const tooLargeReason = 152

/** What OpenSSL's own complaint means. */
export const judgeTlsError = (error: TlsError, sentCertificate: boolean, requested = false): Outcome => {
  if (error.alert !== undefined) return judgeAlert(error.alert, sentCertificate, requested)
  if (error.reason !== undefined && notTlsReasons.has(error.reason)) return fail('not_tls', `what came back is not TLS (${error.message})`)
  if (error.reason === tooLargeReason)
    return fail('certificate_untrusted', `the certificates sent are larger than OpenSSL accepts, 100 kB (${error.message})`)
  if (error.reason !== undefined || error.library !== undefined)
    return fail('tls_version_or_cipher', `the handshake failed: ${error.message}`)
  return fail('tls_reset', `the connection broke during the handshake: ${error.code} ${error.message}`)
}

const flightNames = { client_hello: 'our ClientHello', server_flight: "the server's flight", client_flight: "the client's flight" }

/** A stall in words: what was on its way, which way, and the count. */
export const describeStall = (stall: TlsStall): string => {
  const counts =
    stall.direction === 'forward'
      ? `${stall.unacked} ${stall.unacked === 1 ? 'segment' : 'segments'} of up to ${stall.sndMss} bytes unacknowledged after ${stall.retransmits} retransmissions, ${stall.bytesAcked} bytes acknowledged`
      : `${stall.outOfOrder} ${stall.outOfOrder === 1 ? 'segment' : 'segments'} arrived behind a gap that is never filled`
  return `${flightNames[stall.flight]} is lost in the ${stall.direction} direction: ${counts}, ${stall.bytesReceived} bytes received`
}
