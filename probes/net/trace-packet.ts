/** What the packets of a trace look like, and which of them an ICMP error quotes. Pure. */
import { createHash } from 'node:crypto'
import type { Family } from '../../wire/result.ts'

export const nonceBytes = 8
/** Data of a datagram or an echo, without headers: with them the 60 bytes of the usual traceroute, over IPv4. */
export const dataBytes = 32
const icmpHeader = 8
const echoRequest = { 4: 8, 6: 128 } as const

/**
 * The 16 bits that make up for what differs between packets of a flow, so that their checksum is the same, in this trace and the next (RFC 1071: one's complement sums of
 * 0xffff change nothing). ICMPv6 sums the length too (RFC 8200 §8.1): it is made up for, so that echoes of any size are one flow.
 */
export const balanceOf = (family: Family, length: number, words: readonly number[]): number => {
  let sum = family === 6 ? length : 0
  for (const word of words) sum += word & 0xffff
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return 0xffff - sum
}

/** What tells a trace's packets from those of others: random, and of a sum that changes no checksum. */
export const balanceNonce = (random: Buffer): Buffer => {
  const nonce = Buffer.from(random.subarray(0, nonceBytes))
  nonce.writeUInt16BE(balanceOf(4, 0, [nonce.readUInt16BE(0), nonce.readUInt16BE(2), nonce.readUInt16BE(4)]), 6)
  return nonce
}

/**
 * An echo. Its identifier is the kernel's. Routers that share traffic by the first bytes of what is in the packet see type, code, checksum and identifier (Paris
 * traceroute, Augustin et al. 2006 §3): the first two bytes of data make up for the sequence number, so that the checksum is the same in all.
 */
export const buildEcho = (family: Family, index: number, nonce: Buffer): Buffer => {
  const b = Buffer.alloc(icmpHeader + dataBytes)
  b[0] = echoRequest[family]
  b.writeUInt16BE(index, 6)
  b.writeUInt16BE(0xffff - index, icmpHeader)
  nonce.copy(b, icmpHeader + 2, 0, nonceBytes)
  // The length of ICMPv6 has a place of its own: the index has to be recognised by its balance.
  b.writeUInt16BE(balanceOf(family, b.length, []), icmpHeader + 2 + nonceBytes)
  return b
}

/** A datagram: its ports are the flow, its data says which it is. The sum of number and balance is the same in all, and so is the checksum. */
export const buildDatagram = (index: number, nonce: Buffer): Buffer => {
  const b = Buffer.alloc(dataBytes)
  b.writeUInt16BE(index)
  b.writeUInt16BE(0xffff - index, 2)
  nonce.copy(b, 4, 0, nonceBytes)
  return b
}

/** `foreign`: not a packet of ours. `unidentified`: perhaps one of ours, but the quote ends before it says which. */
export type Quoted = number | 'foreign' | 'unidentified'

/** Every byte of the nonce that is quoted is ours. */
const hasNonce = (b: Buffer, at: number, nonce: Buffer): boolean => {
  const length = Math.min(nonceBytes, b.length - at)
  return length <= 0 || b.compare(nonce, 0, length, at, at + length) === 0
}

/** Which packet is quoted, from what the kernel hands over: of an echo from its ICMP header on, of a datagram from behind its UDP header on. */
export const readQuote = (protocol: 'icmp' | 'udp', family: Family, quote: Buffer, nonce: Buffer): Quoted => {
  if (protocol === 'icmp') {
    if (quote.length < icmpHeader) return quote.length > 0 && quote[0] !== echoRequest[family] ? 'foreign' : 'unidentified'
    if (quote[0] !== echoRequest[family] || quote[1] !== 0) return 'foreign'
    const index = quote.readUInt16BE(6)
    const isBalanced = quote.length < icmpHeader + 2 || quote.readUInt16BE(icmpHeader) === 0xffff - index
    return isBalanced && hasNonce(quote, icmpHeader + 2, nonce) ? index : 'foreign'
  }
  if (quote.length < 4) return 'unidentified'
  const index = quote.readUInt16BE()
  return quote.readUInt16BE(2) === 0xffff - index && hasNonce(quote, 4, nonce) ? index : 'foreign'
}

/** Which echo a reply is for; undefined for what is none of ours. `b` from the ICMP header on. */
export const readReply = (family: Family, b: Buffer, nonce: Buffer): number | undefined => {
  if (b.length < icmpHeader + 2 + nonceBytes || b[0] !== (family === 4 ? 0 : 129)) return undefined
  const index = b.readUInt16BE(6)
  const isOurs =
    b.readUInt16BE(icmpHeader) === 0xffff - index && b.compare(nonce, 0, nonceBytes, icmpHeader + 2, icmpHeader + 2 + nonceBytes) === 0
  return isOurs ? index : undefined
}

/** Ports and identifiers outside of those that Linux gives to others (ip(7), ip_local_port_range: 32768 to 60999). */
const firstFlow = 61_000
const flowCount = 4000

/**
 * The source port, or identifier, of the n-th flow to a target: the same in every trace, so that traces of different times go the same way where routers share
 * traffic by flow, and what differs between them is the route. `pinned`: what the first one is, and the others follow.
 */
export const flowIdOf = (protocol: string, address: string, n: number, pinned?: number): number =>
  pinned !== undefined
    ? pinned + n
    : firstFlow + ((createHash('sha256').update(`${protocol} ${address}`).digest().readUInt32BE() + n) % flowCount)
