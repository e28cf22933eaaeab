/** What is worth a word about an identity although no rule is broken, by code. */
import type { WarningCode } from '../../wire/reasons.ts'

export const spiffeWarningTexts = {
  non_canonical_spiffe_id: 'the SPIFFE ID is not in its canonical form: peers differ on whether they take it',
  key_usage_not_critical: 'the key usage extension is not critical',
  eku_absent: 'the leaf has no extended key usage: some TLS stacks refuse it',
  eku_partial: 'the leaf may be used as a server or as a client, not as both',
  signing_id_other_trust_domain: 'a signing certificate has a SPIFFE ID of another trust domain',
  unused_certificate: 'a certificate was sent that does not belong to the path',
  expiring: 'a certificate is near its end',
  rotation_late: 'a short-lived certificate should have been renewed by now',
  authority_expiring: 'an authority is near its end',
  root_sent_in_chain: 'the root certificate is sent, which no one needs',
  clock_skew: 'a date lies in the future: a clock is wrong',
  bundle_empty: 'the bundle has no authority: everything is revoked',
  no_x509_authority: 'the bundle has no X.509 authority: no X509-SVID can be trusted',
  entry_ignored: 'an entry of the bundle is not used, as the specification says',
  kid_missing: 'a key has no key ID: go-spiffe rejects the whole document',
  kid_unexpected: 'an X.509 authority has a key ID, which it should not',
  x5c_several: 'an entry has more than one certificate: go-spiffe and Istio reject the whole document',
  sequence_absent: 'the bundle has no sequence number',
  refresh_hint_absent: 'the bundle has no refresh hint: peers poll every five minutes',
  authority_cannot_sign: 'an authority is not a CA certificate: nothing that it signs can be trusted',
  key_not_compared: 'the private key is encrypted, so it was not compared with the certificate',
  form_assumed: 'the document does not say what it is, and was read as what it looks like',
} as const satisfies Record<string, string>

export type SpiffeWarningCode = keyof typeof spiffeWarningTexts | WarningCode
export type SpiffeWarning = { code: SpiffeWarningCode; detail: string }
