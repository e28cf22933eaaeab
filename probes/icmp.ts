import type { IcmpMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Family, Outcome, Warning } from '../wire/result.ts'
import { aborted, type Finding, fail, ok, type Probe, pause, type Resolved, timedOut, unmeasured } from './finding.ts'
import { describeError, isLocalRefusal, reasonOfError, reasonOfSend } from './icmp-errors.ts'
import { probeIcmpBySystem } from './icmp-system.ts'
import { type EchoListener, EchoSession, joinEchoes } from './net/echoes.ts'
import { EAGAIN, EMSGSIZE, ENOBUFS, errnoName, supported } from './net/libc.ts'
import type { QueuedError } from './net/mailbox.ts'
import { summarise } from './net/quantile.ts'
import { sockaddr } from './net/sockaddr.ts'
import { buildWaiter, type Waiter } from './waiter.ts'

/** Echoes under way at most when no interval is asked for. */
const floodWindow = 128
/** Echoes sent in one go, by whomever, before the socket is read again: more could overflow its buffer. */
const batch = 64

/** What happened to the echoes, kept while they are under way. */
export type EchoesSeen = {
  sent: number
  received: number
  duplicates: number
  reordered: number
  ttl: number | null
  rtts: number[] | Float64Array
  jitterSumMs: number
  error?: QueuedError
  sendErrno: number
  overflow: number
  socket: IcmpMeasured['socket']
}

/**
 * Sends echoes at a steady interval and times the replies by the kernel's receive timestamps. Measures RTT, jitter, loss, duplicates,
 * reordering and the TTL of the replies; no path MTU (the packets may be fragmented), no hops.
 */
export const probeIcmp: Probe<'icmp'> = async (target, options, signal) => {
  if (!supported) return probeIcmpBySystem(target, options, signal)
  const seen = emptySeen(options.count)
  const arrived = new Uint8Array(options.count)
  let last = -1
  let lastRtt = Number.NaN
  const waiter = buildWaiter(signal)
  let isAllSent = false
  const session = await join(
    target.family,
    options,
    {
      reply: (index, rttMs, ttl) => {
        if (arrived[index]) {
          seen.duplicates++
          return
        }
        arrived[index] = 1
        if (!Number.isNaN(rttMs)) {
          seen.rtts[seen.received] = rttMs
          if (!Number.isNaN(lastRtt)) seen.jitterSumMs += Math.abs(rttMs - lastRtt)
          lastRtt = rttMs
        }
        seen.received++
        if (index < last) seen.reordered++
        else last = index
        if (ttl >= 0) seen.ttl = ttl
        if (isAllSent && seen.received >= seen.sent) waiter.wake()
      },
      error: (_index, error) => {
        seen.error ??= error
      },
    },
    signal,
  )
  if (!(session instanceof EchoSession)) return { outcome: session, measured: measure(seen), phasesMs: {}, warnings: [] }
  seen.socket = session.mode
  try {
    await sendAll(session, sockaddr(target.address), options, seen, signal, waiter)
    isAllSent = true
    if (seen.received < seen.sent) await waiter.wait(options.replyTimeoutMs)
    if (seen.received < seen.sent) {
      session.collect()
      seen.overflow = session.overflow
    }
  } finally {
    waiter.end()
    session.leave()
  }
  if (signal.aborted && !timedOut(signal)) return { outcome: aborted, measured: measure(seen), phasesMs: {}, warnings: [] }
  return { ...judgeIcmp(seen, target, options), measured: measure(seen), samplesMs: seen.rtts.slice(0, seen.received), phasesMs: {} }
}

/** How often an identifier that is held is asked for again. */
const againMs = 20

/** Joins the echoes. A pinned identifier that another run or a trace has just now is waited for: nothing has been sent by then. */
const join = async (
  family: Family,
  { source, sizeBytes, identifier, count }: Options['icmp'],
  listener: EchoListener,
  signal: AbortSignal,
): Promise<EchoSession | Outcome> => {
  for (;;) {
    const session = joinEchoes(
      family,
      { source, largestBytes: sizeBytes, ...(identifier !== undefined && { identifier }) },
      listener,
      count,
    )
    const isTaken = !(session instanceof EchoSession) && session.kind === 'unmeasured' && session.reason === 'local_resource'
    if (!isTaken || identifier === undefined || signal.aborted) return session
    await pause(againMs, signal)
    if (signal.aborted) return session
  }
}

const emptySeen = (count: number): EchoesSeen => ({
  sent: 0,
  received: 0,
  duplicates: 0,
  reordered: 0,
  ttl: null,
  rtts: new Float64Array(count).fill(Number.NaN),
  jitterSumMs: 0,
  sendErrno: 0,
  overflow: 0,
  socket: 'none',
})

/** Sends what is due, then waits for the next one; a late timer sends what it missed at once, so the rate is kept. */
const sendAll = async (
  session: EchoSession,
  to: Buffer,
  options: Options['icmp'],
  seen: EchoesSeen,
  signal: AbortSignal,
  waiter: Waiter,
): Promise<void> => {
  const start = performance.now()
  const { count, intervalMs, sizeBytes } = options
  while (seen.sent < count && !signal.aborted) {
    const due = intervalMs > 0 ? Math.floor((performance.now() - start) / intervalMs) + 1 : seen.received + floodWindow
    session.look()
    while (seen.sent < Math.min(due, count)) {
      const errno = session.send(to, seen.sent, sizeBytes)
      if (errno === ENOBUFS || errno === EAGAIN) break
      if (errno !== 0) seen.sendErrno = errno
      seen.sent++
      if (session.unread >= batch) session.collect()
    }
    if (seen.sent >= count) return
    if (intervalMs > 0) await waiter.wait(start + seen.sent * intervalMs - performance.now())
    else {
      session.collect()
      // Where replies have made room there is no need to sleep; everybody else has a turn nevertheless.
      if (seen.sent - seen.received >= floodWindow) await waiter.wait(1)
      else await new Promise(resolve => setImmediate(resolve))
    }
    if (intervalMs === 0 && seen.sent - seen.received >= floodWindow && performance.now() - start > options.replyTimeoutMs) return
  }
}

const measure = (seen: EchoesSeen): IcmpMeasured => {
  // An RTT that could not be told, because the clock was stepped, is not a zero.
  const rtts = new Float64Array(seen.received)
  let told = 0
  for (let i = 0; i < seen.received; i++) if (!Number.isNaN(seen.rtts[i])) rtts[told++] = seen.rtts[i]!
  return {
    sent: seen.sent,
    received: seen.received,
    lossRatio: seen.sent === 0 ? 0 : (seen.sent - seen.received) / seen.sent,
    rttMs: summarise(rtts.subarray(0, told)),
    jitterMs: seen.received > 1 ? Math.round((seen.jitterSumMs / (seen.received - 1)) * 1e4) / 1e4 : null,
    duplicates: seen.duplicates,
    reordered: seen.reordered,
    ttl: seen.ttl,
    socket: seen.socket,
    ...(seen.error?.offender && seen.error.origin !== 1
      ? { error: { from: seen.error.offender, type: seen.error.type, code: seen.error.code } }
      : {}),
  }
}

/** Loss above the allowed ratio fails; less of it, duplicates and reordering are warnings. Loss in our own socket buffer is ours. */
export const judgeIcmp = (seen: EchoesSeen, target: Resolved, options: Options['icmp']): Pick<Finding<'icmp'>, 'outcome' | 'warnings'> => {
  const lost = seen.sent - seen.received
  const ratio = seen.sent === 0 ? 0 : lost / seen.sent
  const warnings: Warning[] = []
  const counted = `${lost} of ${seen.sent} echoes lost (${(ratio * 100).toFixed(1)} %)`
  if (seen.duplicates > 0) warnings.push({ code: 'duplicates', detail: `${seen.duplicates} replies arrived twice` })
  if (seen.reordered > 0) warnings.push({ code: 'reordered', detail: `${seen.reordered} replies arrived out of order` })
  if (lost > 0 && seen.overflow > 0) {
    const detail = `${counted}, and this socket's buffer dropped ${seen.overflow}: raise net.core.rmem_max, or send more slowly`
    return { outcome: unmeasured('local_resource', detail), warnings }
  }
  if (seen.received === 0) return { outcome: judgeSilence(seen, target), warnings }
  if (ratio > options.maxLoss)
    return { outcome: fail('packet_loss', `${counted}, at most ${(options.maxLoss * 100).toFixed(1)} % allowed`), warnings }
  if (lost > 0) warnings.push({ code: 'packet_loss', detail: counted })
  return { outcome: ok, warnings }
}

const judgeSilence = (seen: EchoesSeen, target: Resolved): Outcome => {
  if (seen.sent === 0) return unmeasured('local_resource', `no echo to ${target.address} could be sent: the send buffer stayed full`)
  const reason = seen.error && reasonOfError(seen.error, target.family)
  if (seen.error && reason) return fail(reason, `${describeError(seen.error)}, want an echo reply from ${target.address}`)
  const ours = reasonOfSend(seen.sendErrno)
  if (ours) return fail(ours, `sending to ${target.address}: ${errnoName(seen.sendErrno)}`)
  if (isLocalRefusal(seen.sendErrno))
    return unmeasured(
      'local_permission',
      `sending to ${target.address}: ${errnoName(seen.sendErrno)}: a filter on this machine refuses ICMP`,
    )
  if (seen.sendErrno === EMSGSIZE)
    return unmeasured('local_mtu', `sending to ${target.address}: larger than this machine's interface allows`)
  if (seen.sendErrno !== 0) return unmeasured('local_resource', `sending to ${target.address}: ${errnoName(seen.sendErrno)}`)
  return fail('no_reply', `${seen.sent} echoes sent to ${target.address}, no reply`)
}
