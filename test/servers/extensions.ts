import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export type KeyUsage = keyof typeof x509.KeyUsageFlags
export type ExtendedKeyUsage = keyof typeof x509.ExtendedKeyUsage

/** What a leaf says about itself. `null` leaves an extension out that is there by default. */
export type LeafContent = {
  /** DNS names. */
  names?: string[]
  addresses?: string[]
  /** URIs, such as SPIFFE IDs. */
  uris?: string[]
  /** digitalSignature unless told; critical. */
  keyUsage?: KeyUsage[] | null
  /** serverAuth and clientAuth unless told. */
  extendedKeyUsage?: ExtendedKeyUsage[] | null
  /** CA false unless told; critical. */
  basicConstraints?: { ca: boolean; pathLength?: number } | null
  /** Where the issuer's certificate can be fetched (RFC 5280 §4.2.2.1). */
  aia?: string
  /** Size of a private extension that makes the certificate that much larger. */
  padBytes?: number
}

/** An example arc for private use: 1.3.6.1.4.1 is private enterprises, 32473 is reserved for examples (RFC 5612). */
const padOid = '1.3.6.1.4.1.32473.1'

const buildPadding = (padBytes = 0) => (padBytes > 0 ? [new x509.Extension(padOid, false, Buffer.alloc(padBytes, 'pad '))] : [])

const buildKeyUsage = (usages: readonly KeyUsage[]) =>
  new x509.KeyUsagesExtension(
    usages.reduce((flags, usage) => flags | x509.KeyUsageFlags[usage], 0),
    true,
  )

export async function buildAuthorityExtensions(
  options: { pathLength?: number; padBytes?: number },
  ownKey: webcrypto.CryptoKey,
  issuerKey: webcrypto.CryptoKey = ownKey,
): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, options.pathLength, true),
    buildKeyUsage(['keyCertSign', 'cRLSign']),
    await x509.SubjectKeyIdentifierExtension.create(ownKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
    ...buildPadding(options.padBytes),
  ]
}

export async function buildLeafExtensions(
  content: LeafContent,
  ownKey: webcrypto.CryptoKey,
  issuerKey: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const { keyUsage = ['digitalSignature'], extendedKeyUsage = ['serverAuth', 'clientAuth'], basicConstraints = { ca: false } } = content
  const alternatives: x509.JsonGeneralNames = [
    ...(content.names ?? []).map(value => ({ type: 'dns', value }) as const),
    ...(content.addresses ?? []).map(value => ({ type: 'ip', value }) as const),
    ...(content.uris ?? []).map(value => ({ type: 'url', value }) as const),
  ]
  return [
    ...(basicConstraints ? [new x509.BasicConstraintsExtension(basicConstraints.ca, basicConstraints.pathLength, true)] : []),
    ...(keyUsage ? [buildKeyUsage(keyUsage)] : []),
    ...(extendedKeyUsage ? [new x509.ExtendedKeyUsageExtension(extendedKeyUsage.map(usage => x509.ExtendedKeyUsage[usage]))] : []),
    ...(alternatives.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
    ...(content.aia ? [new x509.AuthorityInfoAccessExtension({ caIssuers: content.aia })] : []),
    await x509.SubjectKeyIdentifierExtension.create(ownKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
    ...buildPadding(content.padBytes),
  ]
}
