import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import type { Family } from '../../wire/result.ts'
import { AF_INET, AF_INET6 } from './libc.ts'

/** The family of an address literal (zone allowed), or undefined for anything else. */
export const familyOf = (address: string): Family | undefined =>
  ipaddr.IPv4.isValidFourPartDecimal(address) ? 4 : ipaddr.IPv6.isValid(address) ? 6 : undefined

const scopeOf = (zone: string | undefined): number => {
  if (!zone) return 0
  if (/^\d+$/.test(zone)) return Number(zone)
  return networkInterfaces()[zone]?.find(i => i.family === 'IPv6' && i.scopeid)?.scopeid ?? 0
}

/** `struct sockaddr_in` (16 bytes) or `sockaddr_in6` (28 bytes) for an address literal (linux/in.h, linux/in6.h). */
export const sockaddr = (address: string, port = 0): Buffer => {
  if (isIPv4(address)) return sockaddrIn(address, port)
  const [text = '', zone] = address.split('%')
  const bytes = ipaddr.parse(text).toByteArray()
  const v6 = bytes.length === 16
  const b = Buffer.alloc(v6 ? 28 : 16)
  b.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0)
  b.writeUInt16BE(port, 2)
  Buffer.from(bytes).copy(b, v6 ? 8 : 4)
  if (v6) b.writeUInt32LE(scopeOf(zone), 24)
  return b
}

/** Most targets; nothing more than a dotted quad is parsed, as it is parsed for every run. */
const sockaddrIn = (address: string, port: number): Buffer => {
  // From Node's pool: memory of its own for 16 bytes costs more than the rest.
  const b = Buffer.allocUnsafe(16).fill(0)
  b[0] = AF_INET
  b[2] = port >>> 8
  b[3] = port
  let at = 4
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (code === dot) at++
    else b[at] = b[at]! * 10 + code - zero
  }
  return b
}
const [dot, zero] = [0x2e, 0x30]

/** The address text of a sockaddr at `offset`, or undefined when there is none. */
export const addressAt = (b: Buffer, offset = 0): string | undefined => {
  const family = b.readUInt16LE(offset)
  if (family === AF_INET) return b.subarray(offset + 4, offset + 8).join('.')
  if (family === AF_INET6) return ipaddr.fromByteArray([...b.subarray(offset + 8, offset + 24)]).toString()
  return undefined
}

/** What binding to no address of one's own is called. */
export const anyAddress = (family: Family): string => (family === 4 ? '0.0.0.0' : '::')
