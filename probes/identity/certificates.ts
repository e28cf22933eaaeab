import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { maxBundleBytes } from '../../judge/spiffe/bundle.ts'
import { splitDer } from '../../judge/spiffe/der.ts'
import type { Svid } from './identity.ts'
import { Secret } from './secret.ts'

/** More certificates than this in a chain or bundle are refused: it bounds the work that a message or file can cause. */
const mostCertificates = 1000

/** Cuts DER certificates that stand one after the other; none of none. Throws a sentence that says what is wrong. */
export const parseDerCertificates = (bytes: Uint8Array): X509Certificate[] => {
  if (bytes.length > maxBundleBytes) throw new Error(`${bytes.length} bytes of certificates, want at most ${maxBundleBytes}`)
  const ders = splitDer(bytes)
  if (!ders) throw new Error(`the ${bytes.length} bytes are not whole DER certificates, one after the other`)
  return ders.map(parseCertificate)
}

const parseCertificate = (source: string | Uint8Array, index: number): X509Certificate => {
  if (index >= mostCertificates) throw new Error(`more than ${mostCertificates} certificates`)
  try {
    return new X509Certificate(source)
  } catch {
    throw new Error(`certificate ${index + 1} cannot be parsed`)
  }
}

/** The blocks of a PEM text (RFC 7468), found by scanning. Throws when one is cut off. */
const pemBlocks = (text: string): { label: string; block: string }[] => {
  const found: { label: string; block: string }[] = []
  for (let at = text.indexOf('-----BEGIN '); at >= 0; ) {
    const label = /^[A-Z0-9 ]{1,40}(?=-----)/.exec(text.slice(at + 11, at + 60))?.[0]
    const next = text.indexOf('-----BEGIN ', at + 11)
    const last = label === undefined ? -1 : text.indexOf(`-----END ${label}-----`, at)
    if (label === undefined || last < 0 || (next >= 0 && next < last)) throw new Error('a PEM block is cut off')
    found.push({ label, block: `${text.slice(at, last)}-----END ${label}-----\n` })
    at = next
  }
  return found
}

/** What a PEM text holds; other kinds of blocks (such as EC PARAMETERS) are passed over. Throws a sentence when something is not whole. */
export const parsePem = (text: string): { certificates: X509Certificate[]; keys: Secret[] } => {
  const certificates: X509Certificate[] = []
  const keys: Secret[] = []
  for (const { label, block } of pemBlocks(text)) {
    if (/^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label)) certificates.push(parseCertificate(block, certificates.length))
    else if (label.endsWith('PRIVATE KEY')) keys.push(new Secret(block))
  }
  return { certificates, keys }
}

/** Throws a sentence without any of the key in it. */
export const parseKey = (key: Secret | Uint8Array): KeyObject => {
  if (key instanceof Secret && /ENCRYPTED/.test(key.reveal().slice(0, 120)))
    throw new Error('the private key is encrypted; want it without a passphrase')
  try {
    return key instanceof Secret
      ? createPrivateKey(key.reveal())
      : createPrivateKey({ key: Buffer.from(key.buffer, key.byteOffset, key.byteLength), format: 'der', type: 'pkcs8' })
  } catch {
    throw new Error('the private key cannot be parsed')
  }
}

export const keyPem = (key: KeyObject): Secret => new Secret(key.export({ format: 'pem', type: 'pkcs8' }) as string)

export const pemOf = (certificates: readonly X509Certificate[]): string => certificates.map(certificate => certificate.toString()).join('')

/** The URI names of a certificate. node:crypto quotes a name that has a comma, and then it is no SPIFFE ID. */
export const uriNames = (certificate: X509Certificate): string[] =>
  (certificate.subjectAltName ?? '')
    .split(', ')
    .filter(name => name.startsWith('URI:'))
    .map(name => name.slice('URI:'.length))

/** A chain, leaf first, and a key that is known to fit it. */
export const buildSvid = (chain: readonly X509Certificate[], key: Secret, names: Pick<Svid, 'id' | 'hint'>): Svid => {
  const leaf = chain[0]!
  return {
    ...(names.id ? { id: names.id } : {}),
    ...(names.hint ? { hint: names.hint } : {}),
    chainPem: pemOf(chain),
    key,
    serial: leaf.serialNumber,
    fingerprint256: leaf.fingerprint256,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  }
}
