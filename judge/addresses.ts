/** Addresses and networks as bytes, so that no spelling of an address is another address. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { bad, good, type Parsed, quote } from '../wire/values.ts'

/** 4 or 16 bytes in network order. */
export type Bytes = readonly number[]
/** `text` is the canonical form. */
export type Network = { bytes: Bytes; bits: number; text: string }

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2): not an address of its own, the kernel sends IPv4. */
const mappedPrefix: Bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const startsWith = (bytes: Bytes, prefix: Bytes): boolean => prefix.every((byte, at) => bytes[at] === byte)
const unmap = (bytes: Bytes): Bytes => (bytes.length === 16 && startsWith(bytes, mappedPrefix) ? bytes.slice(12) : bytes)

/**
 * The bytes of an address literal, IPv4-mapped ones as IPv4; undefined for what is not one: names, and the short, octal and decimal forms of
 * inet_aton(3). A zone is no part of an address.
 */
export const parseAddress = (text: string): Bytes | undefined => {
  const [address = ''] = text.split('%', 1)
  if (isIP(address) === 0) return undefined
  return unmap(ipaddr.parse(address).toByteArray())
}

export const formatAddress = (bytes: Bytes): string => ipaddr.fromByteArray([...bytes]).toString()

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. Bits after the prefix must be zero: they are a typing error. */
export const parseNetwork = (text: string): Parsed<Network> => {
  const [address = '', length, ...more] = text.split('/')
  const size = isIP(address)
  if (size === 0 || more.length > 0) return bad(`${quote(text)} is not a network, want one like 10.0.0.0/8, 2001:db8::/32 or one address`)
  const most = size === 4 ? 32 : 128
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > most))
    return bad(`${quote(text)}: prefix length ${quote(length)}, want 0 to ${most}`)
  const bytes: Bytes = ipaddr.parse(address).toByteArray()
  const bits = length === undefined ? most : Number(length)
  const masked = mask(bytes, bits)
  if (masked.some((byte, at) => byte !== bytes[at])) {
    return bad(
      `${quote(text)} has bits after its prefix, write ${formatAddress(masked)}/${bits}, or ${formatAddress(bytes)} for the one address`,
    )
  }
  const mapped = bits >= 96 && unmap(bytes) !== bytes
  return good(buildNetwork(mapped ? unmap(bytes) : bytes, mapped ? bits - 96 : bits))
}

const buildNetwork = (bytes: Bytes, bits: number): Network => ({ bytes, bits, text: `${formatAddress(bytes)}/${bits}` })

const mask = (bytes: Bytes, bits: number): Bytes =>
  bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * at))) & 0xff)

export const contains = ({ bytes, bits }: Network, address: Bytes): boolean =>
  bytes.length === address.length && mask(address, bits).every((byte, at) => byte === bytes[at])

/** Every address of the one is in the other. */
export const isWithin = (inner: Network, outer: Network): boolean => inner.bits >= outer.bits && contains(outer, inner.bytes)

/** Where each length of a NAT64 prefix puts the IPv4 address; byte 8 is always left out (RFC 6052 §2.2). */
const embeddedAt: Readonly<Record<number, readonly number[]>> = {
  32: [4, 5, 6, 7],
  40: [5, 6, 7, 9],
  48: [6, 7, 9, 10],
  56: [7, 9, 10, 11],
  64: [9, 10, 11, 12],
  96: [12, 13, 14, 15],
}
export const nat64Lengths: readonly number[] = Object.keys(embeddedAt).map(Number)

const at = (bytes: Bytes, places: readonly number[]): Bytes => places.map(place => bytes[place]!)
/** The network of this host (RFC 1122 §3.2.1.3), which no translator sends to. */
const isNowhere = (bytes: Bytes): boolean => bytes[0] === 0

const wellKnownNat64: Bytes = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
const localNat64: Bytes = [0, 0x64, 0xff, 0x9b, 0, 1]

/**
 * The IPv4 hosts to which a translator hands packets for an IPv6 address: NAT64 by its well-known prefix (RFC 6052), by those for local use
 * (RFC 8215, whose length is not known from outside, so all that it may be), and by those that this network is told to have.
 */
export const translatedTo = (bytes: Bytes, nat64: readonly Network[]): Bytes[] => {
  if (bytes.length !== 16) return []
  const known = nat64.filter(network => contains(network, bytes))
  if (known.length > 0) return known.map(network => at(bytes, embeddedAt[network.bits]!))
  if (startsWith(bytes, wellKnownNat64)) return [bytes.slice(12)]
  if (!startsWith(bytes, localNat64)) return []
  return [48, 56, 64, 96].map(length => at(bytes, embeddedAt[length]!)).filter(found => !isNowhere(found))
}

/** The IPv4 addresses in one of a tunnel: the packets pass there, whoever is behind. */
export const tunnelledTo = (bytes: Bytes): Bytes[] => {
  if (bytes.length !== 16) return []
  // IPv4-compatible (RFC 4291 §2.5.5.1, deprecated).
  if (bytes.slice(0, 12).every(byte => byte === 0)) return [bytes.slice(12)]
  // 6to4, 2002::/16 (RFC 3056 §2).
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return [bytes.slice(2, 6)]
  // Teredo, 2001::/32: its server, and the client with all bits turned over (RFC 4380 §4).
  if (startsWith(bytes, [0x20, 0x01, 0, 0])) return [bytes.slice(4, 8), bytes.slice(12).map(byte => byte ^ 0xff)]
  // ISATAP (RFC 5214 §6.1), with the universal bit or without.
  if ((bytes[8]! & 0xfd) === 0 && startsWith(bytes.slice(9), [0, 0x5e, 0xfe])) return [bytes.slice(12)]
  return []
}

/** Ranges of ipaddr.js that leave the networks of one's own: what a NAT gateway keeps a port for. */
const publicRanges = new Set(['unicast', 'rfc6145', 'rfc6052', '6to4', 'teredo'])

/** Whether packets to the address leave private networks (RFC 1918, RFC 4193, RFC 6598 and the special ones do not). */
export const isPublic = (bytes: Bytes): boolean => publicRanges.has(ipaddr.fromByteArray([...bytes]).range())
