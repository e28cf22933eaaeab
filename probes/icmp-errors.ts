import type { FailReason } from '../wire/reasons.ts'
import type { Family } from '../wire/result.ts'
import { EACCES, EHOSTUNREACH, ENETUNREACH, EPERM } from './net/libc.ts'
import type { QueuedError } from './net/mailbox.ts'

const v4: Record<number, FailReason> = {
  0: 'network_unreachable',
  6: 'network_unreachable',
  9: 'admin_prohibited',
  10: 'admin_prohibited',
  13: 'admin_prohibited',
}
const v6: Record<number, FailReason> = { 0: 'network_unreachable', 1: 'admin_prohibited', 5: 'admin_prohibited', 6: 'admin_prohibited' }

/** An ICMP error as a reason: RFC 792 and RFC 1812 §5.2.7 for IPv4 (type 3, 11), RFC 4443 §3 for IPv6 (type 1, 3). Undefined for packet-too-big. */
export const reasonOfError = (error: QueuedError, family: Family): FailReason | undefined => {
  if (isTooBig(error, family)) return undefined
  if (error.origin === 1) return reasonOfSend(error.errno)
  if (error.type === (family === 4 ? 11 : 3)) return 'ttl_exceeded'
  return (family === 4 ? v4 : v6)[error.code] ?? 'host_unreachable'
}

/** "Fragmentation needed" (RFC 1191) or packet-too-big (RFC 4443 §3.2) that came from the path, not from this machine. */
export const isTooBig = (error: QueuedError, family: Family): boolean =>
  family === 4 ? error.origin === 2 && error.type === 3 && error.code === 4 : error.origin === 3 && error.type === 2

/** What an error of our own send means: undefined when it is this machine's matter and not the network's. */
export const reasonOfSend = (errno: number): FailReason | undefined =>
  errno === ENETUNREACH ? 'network_unreachable' : errno === EHOSTUNREACH ? 'host_unreachable' : undefined

/** A local filter refuses the packet. */
export const isLocalRefusal = (errno: number): boolean => errno === EPERM || errno === EACCES

export const describeError = (error: QueuedError): string =>
  error.origin === 1
    ? `this machine reports errno ${error.errno} (no answer to address resolution, or no route)`
    : `${error.offender ?? 'a router'} answers ICMP type ${error.type} code ${error.code}`
