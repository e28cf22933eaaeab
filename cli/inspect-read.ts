/** What a file holds, told from its content: certificates with or without a key, a bundle, a token. Secrets stay in here. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type Bundle, maxBundleBytes, type ReadBundle, readBundle, readBundleDer, readBundlePem } from '../judge/spiffe/bundle.ts'
import { type Certificate, readCertificate } from '../judge/spiffe/certificate.ts'
import { splitDer } from '../judge/spiffe/der.ts'
import { parseSpiffeId } from '../judge/spiffe/id.ts'
import { isPrivateKey, type Pem, type PemBlock, readPem } from '../judge/spiffe/pem.ts'
import { readToken, type Token } from '../judge/spiffe/token.ts'
import { bad, good, type Parsed } from '../wire/values.ts'
import { isServerCertificate } from './inspect-ordinary.ts'

/** A private key beside a certificate: usable, or why not. */
export type Key = { ok: true; key: KeyObject } | { ok: false; problem: string }
export type Content =
  | { type: 'chain'; chain: [Certificate, ...Certificate[]]; key?: Key }
  | { type: 'bundle'; read: Extract<ReadBundle, { ok: true }> }
  | { type: 'token'; token: Token }

/** All bytes of a file, or of stdin for `-` where that is given, or why not; never more than the largest thing that is judged. */
export const readBytes = async (path: string, stdin?: AsyncIterable<Uint8Array | string>): Promise<Parsed<Buffer>> => {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of stdin && path === '-' ? stdin : createReadStream(path)) {
      chunks.push(Buffer.from(chunk as Uint8Array))
      size += chunks.at(-1)!.length
      if (size > maxBundleBytes) return bad(`larger than ${maxBundleBytes / 1024 ** 2} MiB, nothing that is judged here is`)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const known: Record<string, string> = { ENOENT: 'no such file', EISDIR: 'is a directory', EACCES: 'permission denied' }
    return bad(known[code ?? ''] ?? `cannot be read (${code})`)
  }
  return good(Buffer.concat(chunks))
}

/** `asSvid`: judge certificates as a chain even where they look like authorities. */
export const readContent = (bytes: Buffer, asSvid: boolean): Parsed<Content> => {
  if (!bytes.length) return bad('the file is empty')
  if (bytes[0] === 0x30 && bytes[1] !== undefined && bytes[1] >= 0x80) return readDer(bytes, asSvid)
  const text = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim()
  if (text === '') return bad('the file is empty')
  if (/^[{[]/.test(text)) return fromBundle(readBundle(bytes))
  if (text.includes('-----BEGIN ')) return readPemContent(text, asSvid)
  const token = text.replace(/^Bearer\s+/i, '')
  if (!/^[A-Za-z0-9_-]*\.[A-Za-z0-9_.-]*$/.test(token)) return bad('neither PEM, DER, JSON nor a JWT')
  const read = readToken(token)
  return read.ok ? good({ type: 'token', token: read.token }) : bad(`token_malformed: the token ${read.problem}`)
}

const fromBundle = (read: ReadBundle): Parsed<Content> =>
  read.ok ? good({ type: 'bundle', read }) : bad(...read.violations.map(one => `${one.code}: ${one.detail}`))

const readDer = (bytes: Buffer, asSvid: boolean): Parsed<Content> => {
  const parts = splitDer(bytes)
  if (!parts) return bad('DER that is truncated, or something stands behind it')
  if (parts.length === 1 && readDerKey(bytes)) return bad('a private key and no certificate: there is nothing to judge')
  const certificates = readAll(parts)
  if (!certificates.ok) return certificates
  return isBundle(certificates.value, asSvid) ? fromBundle(readBundleDer(bytes)) : chainOf(certificates.value)
}

const readDerKey = (der: Buffer): KeyObject | undefined => {
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const)
    try {
      return createPrivateKey({ key: der, format: 'der', type })
    } catch {
      // The next form may be it.
    }
  return undefined
}

const readPemContent = (text: string, asSvid: boolean): Parsed<Content> => {
  const pem = readPem(text)
  if (pem.problems.length) return bad(...pem.problems.slice(0, 5))
  const blocks = pem.blocks.filter(one => one.label === 'CERTIFICATE' || one.label === 'X509 CERTIFICATE')
  if (!blocks.length) return bad(noCertificate(pem))
  const certificates = readAll(blocks.map(one => one.der))
  if (!certificates.ok) return certificates
  if (isBundle(certificates.value, asSvid)) return fromBundle(readBundlePem(text))
  const key = pem.blocks.find(isPrivateKey)
  return chainOf(certificates.value, key && readKey(key))
}

const noCertificate = ({ blocks }: Pem): string =>
  blocks.some(isPrivateKey)
    ? 'a private key and no certificate: there is nothing to judge'
    : `no certificate in it, seen ${[...new Set(blocks.map(one => one.label))].slice(0, 3).join(', ') || 'no PEM block'}`

const chainOf = (certificates: Certificate[], key?: Key): Parsed<Content> => {
  const [leaf, ...others] = certificates
  return leaf ? good({ type: 'chain', chain: [leaf, ...others], key }) : bad('no certificate in it')
}

const readAll = (ders: readonly Uint8Array[]): Parsed<Certificate[]> => {
  const read = ders.map(readCertificate)
  const problems = read.flatMap((one, index) => (one.ok ? [] : [`certificate ${index + 1} of ${read.length}: ${one.problems[0]}`]))
  return problems.length ? bad(...problems.slice(0, 5)) : good(read.flatMap(one => (one.ok ? [one.certificate] : [])))
}

/** The key of a PEM block. What OpenSSL says of a bad one may repeat parts of it, so it is not passed on. */
export const readKey = (block: PemBlock): Key => {
  if (/ENCRYPTED/.test(block.text)) return { ok: false, problem: 'the private key is encrypted and was not compared' }
  try {
    return { ok: true, key: createPrivateKey(block.text) }
  } catch {
    return { ok: false, problem: 'the private key is malformed' }
  }
}

/** Authorities only, and no workload among them. */
const isBundle = (certificates: readonly Certificate[], asSvid: boolean): boolean => !asSvid && certificates.every(isAuthority)

/** A CA without a workload's ID, or a certificate of the old kind that signs itself and says nothing about its use. */
const isAuthority = (one: Certificate): boolean => {
  // `openssl req -x509` makes a CA of every server that signs itself; authorities have no host names.
  if (isServerCertificate(one)) return false
  if (one.basicConstraints?.ca) return !one.names.uris.some(isWorkloadId)
  const saysNothing = !one.basicConstraints && !one.keyUsage && !one.extendedKeyUsage && !one.names.uris.length && !one.names.dns.length
  return saysNothing && one.subject !== '' && one.subject === one.issuer
}

const isWorkloadId = (uri: string): boolean => {
  const parsed = parseSpiffeId(uri)
  return !parsed.ok || parsed.id.path !== ''
}

export type NamedBundles = ReadonlyMap<string, Bundle>

/** The bundles of the command line, by trust domain. What is wrong with one that can be used all the same is a note. */
export const readBundles = async (
  asked: readonly { trustDomain: string; file: string }[],
): Promise<Parsed<{ bundles: NamedBundles; notes: string[] }>> => {
  const problems: string[] = []
  const notes: string[] = []
  const bundles = new Map<string, Bundle>()
  for (const { trustDomain, file } of asked) {
    const bytes = await readBytes(file)
    const read = bytes.ok ? readBundle(bytes.value) : undefined
    if (read?.ok) bundles.set(trustDomain, read.bundle)
    const found = bytes.ok ? (read?.violations ?? []).map(one => `${one.code}: ${one.detail}`) : bytes.problems
    ;(read?.ok ? notes : problems).push(...found.map(problem => `--bundle: ${file}: ${problem}`))
  }
  return problems.length ? bad(...problems) : good({ bundles, notes })
}

/** The authorities of `--ca`, of whatever form. */
export const readAuthorities = async (path: string): Promise<Parsed<readonly Certificate[]>> => {
  const bytes = await readBytes(path)
  const content = bytes.ok ? readContent(bytes.value, true) : bytes
  if (!content.ok) return content
  if (content.value.type === 'token') return bad('a token, want certificates')
  return good(content.value.type === 'chain' ? content.value.chain : content.value.read.bundle.x509)
}

/** A private key of its own file, PEM or DER. */
export const readKeyFile = async (path: string): Promise<Parsed<Key>> => {
  const bytes = await readBytes(path)
  if (!bytes.ok) return bytes
  const block = readPem(bytes.value.toString('latin1')).blocks.find(isPrivateKey)
  if (block) return good(readKey(block))
  const key = readDerKey(bytes.value)
  return key ? good({ ok: true, key }) : bad('no private key in it')
}
