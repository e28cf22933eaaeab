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

/** The address text of a sockaddr at `offset`, or undefined when there is none. */
export const addressAt = (b: Buffer, offset = 0): string | undefined => {
  const family = b.readUInt16LE(offset)
  if (family === AF_INET) return b.subarray(offset + 4, offset + 8).join('.')
  if (family === AF_INET6) return ipaddr.fromByteArray([...b.subarray(offset + 8, offset + 24)]).toString()
  return undefined
}
