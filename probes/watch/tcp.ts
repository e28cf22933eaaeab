import { closeFd, connectOnly, DialError, resetOnClose } from '../net/tcp-socket.ts'
import type { OpenSender } from './sender.ts'

/** Connects under way at most: further probes of an outage need no descriptor, since the path is down. */
const mostPending = 1000
/** Connects that begin within so long share one time limit. */
const sharedMs = 100

/** Asks by connecting. A refusal is an answer: the path is there. A SYN that had to be sent again is a lost probe, whatever came after. */
export const openTcpSender: OpenSender = async ({ address, family, port, source, timeoutMs }, listener, signal) => {
  let pending = 0
  let limit = { from: Number.NEGATIVE_INFINITY, signal }

  const limitNow = (): AbortSignal => {
    const now = performance.now()
    if (now - limit.from >= sharedMs) limit = { from: now, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + sharedMs)]) }
    return limit.signal
  }

  const connect = async (index: number): Promise<void> => {
    const start = performance.now()
    try {
      const { fd, info } = await connectOnly({ address, family, port: port!, source }, limitNow())
      // No port is kept for a minute.
      resetOnClose(fd)
      closeFd(fd)
      if (info.totalRetransmits === 0) listener.answered(index, info.rttMs, -1)
    } catch (error) {
      const code = error instanceof DialError ? error.code : undefined
      if (code === 'ECONNREFUSED' || code === 'ECONNRESET') {
        // A refusal that follows the second SYN comes later than the kernel waits before it (RFC 6298 §2.1: one second).
        if (performance.now() - start < 1000) listener.answered(index, Number.NaN, -1)
        listener.error(`port ${port} refuses connections`)
      } else if (code !== 'ABORT_ERR' && code !== 'ETIMEDOUT') listener.error(error instanceof Error ? error.message : String(error))
    } finally {
      pending--
    }
  }

  return {
    look: () => {},
    send(index) {
      if (pending >= mostPending) return true
      pending++
      void connect(index)
      return true
    },
    collect: () => {},
    overflow: () => 0,
    close: () => {},
  }
}
