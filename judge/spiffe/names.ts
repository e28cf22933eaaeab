/** The names of a certificate's subject alternative name extension (RFC 5280 §4.2.1.6), read by hand: ten thousand of them take a schema parser a second. */
import { type Element, readElements } from './der.ts'

export type AlternativeNames = {
  /** In their order, as they are written. */
  uris: string[]
  dns: string[]
  /** Four or sixteen bytes each. */
  addresses: Uint8Array[]
  emails: string[]
  /** How many of any other type. */
  others: number
}

const tags = { email: 0x81, dns: 0x82, uri: 0x86, address: 0x87 }

/** `value` is the extension's DER. Undefined when it is no list of names, or an empty one. */
export const readAlternativeNames = (value: Uint8Array): AlternativeNames | undefined => {
  const elements = readSequence(value)
  return elements?.length ? collect(elements) : undefined
}

/** Name constraints (RFC 5280 §4.2.1.10): the bases of the subtrees. Addresses are eight or thirty-two bytes, with their mask. */
export type NameConstraints = { permitted: AlternativeNames; excluded: AlternativeNames }

export const readNameConstraints = (value: Uint8Array): NameConstraints | undefined => {
  const trees = readSequence(value)
  if (!trees?.every(one => one.tag === 0xa0 || one.tag === 0xa1)) return undefined
  const bases = (tag: number) =>
    trees.filter(one => one.tag === tag).map(one => readElements(one.content)?.map(tree => readSequence(tree.whole)?.[0]))
  const [permitted, excluded] = [bases(0xa0).flat(), bases(0xa1).flat()]
  if ([...permitted, ...excluded].includes(undefined)) return undefined
  return { permitted: collect(permitted as Element[]), excluded: collect(excluded as Element[]) }
}

const readSequence = (der: Uint8Array): Element[] | undefined => {
  const [list, ...more] = readElements(der) ?? []
  return list?.tag === 0x30 && !more.length ? readElements(list.content) : undefined
}

const collect = (elements: readonly Element[]): AlternativeNames => {
  const texts = (tag: number) => elements.filter(one => one.tag === tag).map(one => Buffer.from(one.content).toString('latin1'))
  const addresses = elements.filter(one => one.tag === tags.address).map(one => one.content)
  const names = { uris: texts(tags.uri), dns: texts(tags.dns), addresses, emails: texts(tags.email) }
  return { ...names, others: elements.length - names.uris.length - names.dns.length - addresses.length - names.emails.length }
}

/** As people write them, such as `URI:spiffe://example.org/api`, at most `most`. */
export const sayNames = (names: AlternativeNames, most: number): string[] =>
  [
    ...names.uris.slice(0, most).map(name => `URI:${name}`),
    ...names.dns.slice(0, most).map(name => `DNS:${name}`),
    ...names.addresses.slice(0, most).map(bytes => `IP Address:${sayAddress(bytes)}`),
    ...names.emails.slice(0, most).map(name => `email:${name}`),
  ].slice(0, most)

const sayAddress = (bytes: Uint8Array): string =>
  bytes.length === 4
    ? bytes.join('.')
    : (
        Buffer.from(bytes)
          .toString('hex')
          .match(/.{1,4}/g) ?? []
      ).join(':')
