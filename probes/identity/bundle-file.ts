import { readBundleJson } from '../../judge/spiffe/bundle.ts'
import { parsePem, pemOf } from './certificates.ts'
import type { TrustBundle } from './identity.ts'

/** The X.509 authorities of a trust domain from a SPIFFE bundle document or from PEM. Throws a sentence that says what is wrong. */
export const parseBundleText = (text: string): TrustBundle => {
  const start = text.trimStart()
  if (start === '') throw new Error('the file is empty')
  return start.startsWith('{') || start.startsWith('[') ? parseDocument(text) : parsePemBundle(text)
}

/** At least one certificate, and no private key: a bundle is handed around. */
export const parsePemBundle = (text: string): TrustBundle => {
  if (text.trim() === '') throw new Error('the file is empty')
  const { certificates, keys } = parsePem(text)
  if (keys.length > 0) throw new Error('there is a private key in it, want certificates only; treat that key as exposed')
  if (certificates.length === 0) throw new Error('no certificate in it, want PEM certificates or a SPIFFE bundle document (JSON)')
  return { authoritiesPem: pemOf(certificates), authorities: certificates.length }
}

/** As a consumer has to take it; `document` holds it for those who judge more. An empty set of keys is a statement, not a mistake. */
const parseDocument = (text: string): TrustBundle => {
  const read = readBundleJson(text)
  const exposed = read.violations.find(one => one.rule === 'private_key_in_bundle')
  if (exposed) throw new Error('there is a private key in it, want public keys only; treat that key as exposed')
  const unusable = read.ok ? read.violations.find(one => one.rule === 'keys_missing') : read.violations[0]
  if (!read.ok || unusable) throw new Error(`${unusable?.detail}; want a SPIFFE bundle document`)
  const certificates = read.bundle.x509.map(one => one.x509)
  return { authoritiesPem: pemOf(certificates), authorities: certificates.length, document: text }
}
