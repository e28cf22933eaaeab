/**
 * The extensions of a certificate (RFC 5280 §4.2), read by hand: `node:crypto` gives none of their bits, and a schema parser takes longer to load and to
 * run for the first time than a handshake does. That the certificate is one has been seen before, by OpenSSL.
 */
import { type Element, readElements } from './der.ts'

export type Extension = { critical: boolean; value: Uint8Array }

/** Of KeyUsage, in the order of their bits (RFC 5280 §4.2.1.3). */
export const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsageName = (typeof keyUsageNames)[number]

/** What is malformed in a certificate, for its reader. */
export class Malformed extends Error {}

const tags = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, sequence: 0x30, version: 0xa0, extensions: 0xa3 }

const inside = (bytes: Uint8Array): Element[] => {
  const elements = readElements(bytes)
  if (!elements) throw new Malformed('malformed')
  return elements
}

const only = (bytes: Uint8Array, tag: number): Uint8Array => {
  const [one, ...more] = inside(bytes)
  if (one?.tag !== tag || more.length > 0) throw new Malformed('malformed')
  return one.content
}

/** The subject and the extensions by OID. "A certificate MUST NOT include more than one instance of a particular extension" (§4.2). */
export const readToBeSigned = (der: Uint8Array): { subjectEmpty: boolean; extensions: Map<string, Extension> } => {
  const [toBeSigned] = inside(only(der, tags.sequence))
  const fields = inside(toBeSigned?.content ?? new Uint8Array())
  // Version (absent in version 1), serial, signature, issuer, validity, subject.
  const subject = fields[fields[0]?.tag === tags.version ? 5 : 4]
  if (!subject) throw new Malformed('malformed')
  const extensions = new Map<string, Extension>()
  const field = fields.find(({ tag }) => tag === tags.extensions)
  for (const { tag, content } of field ? inside(only(field.content, tags.sequence)) : []) {
    if (tag !== tags.sequence) throw new Malformed('malformed')
    const { oid, extension } = readExtension(inside(content))
    if (extensions.has(oid)) throw new Malformed(`it has the extension ${oid} twice`)
    extensions.set(oid, extension)
  }
  return { subjectEmpty: subject.content.length === 0, extensions }
}

/** Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } (§4.1). */
const readExtension = (parts: Element[]): { oid: string; extension: Extension } => {
  const [id, ...rest] = parts
  const flag = rest[0]?.tag === tags.boolean ? rest.shift() : undefined
  const [value, ...more] = rest
  if (id?.tag !== tags.oid || value?.tag !== tags.octets || more.length > 0) throw new Malformed('malformed')
  return { oid: readOid(id.content), extension: { critical: flag ? readBoolean(flag) : false, value: value.content } }
}

const readBoolean = ({ content }: Element): boolean => {
  if (content.length !== 1) throw new Malformed('malformed')
  return content[0] !== 0
}

/** X.690 §8.19: seven bits a byte; the first number holds two arcs. Arcs may have any length (2.25 holds UUIDs). */
const readOid = (bytes: Uint8Array): string => {
  if (bytes.length === 0 || bytes.at(-1)! >= 0x80) throw new Malformed('malformed')
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of bytes) {
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0n
  }
  const [first, ...others] = arcs as [bigint, ...bigint[]]
  const top = first < 80n ? first / 40n : 2n
  return [top, first - 40n * top, ...others].join('.')
}

/** X.690 §8.6: the first byte says how many bits of the last one do not count. */
export const readKeyUsage = (value: Uint8Array): ReadonlySet<KeyUsageName> => {
  const [unused, ...bytes] = only(value, tags.bits)
  if (unused === undefined || unused > 7 || (unused > 0 && bytes.length === 0)) throw new Malformed('malformed')
  const bits = 8 * bytes.length - unused
  return new Set(keyUsageNames.filter((_, bit) => bit < bits && bytes[bit >> 3]! & (0x80 >> (bit & 7))))
}

/** OIDs. */
export const readExtendedKeyUsage = (value: Uint8Array): string[] =>
  inside(only(value, tags.sequence)).map(({ tag, content }) => {
    if (tag !== tags.oid) throw new Malformed('malformed')
    return readOid(content)
  })

export const readBasicConstraints = (value: Uint8Array): { ca: boolean; pathLength?: number } => {
  const parts = inside(only(value, tags.sequence))
  const flag = parts[0]?.tag === tags.boolean ? parts.shift() : undefined
  const length = parts[0]?.tag === tags.integer ? parts.shift()!.content : undefined
  // A path length is no negative number (§4.2.1.9).
  if (parts.length > 0 || length?.length === 0 || (length?.[0] ?? 0) >= 0x80) throw new Malformed('malformed')
  return { ca: flag ? readBoolean(flag) : false, pathLength: length?.reduce((sum, byte) => sum * 256 + byte, 0) }
}

const keyIdentifier = 0x80
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** AuthorityKeyIdentifier ::= SEQUENCE { [0] keyIdentifier, [1] issuer, [2] serial, each of them OPTIONAL } (§4.2.1.1). */
export const readAuthorityKeyId = (value: Uint8Array): string | null => {
  const parts = inside(only(value, tags.sequence))
  const first = parts.find(({ tag }) => tag === keyIdentifier)
  return first ? hex(first.content) : null
}

export const readSubjectKeyId = (value: Uint8Array): string => hex(only(value, tags.octets))
