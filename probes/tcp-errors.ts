import type { Outcome } from '../wire/result.ts'
import { aborted, fail, type Resolved, timedOut, unmeasured } from './finding.ts'
import { DialError } from './net/tcp-socket.ts'

/** What a failed connect means, by the system's error name (connect(2)). */
export const judgeDial = (error: unknown, target: Resolved, signal: AbortSignal): Outcome => {
  const code = error instanceof DialError ? error.code : undefined
  const at = `${target.address} port ${target.port}`
  if (error instanceof DialError && error.message.startsWith('bind') && code !== 'EADDRINUSE')
    return unmeasured('config_invalid', `${error.message}: not an address of this machine in the target's family`)
  switch (code) {
    case 'ECONNREFUSED':
      return fail('tcp_refused', `${at} answered the SYN with RST, want SYN-ACK`)
    case 'ETIMEDOUT':
      return fail('tcp_timeout', `no answer to the SYN from ${at}`)
    case 'ECONNRESET':
      return fail('tcp_reset', `${at} reset the connection`)
    case 'EHOSTUNREACH':
      return fail('host_unreachable', `${at}: no route to host (a router or this machine says so)`)
    case 'ENETUNREACH':
      return fail('network_unreachable', `${at}: network is unreachable`)
    case 'EACCES':
    case 'EPERM':
      return unmeasured('local_permission', `${at}: ${code}: a filter on this machine refuses the connection`)
    case 'EADDRNOTAVAIL':
    case 'EADDRINUSE':
      return unmeasured('local_resource', `${at}: no local port or address left`)
    case 'ERR_SOCKET_BAD_PORT':
    case 'ERR_MISSING_ARGS':
      return unmeasured('config_invalid', `port was ${target.port}, want 1 to 65535`)
    case 'EAFNOSUPPORT':
      return unmeasured('unsupported', `${at}: this machine does not speak IPv${target.family}, or the address is of the other family`)
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
      return unmeasured('local_resource', `${at}: ${code}`)
    case 'ABORT_ERR':
      return timedOut(signal) ? fail('tcp_timeout', `no answer to the SYN from ${at} in time`) : aborted
    default:
      return unmeasured('internal', `${at}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
