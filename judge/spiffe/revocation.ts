/** Revocation lists (RFC 5280 §5). SPIFFE lives by short lives and by dropping authorities; a list is looked at when the Workload API sends one. */
import { verify } from 'node:crypto'
import type { Certificate } from './certificate.ts'
import { readElements } from './der.ts'
import { sayCertificate } from './path.ts'

/** Larger lists exist on the public web, not in an identity plane. */
const maxCrlBytes = 4 * 1024 * 1024

/** One text per certificate of the path (leaf first, each issued by the next) that a list of its issuer names. Lists that are not theirs, or malformed, say nothing. */
export const findRevoked = (path: readonly Certificate[], crls: readonly Uint8Array[]): string[] => {
  if (!crls.length) return []
  return path.slice(0, -1).flatMap((certificate, index) => {
    const issuer = path[index + 1]!
    const serials = crls.map(crl => serialsOf(crl, issuer)).find(found => found?.has(plain(certificate.serial)))
    return serials
      ? [`${index === 0 ? 'the leaf' : sayCertificate(certificate)}, serial ${certificate.serial}, is on its issuer's revocation list`]
      : []
  })
}

const plain = (serial: string) => serial.toLowerCase().replace(/^0+(?=.)/, '')

/** Digests by the DER of the OIDs of RSA PKCS #1 v1.5 (RFC 8017 A.2.4) and ECDSA (RFC 5758 §3.2); Ed25519 has its own. */
const digests: Record<string, string | null> = {
  '06092a864886f70d01010b': 'sha256',
  '06092a864886f70d01010c': 'sha384',
  '06092a864886f70d01010d': 'sha512',
  '06082a8648ce3d040302': 'sha256',
  '06082a8648ce3d040303': 'sha384',
  '06082a8648ce3d040304': 'sha512',
  '06032b6570': null,
}

/** The serials on a list that `issuer` signed, in hex. Walked by hand: a schema parser takes seconds for a long list. */
const serialsOf = (der: Uint8Array, issuer: Certificate): Set<string> | undefined => {
  const [list, ...more] = readElements(der) ?? []
  const [signed, algorithm, signature] = (list && readElements(list.content)) ?? []
  if (der.length > maxCrlBytes || more.length || !signed || !algorithm || !signature) return undefined
  const oid = readElements(algorithm.content)?.[0]?.whole
  const digest = oid && digests[Buffer.from(oid).toString('hex')]
  if (digest === undefined || !isSignature(digest, signed.whole, issuer, signature.content.subarray(1))) return undefined
  const parts = readElements(signed.content) ?? []
  // TBSCertList: version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates; the dates are what comes before the entries.
  const dates = parts.findLastIndex(one => one.tag === utcTime || one.tag === generalizedTime)
  const entries = parts[dates + 1]?.tag === sequence ? (readElements(parts[dates + 1]!.content) ?? []) : []
  return new Set(
    entries.flatMap(one => readElements(one.content)?.[0]?.content ?? []).map(serial => plain(Buffer.from(serial).toString('hex'))),
  )
}

const [sequence, utcTime, generalizedTime] = [0x30, 0x17, 0x18]

const isSignature = (digest: string | null, signed: Uint8Array, issuer: Certificate, signature: Uint8Array): boolean => {
  try {
    return verify(digest, signed, issuer.x509.publicKey, signature)
  } catch {
    return false
  }
}
