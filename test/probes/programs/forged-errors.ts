/**
 * Sends ICMP time-exceeded messages about packets that the receiver did not send, or quotes too little of, every few milliseconds until it is ended.
 * Argument: JSON of the address they go to, and for each the quote in hex and whether its checksum is wrong.
 */
import * as libc from '../../../probes/net/libc.ts'
import { sockaddr } from '../../../probes/net/sockaddr.ts'

type Forged = { quote: string; isBroken?: boolean }
const { to, errors } = JSON.parse(process.argv[2]!) as { to: string; errors: Forged[] }

/** RFC 1071. */
const sumOf = (b: Buffer): number => {
  let sum = 0
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
const messages = errors.map(({ quote, isBroken = false }) => {
  const b = Buffer.concat([Buffer.from([11, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(quote, 'hex')])
  b.writeUInt16BE((~sumOf(b) & 0xffff) ^ (isBroken ? 0x5555 : 0), 2)
  return b
})
const fd = libc.socket(libc.AF_INET, libc.SOCK_RAW, libc.IPPROTO_ICMP)
const receiver = sockaddr(to)
setInterval(() => {
  for (const message of messages) libc.sendto(fd, message, message.length, 0, receiver, receiver.length)
}, 2)
