import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { type Authority, daysFromNow, type Issued, type LeafOptions } from './authority.ts'
import { buildLeafExtensions } from './extensions.ts'

/** What is changed in a right SVID: its content, or its extensions where the content has no word for it. */
export type Change = {
  leaf?: LeafOptions | ((right: LeafOptions) => LeafOptions)
  extensions?: (right: x509.Extension[]) => x509.Extension[]
}

const critical = (type: string, isCritical: boolean) => (extensions: x509.Extension[]) =>
  extensions.map(one => (one.type === type ? new x509.Extension(one.type, isCritical, one.value) : one))

const oids = { keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17' } as const
const withUri = (change: (uri: string) => string[]): Change => ({ leaf: right => ({ ...right, uris: right.uris!.flatMap(change) }) })
const trustDomainEnd = (uri: string): number => (uri.indexOf('/', 'spiffe://'.length) + uri.length + 1) % (uri.length + 1)

/**
 * Each breaks one rule for X509-SVID leaves (X509-SVID.md §2–5, SPIFFE-ID.md §2), or bends one that only warns. What stands under `// warns` is
 * still to be accepted.
 */
export const svidFaults = {
  'no URI': { leaf: { uris: [] } },
  'URI of another scheme': withUri(uri => [uri.replace('spiffe:', 'https:')]),
  'two SPIFFE IDs': withUri(uri => [uri, `${uri}-too`]),
  'a second URI of another scheme': withUri(uri => [uri, 'https://svc.test/']),
  'root path': withUri(uri => [uri.slice(0, trustDomainEnd(uri))]),
  'trailing slash': withUri(uri => [`${uri}/`]),
  'empty segment': withUri(uri => [`${uri}//x`]),
  'dot segment': withUri(uri => [`${uri}/../x`]),
  'percent-encoded path': withUri(uri => [`${uri}/%41`]),
  query: withUri(uri => [`${uri}?x=1`]),
  fragment: withUri(uri => [`${uri}#x`]),
  port: withUri(uri => [`${uri.slice(0, trustDomainEnd(uri))}:8443${uri.slice(trustDomainEnd(uri))}`]),
  'user name': withUri(uri => [uri.replace('spiffe://', 'spiffe://root@')]),
  'ID of 2,049 bytes': withUri(uri => [`${uri}/`.padEnd(2049, 'x')]),
  'CA leaf': { leaf: { basicConstraints: { ca: true }, keyUsage: ['digitalSignature'] } },
  keyCertSign: { leaf: { keyUsage: ['digitalSignature', 'keyCertSign'] } },
  cRLSign: { leaf: { keyUsage: ['digitalSignature', 'cRLSign'] } },
  'no digitalSignature': { leaf: { keyUsage: ['keyAgreement'] } },
  'no key usage': { leaf: { keyUsage: null } },
  'EKU without serverAuth': { leaf: { extendedKeyUsage: ['clientAuth'] } },
  'EKU without clientAuth': { leaf: { extendedKeyUsage: ['serverAuth'] } },
  'empty subject, SAN not critical': { leaf: { commonName: '' } },
  expired: { leaf: { notBefore: daysFromNow(-2), notAfter: daysFromNow(-1) } },
  'not yet valid': { leaf: { notBefore: daysFromNow(1), notAfter: daysFromNow(2) } },
  '10,000 names': { leaf: { names: Array.from({ length: 10_000 }, (_, i) => `n${i}.test`) } },
  // warns
  'upper-case trust domain': withUri(uri => [
    uri.slice(0, 9) + uri.slice(9, trustDomainEnd(uri)).toUpperCase() + uri.slice(trustDomainEnd(uri)),
  ]),
  'upper-case scheme': withUri(uri => [uri.replace('spiffe:', 'SPIFFE:')]),
  'key usage not critical': { extensions: critical(oids.keyUsage, false) },
  'no EKU': { leaf: { extendedKeyUsage: null } },
  // right, and unusual
  'empty subject, SAN critical': { leaf: { commonName: '' }, extensions: critical(oids.subjectAltName, true) },
  'no basic constraints': { leaf: { basicConstraints: null } },
  'DNS names besides': { leaf: { names: ['svc.test', '*.svc.test'] } },
} as const satisfies Record<string, Change>
export type SvidFault = keyof typeof svidFaults

const ec = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A leaf below `issuer` with `right` content but for `change`. */
export async function mintSvid(change: Change, issuer: Authority, right: LeafOptions): Promise<Issued> {
  const content = typeof change.leaf === 'function' ? change.leaf(right) : { ...right, ...change.leaf }
  if (!change.extensions) return issuer.issue(content)
  const parent = new x509.X509Certificate(issuer.certPem)
  const keys = (await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const publicKey = await webcrypto.subtle.importKey('spki', parent.publicKey.rawData, ec, true, ['verify'])
  const signingKey = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(issuer.keyPem), ec, true, ['sign'])
  const cert = await x509.X509CertificateGenerator.create({
    subject: content.commonName ? `CN=${content.commonName}` : '',
    issuer: parent.subject,
    notBefore: content.notBefore ?? daysFromNow(-1),
    notAfter: content.notAfter ?? daysFromNow(30),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ec,
    extensions: change.extensions(await buildLeafExtensions(content, keys.publicKey, publicKey)),
  })
  const certPem = `${cert.toString('pem')}\n`
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const keyPem = `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`
  return { certPem, keyPem, chainPem: certPem + issuer.intermediatesPem, der: Buffer.from(cert.rawData) }
}
