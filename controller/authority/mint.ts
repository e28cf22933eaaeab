/** Makes certificates (RFC 5280): an authority that signs itself, and what a server shows. The library that writes them is loaded when the first one is made. */
import { createHash, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type * as Library from '@peculiar/x509'
import { Secret } from '../../wire/secret.ts'

export type Authority = { certPem: string; key: Secret }
export type Issued = { certPem: string; key: Secret; notBeforeMs: number; notAfterMs: number }

type Means = { random: (bytes: number) => Uint8Array; nowMs: number }

const dayMs = 86_400_000
export const authorityLifeMs = 3650 * dayMs
export const serverLifeMs = 90 * dayMs
/** Clocks of agents may be behind ours. */
const backdatedMs = 3_600_000
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

const loadLibrary = async (): Promise<typeof Library> => {
  // It needs the metadata of its decorators, before anything else of it.
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

/** For ten years, below which there are only leaves. */
export const makeAuthority = async ({ random, nowMs }: Means): Promise<Authority> => {
  const x509 = await loadLibrary()
  const keys = await generateKeys()
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=causeway controller ${Buffer.from(random(4)).toString('hex')}`,
    serialNumber: makeSerial(random),
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + authorityLifeMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certPem: `${certificate.toString('pem')}\n`, key: await keyPemOf(keys.privateKey) }
}

/** `names`: DNS names and addresses, for a server to be reached by. Never outlives the authority. */
export const issueServer = async (authority: Authority, names: readonly string[], { random, nowMs }: Means): Promise<Issued> => {
  if (names.length === 0) throw new TypeError('no name for the certificate')
  const x509 = await loadLibrary()
  const above = new x509.X509Certificate(authority.certPem)
  const pkcs8 = x509.PemConverter.decodeFirst(authority.key.reveal())
  const keys = await generateKeys()
  const notBeforeMs = nowMs - backdatedMs
  const notAfterMs = Math.min(nowMs + serverLifeMs, above.notAfter.getTime())
  const certificate = await x509.X509CertificateGenerator.create({
    // Names count by the extension alone (RFC 9525 §2).
    subject: 'CN=causeway controller',
    issuer: above.subject,
    serialNumber: makeSerial(random),
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(above.publicKey),
    ],
  })
  return { certPem: `${certificate.toString('pem')}\n`, key: await keyPemOf(keys.privateKey), notBeforeMs, notAfterMs }
}

/** SHA-256 of the certificate's DER bytes in hex: what join tokens carry. */
export const pinOf = (certPem: string): string => createHash('sha256').update(new X509Certificate(certPem).raw).digest('hex')

const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

/** Positive, and of one length (RFC 5280 §4.1.2.2). */
const makeSerial = (random: Means['random']): string => {
  const bytes = Buffer.from(random(16))
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

const keyPemOf = async (key: webcrypto.CryptoKey): Promise<Secret> => {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return new Secret(`-----BEGIN PRIVATE KEY-----\n${base64.replaceAll(/.{64}(?!$)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`)
}
