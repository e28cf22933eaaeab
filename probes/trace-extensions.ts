/** ICMP extensions (RFC 4884): what a router adds to an error behind the packet that it quotes. Pure; every length is checked before it is used. */
import { formatAddress } from '../judge/addresses.ts'
import type { MplsLabel, TraceInterface } from '../wire/measured-trace.ts'

export type Extensions = { mpls: MplsLabel[]; interfaces: TraceInterface[] }

/** RFC 4884 §7: version 2. */
const version = 2
const headerBytes = 4
/** RFC 4950 §2 and RFC 5837 §4. */
const mplsClass = 1
const interfaceClass = 2
/** RFC 1071 over all of the structure, 0 where the sender made no checksum (RFC 4884 §7). */
const isSound = (b: Buffer): boolean => {
  if (b.readUInt16BE(2) === 0) return true
  let sum = 0
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum === 0xffff
}

const none: Extensions = { mpls: [], interfaces: [] }

/** Reads an extension structure; what is malformed is as if it were not there, and so is all behind it. */
export const readExtensions = (bytes: Buffer): Extensions => {
  if (bytes.length < headerBytes || bytes[0]! >> 4 !== version || !isSound(bytes)) return none
  const found: Extensions = { mpls: [], interfaces: [] }
  for (let at = headerBytes; at + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt16BE(at)
    if (length < headerBytes || at + length > bytes.length) break
    const body = bytes.subarray(at + headerBytes, at + length)
    const kind = bytes[at + 2]!
    if (kind === mplsClass && bytes[at + 3] === 1) found.mpls.push(...readLabels(body))
    else if (kind === interfaceClass) found.interfaces.push(readInterface(body, bytes[at + 3]!))
    // Objects start at a multiple of four bytes (RFC 4884 §7.1).
    at += (length + 3) & ~3
  }
  return found
}

/** Label 20 bits, traffic class 3, bottom of stack 1, TTL 8 (RFC 3032 §2.1). */
const readLabels = (body: Buffer): MplsLabel[] =>
  Array.from({ length: Math.floor(body.length / 4) }, (_, i) => {
    const entry = body.readUInt32BE(4 * i)
    return { label: entry >>> 12, trafficClass: (entry >>> 9) & 7, ttl: entry & 0xff }
  })

/** RFC 5837 §4.1: the role in the two highest bits of the C-Type, then what follows: index, address, name and MTU, in this order. */
const roles = ['incoming', 'incoming_ip', 'outgoing', 'next_hop'] as const
const has = { index: 0b1000, address: 0b0100, name: 0b0010, mtu: 0b0001 }
/** Address families (IANA): an address of 4 or 16 bytes, after two bytes of family and two of padding. */
const addressBytes: Record<number, number> = { 1: 4, 2: 16 }

const readInterface = (body: Buffer, cType: number): TraceInterface => {
  const found: TraceInterface = { role: roles[cType >> 6]! }
  let at = 0
  if (cType & has.index) {
    if (at + 4 > body.length) return found
    found.index = body.readUInt32BE(at)
    at += 4
  }
  if (cType & has.address) {
    const length = at + 4 <= body.length ? addressBytes[body.readUInt16BE(at)] : undefined
    if (length === undefined || at + 4 + length > body.length) return found
    found.address = formatAddress([...body.subarray(at + 4, at + 4 + length)])
    at += 4 + length
  }
  if (cType & has.name) {
    // The first byte is the length with itself, a multiple of four, at most 64 (RFC 5837 §4.3).
    const length = body[at] ?? 0
    if (length < 4 || length > 64 || length % 4 !== 0 || at + length > body.length) return found
    found.name = body.toString('utf8', at + 1, at + length).replace(/\0+$/, '')
    at += length
  }
  if (cType & has.mtu && at + 4 <= body.length) found.mtu = body.readUInt32BE(at)
  return found
}

/** A datagram that is quoted with extensions behind it takes at least so much (RFC 4884 §4). */
const quotedBytes = 128

/**
 * The extensions of an error, from what the kernel hands over: the quote from behind `stripped` bytes of its headers on. `at`: where the router says that they begin;
 * one that says nothing puts them behind 128 bytes of the quote (RFC 4884 §5.5), and only a sound version and checksum make that believed.
 */
export const extensionsOf = (payload: Buffer, at: number, stripped: number): Extensions => {
  const start = at > 0 ? at : quotedBytes - stripped
  if (start <= 0 || start + headerBytes > payload.length) return none
  if (at === 0 && payload.readUInt16BE(start + 2) === 0) return none
  return readExtensions(payload.subarray(start))
}
