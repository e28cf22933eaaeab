import type { RttMs, UdpDirection, UdpMeasured } from '../wire/measured.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Warning } from '../wire/result.ts'
import { type Finding, fail, ok, type Resolved, unmeasured } from './finding.ts'
import { describeError, isLocalRefusal, reasonOfError, reasonOfSend } from './icmp-errors.ts'
import { errnoName } from './net/libc.ts'
import type { QueuedError } from './net/mailbox.ts'
import type { UdpFlow } from './udp-flow.ts'

const sum = (flows: readonly UdpFlow[], of: (flow: UdpFlow) => number): number => flows.reduce((all, flow) => all + of(flow), 0)
const rounded = (ms: number): number => Math.round(ms * 1e4) / 1e4

/** What is known of a flow in both directions: all of it came back, or the responder has said what it saw. */
const isKnown = (flow: UdpFlow): boolean => flow.counters !== undefined && (flow.isFinal || flow.received === flow.sent)
const isAlive = (flow: UdpFlow): boolean => flow.token !== undefined && !flow.isFull
/** Never answered, while others may be. */
const isSilent = (flow: UdpFlow): boolean => flow.token === undefined && flow.hellos > 0

const direction = (
  sent: number | null,
  received: number | null,
  rest: Omit<UdpDirection, 'sent' | 'received' | 'lossRatio'>,
): UdpDirection => ({
  sent,
  received,
  lossRatio: sent === null || received === null ? null : sent === 0 ? 0 : (sent - received) / sent,
  ...rest,
})

const jitterOf = (flows: readonly UdpFlow[], of: 'forwardSumNs' | 'reverseSumNs'): number | null => {
  const count = sum(flows, ({ transit }) => Math.max(0, transit.count - 1))
  return count === 0 ? null : rounded(sum(flows, ({ transit }) => transit[of]) / count / 1e6)
}

/** All flows together. A silent flow's hellos count as sent: they are all that it could send. */
export const measureUdp = (flows: readonly UdpFlow[], rttMs: RttMs | null, target: Resolved): UdpMeasured => {
  const alive = flows.filter(isAlive)
  const known = alive.filter(isKnown)
  const suppressed = sum(alive, flow => flow.counters?.suppressed ?? 0)
  const sent = sum(alive, flow => flow.sent) + sum(flows.filter(isSilent), flow => flow.hellos)
  const received = sum(alive, flow => flow.received)
  const first = alive[0] ?? flows.find(flow => flow.token)
  const has = known.length > 0
  const error = flows.find(flow => flow.error?.offender && flow.error.origin !== 1)?.error
  return {
    sent,
    received,
    lossRatio: sent === 0 ? 0 : Math.max(0, sent - received - suppressed) / sent,
    rttMs,
    forward: direction(has ? sum(known, flow => flow.sent) : null, has ? sum(known, flow => flow.counters!.received) : null, {
      jitterMs: jitterOf(alive, 'forwardSumNs'),
      duplicates: has ? sum(known, flow => flow.counters!.duplicates) : null,
      reordered: has ? sum(known, flow => flow.counters!.reordered) : null,
    }),
    reverse: direction(has ? sum(known, flow => flow.counters!.sent) : null, has ? sum(known, flow => flow.received) : null, {
      jitterMs: jitterOf(alive, 'reverseSumNs'),
      duplicates: sum(alive, flow => flow.duplicates),
      reordered: sum(alive, flow => flow.reordered),
    }),
    ttl: alive.findLast(flow => flow.ttlHere !== null)?.ttlHere ?? null,
    flows: flows.filter(flow => isAlive(flow) || isSilent(flow)).map(measureFlow),
    suppressed,
    responder: first
      ? {
          agentId: first.agentId,
          source: first.source?.address ?? target.host,
          sourcePort: first.source?.port ?? 0,
          ttl: alive.findLast(flow => flow.ttlThere !== null)?.ttlThere ?? null,
        }
      : null,
    ...(error ? { error: { from: error.offender!, type: error.type, code: error.code } } : {}),
  }
}

const measureFlow = (flow: UdpFlow): UdpMeasured['flows'][number] => ({
  sourcePort: flow.socket.port,
  sent: isAlive(flow) ? flow.sent : flow.hellos,
  received: flow.received,
  forwardLost: isAlive(flow) && isKnown(flow) ? flow.sent - flow.counters!.received : null,
  reverseLost: isAlive(flow) && isKnown(flow) ? flow.counters!.sent - flow.received : null,
})

/** Loss above the allowed ratio in either direction fails, and so does a flow that nobody answers beside others that are. */
export const judgeUdp = (
  flows: readonly UdpFlow[],
  measured: UdpMeasured,
  target: Resolved,
  options: Options['udp'],
): Pick<Finding<'udp'>, 'outcome' | 'warnings'> => {
  const early = judgeConversation(flows, target, options)
  if (early) return { outcome: early, warnings: [] }
  const { forward, reverse, suppressed } = measured
  const lost = countLoss(measured)
  const worst = forward.lossRatio === null ? measured.lossRatio : Math.max(forward.lossRatio, reverse.lossRatio ?? 0)
  const warnings = warningsOf(measured)
  const overflow = sum(flows, flow => flow.overflow)
  if (overflow > 0) {
    const detail = `${lost}, and this process dropped ${overflow}: raise net.core.rmem_max, or send more slowly`
    return { outcome: unmeasured('local_resource', detail), warnings }
  }
  if (suppressed > 0)
    warnings.push({ code: 'rate_limited', detail: `${suppressed} of ${measured.sent} datagrams were over the responder's rate cap` })
  if (worst > options.maxLoss)
    return { outcome: fail('packet_loss', `${lost}, at most ${(options.maxLoss * 100).toFixed(1)} % allowed`), warnings }
  const silent = flows.filter(isSilent)
  if (silent.length > 0) {
    const ports = silent.map(flow => flow.socket.port).join(', ')
    const detail = `nothing sent from source port ${ports} is answered (${silent[0]!.hellos} datagrams each), and ${flows.length - silent.length} other source ports are: one of several paths is broken`
    return { outcome: fail('packet_loss', detail), warnings }
  }
  if (measured.lossRatio > 0) warnings.push({ code: 'packet_loss', detail: lost })
  return { outcome: ok, warnings }
}

const countLoss = ({ forward, reverse, sent, received }: UdpMeasured): string => {
  const say = ({ sent, received, lossRatio }: UdpDirection): string =>
    `${sent! - received!} of ${sent} datagrams lost (${(lossRatio! * 100).toFixed(1)} %)`
  if (forward.lossRatio === null)
    return `${sent - received} of ${sent} datagrams lost, in which direction is not known: the responder's counters did not come back`
  return `forward ${say(forward)}, reverse ${say(reverse)}`
}

const warningsOf = ({ forward, reverse }: UdpMeasured): Warning[] => {
  const say = (there: number | null, back: number | null): string => `${there ?? 0} on the way there, ${back ?? 0} on the way back`
  const any = (there: number | null, back: number | null): boolean => (there ?? 0) + (back ?? 0) > 0
  return [
    ...(any(forward.duplicates, reverse.duplicates)
      ? [{ code: 'duplicates' as const, detail: `datagrams arrived twice: ${say(forward.duplicates, reverse.duplicates)}` }]
      : []),
    ...(any(forward.reordered, reverse.reordered)
      ? [{ code: 'reordered' as const, detail: `datagrams arrived out of order: ${say(forward.reordered, reverse.reordered)}` }]
      : []),
  ]
}

/** Whether there was a conversation to judge: with a responder, and with the one that was meant. */
const judgeConversation = (flows: readonly UdpFlow[], target: Resolved, options: Options['udp']): Outcome | undefined => {
  const at = `${target.address} port ${target.port}`
  const welcomed = flows.filter(flow => flow.token)
  if (welcomed.length === 0) return judgeSilence(flows, target)
  const other = welcomed.find(flow => options.expectAgent !== undefined && flow.agentId !== options.expectAgent)
  if (other) return judgeAgent(at, other.agentId, options.expectAgent!)
  if (welcomed.every(flow => flow.isFull)) return unmeasured('unsupported', `the responder at ${at} has no room for another session now`)
  return welcomed.every(flow => flow.sent === 0) ? judgeSend(flows, target) : undefined
}

/**
 * Another agent answers than the one meant: the address has been given to somebody else, or a balancer chose. Nothing is known of the target then, so it
 * is no failure of it: the address and the name that were configured do not belong together.
 */
export const judgeAgent = (at: string, seen: string | null, wanted: string): Outcome =>
  unmeasured(
    'config_invalid',
    `agent ${seen === null ? 'without a name' : JSON.stringify(seen)} answers at ${at}, want ${JSON.stringify(wanted)}`,
  )

const judgeSend = (flows: readonly UdpFlow[], target: Resolved): Outcome => {
  const errno = flows.find(flow => flow.sendErrno !== 0)?.sendErrno ?? 0
  const reason = reasonOfSend(errno)
  const what = `sending to ${target.address}: ${errno === 0 ? 'the send buffer stayed full' : errnoName(errno)}`
  if (reason) return fail(reason, what)
  return isLocalRefusal(errno)
    ? unmeasured('local_permission', `${what}: a filter on this machine refuses UDP`)
    : unmeasured('local_resource', what)
}

/** Port unreachable (RFC 792; RFC 4443 §3.1) is UDP's RST (RFC 1122 §4.1.3.1): the host is there, and nothing listens. */
const isPortUnreachable = ({ origin, type, code }: QueuedError): boolean =>
  (origin === 2 && type === 3 && code === 3) || (origin === 3 && type === 1 && code === 4)

const judgeSilence = (flows: readonly UdpFlow[], target: Resolved): Outcome => {
  const at = `${target.address} port ${target.port}`
  const error = flows.find(flow => flow.error)?.error
  if (error && isPortUnreachable(error)) return fail('tcp_refused', `${describeError(error)}: nothing listens on UDP ${at}`)
  const reason = error && reasonOfError(error, target.family)
  if (error && reason) return fail(reason, `${describeError(error)}, want the answer of a Causeway responder at ${at}`)
  const hellos = sum(flows, flow => flow.hellos)
  if (hellos === 0) return judgeSend(flows, target)
  const foreign = sum(flows, flow => flow.foreign)
  if (foreign > 0)
    return fail('no_reply', `${foreign} datagrams came from ${at} that are not a Causeway responder's: something else listens there`)
  return fail('no_reply', `${hellos} hellos to UDP ${at}, no reply: no Causeway responder there, or UDP is dropped on the way`)
}
