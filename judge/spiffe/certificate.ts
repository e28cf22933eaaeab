/** One certificate, read into what the rules ask about. `node:crypto` alone is not enough: it does not expose the key usage bits. */
import { createHash, X509Certificate } from 'node:crypto'
import { isOneSequence } from './der.ts'
import {
  type KeyUsageName,
  Malformed,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyId,
  readToBeSigned,
} from './extensions.ts'
import { type AlternativeNames, type NameConstraints, readAlternativeNames, readNameConstraints } from './names.ts'

export type Certificate = {
  x509: X509Certificate
  /** Names on one line, `CN=x, O=y`; empty when there are none. */
  subject: string
  issuer: string
  /** Hex, upper case. */
  serial: string
  /** SHA-256 of the DER bytes and of the public key (SPKI), colon-separated hex. */
  fingerprint256: string
  spki256: string
  notBeforeMs: number
  notAfterMs: number
  names: AlternativeNames
  sanCritical: boolean
  subjectEmpty: boolean
  keyUsage: { critical: boolean; bits: ReadonlySet<KeyUsageName> } | null
  /** OIDs. */
  extendedKeyUsage: string[] | null
  basicConstraints: { ca: boolean; pathLength?: number } | null
  authorityKeyId: string | null
  subjectKeyId: string | null
  nameConstraints: NameConstraints | null
  /** OIDs of critical extensions that are not understood here (RFC 5280 §4.2: reject). */
  unknownCritical: string[]
}

export type ReadCertificate = { ok: true; certificate: Certificate } | { ok: false; problems: string[] }

/** Larger than any that a TLS peer takes: OpenSSL reads at most 100 kB of them in a handshake; 10,000 names are about 500 kB. */
export const maxCertificateBytes = 1024 * 1024
const oneLine = (name: string | undefined): string => (name ?? '').replaceAll('\n', ', ')
/** SHA-256 as colon-separated hex, the way that OpenSSL prints fingerprints. */
export const fingerprint = (bytes: Uint8Array): string =>
  createHash('sha256')
    .update(bytes)
    .digest('hex')
    .toUpperCase()
    .replaceAll(/..(?!$)/g, '$&:')

/** DER bytes of one certificate. Whatever they are, this returns. */
export const readCertificate = (der: Uint8Array): ReadCertificate => {
  if (der.length > maxCertificateBytes)
    return { ok: false, problems: [`certificate is ${der.length} bytes, want at most ${maxCertificateBytes}`] }
  if (!isOneSequence(der)) return { ok: false, problems: ['not one whole DER certificate: truncated, or something stands behind it'] }
  try {
    return { ok: true, certificate: describe(new X509Certificate(der), der) }
  } catch (error) {
    return { ok: false, problems: [`not a certificate: ${error instanceof Malformed ? error.message : 'malformed'}`] }
  }
}

const noNames: AlternativeNames = { uris: [], dns: [], addresses: [], emails: [], others: 0 }

const describe = (x509: X509Certificate, der: Uint8Array): Certificate => {
  const { subjectEmpty, extensions } = readToBeSigned(der)
  // Throws when it has a key of a kind that nothing can be verified with.
  const { publicKey } = x509
  const parse = <T>(oid: string, read: (value: Uint8Array) => T): T | null => {
    const found = extensions.get(oid)
    return found ? read(found.value) : null
  }
  const [notBeforeMs, notAfterMs] = [x509.validFromDate.getTime(), x509.validToDate.getTime()]
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) throw new Malformed('its dates cannot be read')
  const san = extensions.get(oids.subjectAltName)
  const names = san ? readAlternativeNames(san.value) : noNames
  if (!names) throw new Malformed('its subject alternative names cannot be read')
  const nameConstraints = parse(oids.nameConstraints, readNameConstraints)
  if (nameConstraints === undefined) throw new Malformed('its name constraints cannot be read')
  const usage = parse(oids.keyUsage, readKeyUsage)
  return {
    x509,
    subject: oneLine(x509.subject),
    issuer: oneLine(x509.issuer),
    serial: x509.serialNumber,
    fingerprint256: x509.fingerprint256,
    // Few ask, and to write a key takes as long as to read all the rest.
    get spki256() {
      return fingerprint(publicKey.export({ type: 'spki', format: 'der' }))
    },
    notBeforeMs,
    notAfterMs,
    names,
    sanCritical: san?.critical ?? false,
    subjectEmpty,
    keyUsage: usage && { critical: extensions.get(oids.keyUsage)!.critical, bits: usage },
    extendedKeyUsage: parse(oids.extendedKeyUsage, readExtendedKeyUsage),
    basicConstraints: parse(oids.basicConstraints, readBasicConstraints),
    authorityKeyId: parse(oids.authorityKeyIdentifier, readAuthorityKeyId),
    subjectKeyId: parse(oids.subjectKeyIdentifier, readSubjectKeyId),
    nameConstraints,
    unknownCritical: [...extensions].filter(([oid, { critical }]) => critical && !understood.has(oid)).map(([oid]) => oid),
  }
}

const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const
const understood = new Set<string>(Object.values(oids))

/** RFC 5280 §7.1 compares names without case and runs of spaces; a wrong match costs nothing, since the signature decides. */
const folded = (name: string): string => name.toLowerCase().replaceAll(/\s+/g, ' ').trim()

/** Whether `issuer` goes by the name that `certificate` gives its issuer. */
export const isNamedIssuer = (certificate: Certificate, issuer: Certificate): boolean =>
  folded(certificate.issuer) === folded(issuer.subject)

/** Whether the key of `issuer` made the signature of `certificate`. */
export const isSignedBy = (certificate: Certificate, issuer: Certificate): boolean => {
  try {
    return certificate.x509.verify(issuer.x509.publicKey)
  } catch {
    return false
  }
}

export const isSelfIssued = (certificate: Certificate): boolean => folded(certificate.issuer) === folded(certificate.subject)
export const isSelfSigned = (certificate: Certificate): boolean => isSelfIssued(certificate) && isSignedBy(certificate, certificate)

/** May it sign certificates: cA set, and keyCertSign where there is a key usage (RFC 5280 §6.1.4 k and n)? */
export const canSign = (certificate: Certificate): boolean =>
  certificate.basicConstraints?.ca === true && (certificate.keyUsage?.bits.has('keyCertSign') ?? true)

/** Each certificate once. */
export const distinct = (certificates: readonly Certificate[]): Certificate[] => [
  ...new Map(certificates.map(one => [one.fingerprint256, one])).values(),
]
