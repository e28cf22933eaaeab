import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { buildAuthorityExtensions, buildLeafExtensions, type LeafContent } from './extensions.ts'

/** EC is P-256, RSA is 2048 bits (slow: some 100 ms each). */
export type KeyType = 'ec' | 'rsa'

type Validity = { notBefore?: Date; notAfter?: Date }

/** `parent` absent: a root that signs itself. */
export type AuthorityOptions = Validity & { name: string; key?: KeyType; pathLength?: number; padBytes?: number; parent?: Authority }

/** `commonName` is the first name, address or URI unless given; '' is an empty subject. */
export type LeafOptions = Validity & LeafContent & { commonName?: string; key?: KeyType }

/** `chainPem` is the leaf and then the intermediates, as a server should send them, without the root. */
export type Issued = { certPem: string; keyPem: string; chainPem: string; der: Buffer }

export type Authority = {
  certPem: string
  keyPem: string
  /** This authority and those above it, without the root: what follows the leaf in a chain. Empty for a root. */
  intermediatesPem: string
  issue(options?: LeafOptions): Promise<Issued>
  intermediate(options: Omit<AuthorityOptions, 'parent'>): Promise<Authority>
}

type KeyPair = webcrypto.CryptoKeyPair
type Signer = { cert: x509.X509Certificate; keys: KeyPair; intermediatesPem: string }

const signers = new WeakMap<Authority, Signer>()
const algorithms = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
} as const

const dayMs = 86_400_000
export const daysFromNow = (days: number): Date => new Date(Date.now() + days * dayMs)

/** A root, or below `parent` an intermediate. Valid from yesterday for 30 days unless told; serial numbers are random. */
export async function makeAuthority(options: AuthorityOptions): Promise<Authority> {
  const keys = await generateKeys(options.key)
  const parent = options.parent && signerOf(options.parent)
  const cert = await certify({
    subject: `CN=${escapeName(options.name)}`,
    validity: options,
    keys,
    signer: parent,
    extensions: await buildAuthorityExtensions(options, keys.publicKey, parent?.keys.publicKey),
  })
  return buildAuthority({ cert, keys, intermediatesPem: parent ? pemOf(cert) + parent.intermediatesPem : '' })
}

/** A root that was made elsewhere: PEM certificate and PKCS #8 key, EC P-256 or RSA. */
export async function loadAuthority(pem: { certPem: string; keyPem: string }): Promise<Authority> {
  const cert = new x509.X509Certificate(pem.certPem)
  const algorithm = cert.publicKey.algorithm.name === 'ECDSA' ? algorithms.ec : algorithms.rsa
  const pkcs8 = x509.PemConverter.decodeFirst(pem.keyPem)
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign'])
  const publicKey = await webcrypto.subtle.importKey('spki', cert.publicKey.rawData, algorithm, true, ['verify'])
  return buildAuthority({ cert, keys: { privateKey, publicKey }, intermediatesPem: '' })
}

/** A leaf that nobody but itself has signed. */
export const issueSelfSigned = (options: LeafOptions = {}): Promise<Issued> => issueLeaf(options)

async function buildAuthority(signer: Signer): Promise<Authority> {
  const authority: Authority = {
    certPem: pemOf(signer.cert),
    keyPem: await keyPemOf(signer.keys),
    intermediatesPem: signer.intermediatesPem,
    issue: (options = {}) => issueLeaf(options, signer),
    intermediate: options => makeAuthority({ ...options, parent: authority }),
  }
  signers.set(authority, signer)
  return authority
}

async function issueLeaf(options: LeafOptions, signer?: Signer): Promise<Issued> {
  const keys = await generateKeys(options.key)
  const name = options.commonName ?? [...(options.names ?? []), ...(options.addresses ?? []), ...(options.uris ?? [])][0] ?? 'leaf'
  const cert = await certify({
    subject: name && `CN=${escapeName(name)}`,
    validity: options,
    keys,
    signer,
    extensions: await buildLeafExtensions(options, keys.publicKey, (signer?.keys ?? keys).publicKey),
  })
  const certPem = pemOf(cert)
  const chainPem = certPem + (signer?.intermediatesPem ?? '')
  return { certPem, keyPem: await keyPemOf(keys), chainPem, der: Buffer.from(cert.rawData) }
}

type Request = { subject: string; validity: Validity; keys: KeyPair; signer?: Signer; extensions: x509.Extension[] }

function certify({ subject, validity, keys, signer, extensions }: Request): Promise<x509.X509Certificate> {
  const signingKey = (signer?.keys ?? keys).privateKey
  return x509.X509CertificateGenerator.create({
    subject,
    issuer: signer?.cert.subject ?? subject,
    notBefore: validity.notBefore ?? daysFromNow(-1),
    notAfter: validity.notAfter ?? daysFromNow(30),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: { name: signingKey.algorithm.name, hash: 'SHA-256' },
    extensions,
  })
}

function signerOf(authority: Authority): Signer {
  const signer = signers.get(authority)
  if (!signer) throw new TypeError('parent was not made by makeAuthority or loadAuthority')
  return signer
}

const generateKeys = (key: KeyType = 'ec') => webcrypto.subtle.generateKey(algorithms[key], true, ['sign', 'verify']) as Promise<KeyPair>

/** Escapes what RFC 4514 §2.4 gives a meaning. */
const escapeName = (name: string) => name.replace(/[\\,+"<>;=#]/g, '\\$&')
const pemOf = (cert: x509.X509Certificate) => `${cert.toString('pem')}\n`

async function keyPemOf(keys: KeyPair): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`
}
