import { unmeasured } from '../finding.ts'
import { describeError } from '../icmp-errors.ts'
import { EchoSession, joinEchoes } from '../net/echoes.ts'
import { EAGAIN, ENOBUFS, errnoName, supported } from '../net/libc.ts'
import { sockaddr } from '../net/sockaddr.ts'
import type { OpenSender } from './sender.ts'

/** Sent echoes that are remembered: more than a thousand a second for a minute. */
const remembered = 65_536
/** Echoes after which the socket is read before more are sent. */
const batch = 64

/** Asks by echoes. Round trips are the kernel's; the answers say their TTL. */
export const openIcmpSender: OpenSender = async ({ address, family, source, sizeBytes }, listener) => {
  if (!supported) return unmeasured('unsupported', `echoes are timed by the kernel's clock, which ${process.platform} does not offer`)
  const session = joinEchoes(
    family,
    { source, largestBytes: sizeBytes },
    {
      reply: (index, rttMs, ttl) => listener.answered(index, rttMs, ttl),
      error: (_index, error) => listener.error(describeError(error)),
    },
    remembered,
  )
  if (!(session instanceof EchoSession)) return session
  const to = sockaddr(address)
  return {
    look: () => session.look(),
    send(index) {
      const code = session.send(to, index, sizeBytes)
      if (code === EAGAIN || code === ENOBUFS) return false
      if (code !== 0) listener.error(`sending: ${errnoName(code)}`)
      if (session.unread >= batch) session.collect()
      return true
    },
    // The shared socket has a timer of its own.
    collect: () => {},
    overflow: () => session.overflow,
    close: () => session.leave(),
  }
}
