/**
 * Authorities and X.509-SVIDs (X509-SVID.md §3–4) of the simulated trust domains. Services have RSA below an intermediate, so that their flights are as large as
 * in the wild; the rest has EC, which takes no time to make.
 */
import 'reflect-metadata'
import { createPublicKey, randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** PEM. It can be written down and used again: `issuer` is the intermediate, which signs. */
export type Authority = { rootPem: string; issuerPem: string; issuerKeyPem: string; key: KeyType }
export type Certified = { chainPem: string; keyPem: string }
export type KeyType = 'ec' | 'rsa'
export type Wanted = {
  key?: KeyType
  id?: string
  names?: readonly string[]
  addresses?: readonly string[]
  notBeforeMs: number
  notAfterMs: number
}

const algorithms = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
} as const
const dayMs = 86_400_000
const { KeyUsageFlags } = x509

const newKeys = (key: KeyType): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithms[key], true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>
const keyPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`
/** Positive, as RFC 5280 §4.1.2.2 wants it. */
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`

const caExtensions = (): x509.Extension[] => [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
]

/** A root and an intermediate below it, whose key is of this type; valid for years. */
export const makeAuthority = async (name: string, key: KeyType, nowMs: number): Promise<Authority> => {
  const [root, issuer] = await Promise.all([newKeys('ec'), newKeys(key)])
  const dates = { notBefore: new Date(nowMs - 30 * dayMs), notAfter: new Date(nowMs + 1000 * dayMs), signingAlgorithm: algorithms.ec }
  const rootCertificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: serialNumber(),
    name: `CN=${name} root, O=Simulation`,
    keys: root,
    extensions: caExtensions(),
  })
  const certificate = await x509.X509CertificateGenerator.create({
    ...dates,
    serialNumber: serialNumber(),
    subject: `CN=${name} issuing authority, O=Simulation`,
    issuer: rootCertificate.subject,
    publicKey: issuer.publicKey,
    signingKey: root.privateKey,
    extensions: caExtensions(),
  })
  return { rootPem: pemOf(rootCertificate), issuerPem: pemOf(certificate), issuerKeyPem: await keyPem(issuer.privateKey), key }
}

const importKey = (authority: Authority): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(authority.issuerKeyPem), algorithms[authority.key], false, ['sign'])

/** An authority below another one's, with dates of its own. */
export const makeAuthorityBelow = async (above: Authority, notBeforeMs: number, notAfterMs: number): Promise<Authority> => {
  const [keys, signingKey] = await Promise.all([newKeys('ec'), importKey(above)])
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=authority of a team, O=Simulation',
    issuer: new x509.X509Certificate(above.issuerPem).subject,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithms[above.key],
    extensions: caExtensions(),
  })
  return { rootPem: above.rootPem, issuerPem: pemOf(certificate) + above.issuerPem, issuerKeyPem: await keyPem(keys.privateKey), key: 'ec' }
}

/** A leaf with its chain, the root left out. With an `id` it is an SVID. */
export const issue = async (authority: Authority, { key = 'ec', id, names = [], addresses = [], ...dates }: Wanted): Promise<Certified> => {
  const [keys, signingKey] = await Promise.all([newKeys(key), importKey(authority)])
  const algorithm = algorithms[authority.key]
  const alternative: x509.JsonGeneralNames = [
    ...(id === undefined ? [] : [{ type: 'url' as const, value: id }]),
    ...names.map(value => ({ type: 'dns' as const, value })),
    ...addresses.map(value => ({ type: 'ip' as const, value })),
  ]
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'O=Simulation',
    issuer: new x509.X509Certificate(x509.PemConverter.decodeFirst(authority.issuerPem)).subject,
    notBefore: new Date(dates.notBeforeMs),
    notAfter: new Date(dates.notAfterMs),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternative),
    ],
  })
  return { chainPem: pemOf(leaf) + authority.issuerPem, keyPem: await keyPem(keys.privateKey) }
}

const refreshHintSeconds = 30

/** The trust domain's bundle as a JWK set (SPIFFE_Trust_Domain_and_Bundle.md §4). */
export const bundleDocument = (authorities: readonly Authority[], sequence: number): string =>
  `${JSON.stringify({
    keys: authorities.map(({ rootPem }) => ({
      use: 'x509-svid',
      ...createPublicKey(rootPem).export({ format: 'jwk' }),
      x5c: [rootPem.replace(/-----[^-]+-----|\s/g, '')],
    })),
    spiffe_sequence: sequence,
    spiffe_refresh_hint: refreshHintSeconds,
  })}\n`
