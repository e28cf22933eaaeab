/**
 * Sends UDP datagrams to port 7000, one after the other, and prints for each, as one JSON list, what came of it. By system calls, so that sizes, DF
 * and TTL are exact, ICMP errors are seen as they came, and round trips are free of the event loop.
 * Argument: { address, packets: [{ size, replySize?, ttl?, df? }], waitMs } with sizes of whole IP packets.
 */
import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { ppoll, recvfrom } from '../../../../deploy/sim/kernel.ts'
import * as libc from '../../../../probes/net/libc.ts'

type Packet = { size: number; replySize?: number; ttl?: number; df?: boolean }
export type Seen = {
  replySize?: number
  rttMs?: number
  sendError?: string
  /** The kernel's path MTU afterwards. */
  pathMtu: number
  icmp?: { origin: number; type: number; code: number; info: number; offender: string }
}

const { address, packets, waitMs } = JSON.parse(process.argv[2]!) as { address: string; packets: Packet[]; waitMs: number }
const six = isIPv6(address)
const headers = six ? 48 : 28
const level = six ? libc.IPPROTO_IPV6 : libc.IPPROTO_IP
const IP_PMTUDISC = { off: 0, want: 1 }

const fd = libc.socket(six ? libc.AF_INET6 : libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK, 0)
const target = Buffer.alloc(six ? 28 : 16)
target.writeUInt16LE(six ? libc.AF_INET6 : libc.AF_INET, 0)
target.writeUInt16BE(7000, 2)
Buffer.from(ipaddr.parse(address).toByteArray()).copy(target, six ? 8 : 4)
libc.connect(fd, target, target.length)
const set = (option: number, value: number) => libc.setsockopt(fd, level, option, libc.int32(value), 4)
set(six ? libc.IPV6_RECVERR : libc.IP_RECVERR, 1)

function wait(ms: number): boolean {
  const polled = Buffer.alloc(8)
  polled.writeInt32LE(fd, 0)
  polled.writeInt16LE(1, 4)
  const timeout = Buffer.alloc(16)
  timeout.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0)
  timeout.writeBigInt64LE(BigInt(Math.floor((ms % 1000) * 1e6)), 8)
  return ppoll(polled, 1, timeout, null) > 0
}

/** One message of the error queue: struct sock_extended_err (linux/errqueue.h) and the offender behind it. */
function readError(): Seen['icmp'] {
  const data = Buffer.alloc(2048)
  const control = Buffer.alloc(512)
  const vector = Buffer.alloc(16)
  vector.writeBigUInt64LE(libc.addressOf(data), 0)
  vector.writeBigUInt64LE(BigInt(data.length), 8)
  const message = Buffer.alloc(56)
  message.writeBigUInt64LE(libc.addressOf(vector), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(libc.addressOf(control), 32)
  message.writeBigUInt64LE(BigInt(control.length), 40)
  if (Number(libc.recvmsg(fd, message, libc.MSG_ERRQUEUE | libc.MSG_DONTWAIT)) < 0) return undefined
  const at = 16
  const family = control.readUInt16LE(at + 16)
  const offender = family === libc.AF_INET ? control.subarray(at + 20, at + 24) : control.subarray(at + 24, at + 40)
  return {
    origin: control[at + 4]!,
    type: control[at + 5]!,
    code: control[at + 6]!,
    info: control.readUInt32LE(at + 8),
    offender: family === 0 ? '' : ipaddr.fromByteArray([...offender]).toString(),
  }
}

function pathMtu(): number {
  const value = libc.int32(0)
  libc.getsockopt(fd, level, six ? libc.IPV6_MTU : libc.IP_MTU, value, libc.int32(4))
  return value.readInt32LE()
}

function exchange({ size, replySize = 0, ttl = 64, df = true }: Packet, sequence: number): Seen {
  set(six ? libc.IPV6_MTU_DISCOVER : libc.IP_MTU_DISCOVER, df ? libc.PMTUDISC_PROBE : six ? IP_PMTUDISC.want : IP_PMTUDISC.off)
  set(six ? libc.IPV6_UNICAST_HOPS : libc.IP_TTL, ttl)
  const payload = Buffer.alloc(size - headers)
  payload.writeUInt16BE(replySize && replySize - headers, 0)
  payload.writeUInt32BE(sequence, 2)
  const sentAt = performance.now()
  const sent = Number(libc.sendto(fd, payload, payload.length, 0, null, 0))
  const sendError = sent < 0 ? libc.errnoName(libc.errno()) : undefined
  const incoming = Buffer.alloc(65_536)
  while (sent >= 0) {
    const leftMs = sentAt + waitMs - performance.now()
    if (leftMs <= 0 || !wait(leftMs)) break
    const rttMs = performance.now() - sentAt
    const length = Number(recvfrom(fd, incoming, incoming.length, libc.MSG_DONTWAIT, null, null))
    if (length < 0) break
    if (incoming.readUInt32BE(2) === sequence) return { replySize: length + headers, rttMs, pathMtu: pathMtu(), icmp: readError() }
  }
  return { sendError, icmp: readError(), pathMtu: pathMtu() }
}

console.log(JSON.stringify(packets.map(exchange)))
