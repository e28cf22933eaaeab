/** What this agent can measure from where it stands, found out by trying, with the exact line that would give it what is missing. */
import { clockErrorMs } from '../probes/net/clock-error.ts'
import { EchoSocket, openEchoSocket } from '../probes/net/echo-socket.ts'
import { supported } from '../probes/net/libc.ts'
import type { Family } from '../wire/result.ts'

export type Finding = { what: string; state: 'ok' | 'limited' | 'missing'; detail: string; remedy?: string }

/** A clock that may be further off than this makes certificates and windows doubtful. */
const clockLimitMs = 1000

const icmpOf = (family: Family): Finding => {
  const what = `icmp over IPv${family}`
  const opened = openEchoSocket(family)
  if (!(opened instanceof EchoSocket)) {
    const detail = opened.kind === 'ok' ? '' : opened.detail
    const isAbsent = opened.kind === 'unmeasured' && opened.reason === 'unsupported'
    if (isAbsent) return { what, state: 'limited', detail: `this host has no IPv${family}` }
    return { what, state: 'missing', detail, remedy: podSysctl }
  }
  const { mode } = opened
  opened.close()
  return { what, state: 'ok', detail: mode === 'datagram' ? 'datagram sockets, no privilege needed' : 'raw sockets, by CAP_NET_RAW' }
}

/** As it stands in a pod: the one line that opens ICMP to it (a "safe" sysctl, allowed by Pod Security Standard baseline). */
const podSysctl = 'spec.securityContext.sysctls: [{ name: net.ipv4.ping_group_range, value: "0 2147483647" }]'

const clock = (): Finding => {
  const errorMs = clockErrorMs()
  const what = 'clock'
  if (errorMs === undefined) return { what, state: 'limited', detail: 'its error can not be asked on this system' }
  if (Number.isNaN(errorMs))
    return {
      what,
      state: 'limited',
      detail: 'no time server keeps it, as far as the kernel knows',
      remedy: 'run chrony or systemd-timesyncd on the node',
    }
  const state = errorMs > clockLimitMs ? 'limited' : 'ok'
  return { what, state, detail: `at most ${errorMs.toFixed(1)} ms off, the kernel says` }
}

const kernel = (): Finding =>
  supported
    ? { what: 'kernel', state: 'ok', detail: 'TCP_INFO, error queues and kernel timestamps' }
    : {
        what: 'kernel',
        state: 'limited',
        detail: `${process.platform}/${process.arch}: no TCP_INFO, no kernel timestamps; ICMP by the system's ping`,
        remedy: 'run the agent on Linux, x86-64 or arm64',
      }

/** Tries everything; sends nothing. Never throws. */
export const selfTest = (): Finding[] => [kernel(), ...(supported ? [icmpOf(4), icmpOf(6)] : []), clock()]
