import { noTcp, type TcpMeasured } from '../wire/measured-tcp.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome, Warning } from '../wire/result.ts'
import type { Allow } from './allow.ts'
import { ok, type Probe, type Resolved, unmeasured } from './finding.ts'
import { supported } from './net/libc.ts'
import { optionBytes, type TcpInfo } from './net/tcp-info.ts'
import { closeFd, connectOnly, DialError, dial, infoOf } from './net/tcp-socket.ts'
import { connectFlow, dialOptions, type FlowSeen, judgeFlow, judgeFlows, measureFlow, whenFree } from './tcp-flows.ts'
import { transfer } from './tcp-transfer.ts'

/** Ports without a service in the IANA registry's practice: a host that accepts them too accepts everything. */
const controlPorts = [2, 48_919]

/**
 * Connects once, or over several flows at the same time: SYN RTT and SYN retransmits by the kernel, the MSS of each direction; with `payloadBytes` also a transfer to a service that
 * reads what it is sent, with retransmitted segments and delivery rate, of both directions where an agent's responder answers. An accepted connection proves a listener, or a proxy in its place:
 * `control` tells which.
 */
export const probeTcp: Probe<'tcp'> = async (target, options, signal, allow) => {
  const warnings: Warning[] = []
  const measured = noTcp()
  const start = performance.now()
  const outcome = await dialAll(target, options, signal, measured)
  const connectMs = measured.synRttMs ?? performance.now() - start
  const phasesMs: Record<string, number> = outcome.kind === 'ok' ? { connect: connectMs } : {}
  const wasUp = outcome.kind === 'ok' || (outcome.kind === 'fail' && outcome.reason === 'tcp_reset')
  if (wasUp && options.control) measured.control = await controls(target, options, signal, allow)
  if (measured.synRetransmits)
    warnings.push({ code: 'syn_retransmitted', detail: `the SYN was sent ${measured.synRetransmits + 1} times before it was answered` })
  if (measured.retransmits && measured.segmentsOut)
    warnings.push({ code: 'retransmits', detail: `${measured.retransmits} of ${measured.segmentsOut} segments were sent again` })
  const { reverse, responder } = measured
  if (reverse?.retransmits)
    warnings.push({ code: 'retransmits', detail: `${reverse.retransmits} of ${reverse.segmentsOut} segments from there were sent again` })
  if (responder?.slowed)
    warnings.push({ code: 'rate_limited', detail: 'the responder held the transfer back by its rate caps: the delivery rate is its own' })
  return { outcome, measured, phasesMs, warnings }
}

/** The first flow, of which everything is measured, and those beside it. */
const dialAll = async (target: Resolved, options: Options['tcp'], signal: AbortSignal, measured: TcpMeasured): Promise<Outcome> => {
  const { flows, sourcePort } = options
  if (!supported && (flows > 1 || sourcePort !== undefined))
    return unmeasured('unsupported', `flows are told apart and pinned by the kernel's own calls, which ${process.platform} does not have`)
  const others = Promise.all(Array.from({ length: flows - 1 }, (_, n) => connectFlow(target, options, n + 1, signal)))
  const isStream = wantsTransfer(options) || !supported
  const first = isStream
    ? await streamFlow(target, options, signal, measured)
    : await connectFlow(target, options, 0, signal, info => describe(measured, info))
  const all = [first, ...(await others)]
  if (flows > 1 || sourcePort !== undefined) measured.flows = all.map(measureFlow)
  return judgeFlows(first.outcome, all, target)
}

const describe = (measured: TcpMeasured, info: TcpInfo): void => {
  measured.synRttMs = info.rttMs
  measured.synRetransmits = info.totalRetransmits
  measured.mssForward = info.sndMss + optionBytes(info)
  measured.mssReverse = info.advMss + optionBytes(info)
}

/** A flow with the stream that a transfer needs. Never rejects. */
const streamFlow = async (target: Resolved, options: Options['tcp'], signal: AbortSignal, measured: TcpMeasured): Promise<FlowSeen> => {
  let port = options.sourcePort ?? null
  let outcome: Outcome
  try {
    outcome = await connectStream(target, options, signal, measured, local => {
      port = local
    })
  } catch (error) {
    outcome = judgeFlow(error, target, options, 0, signal)
  }
  return { sourcePort: port, outcome, synRttMs: measured.synRttMs, synRetransmits: measured.synRetransmits }
}

/** The stream that a transfer needs, and that systems without TCP_INFO connect by. */
const connectStream = async (
  target: Resolved,
  options: Options['tcp'],
  signal: AbortSignal,
  measured: TcpMeasured,
  bound: (port: number) => void,
): Promise<Outcome> => {
  const start = performance.now()
  const socket = await whenFree(() => dial(dialOptions(target, options, 0), signal), options, signal)
  bound(socket.localPort ?? 0)
  try {
    const first = infoOf(socket)
    if (first) describe(measured, first)
    else measured.synRttMs = Math.round((performance.now() - start) * 1e3) / 1e3
    if (!wantsTransfer(options)) return ok
    if (!first) return unmeasured('unsupported', `a transfer is measured by TCP_INFO, which ${process.platform} does not have`)
    return await transfer(socket, first, target, options, signal, measured)
  } finally {
    socket.destroy()
  }
}

const wantsTransfer = ({ payloadBytes, expectAgent }: Options['tcp']): boolean => payloadBytes > 0 || expectAgent !== undefined

/** Whether ports on which nothing should listen are accepted too. Who resets had accepted; a port that says nothing had not. */
const controls = (
  target: Resolved,
  options: Options['tcp'],
  signal: AbortSignal,
  allow: Allow,
): Promise<{ port: number; accepted: boolean }[]> => {
  const { address } = target
  // What answers there answers any flow.
  const fresh = { ...options, sourcePort: undefined }
  const ports = controlPorts.filter(port => allow({ kind: 'tcp', address, port, source: options.source }) === undefined)
  return Promise.all(
    ports.map(async port => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(1000)])
      try {
        if (supported) closeFd((await connectOnly({ ...dialOptions(target, fresh, 0), port }, limit)).fd)
        else (await dial({ ...dialOptions(target, fresh, 0), port }, limit)).destroy()
        return { port, accepted: true }
      } catch (error) {
        return { port, accepted: error instanceof DialError && error.code === 'ECONNRESET' }
      }
    }),
  )
}
