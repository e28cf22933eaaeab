/** Connections of one check side by side, each a flow of its own, and flows that are the same in every run. */
import type { TcpFlow } from '../wire/measured-tcp.ts'
import type { Options } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import { fail, ok, pause, type Resolved, unmeasured } from './finding.ts'
import type { TcpInfo } from './net/tcp-info.ts'
import { closeFd, connectOnly, DialError, type DialOptions } from './net/tcp-socket.ts'
import { judgeDial } from './tcp-errors.ts'

export type FlowSeen = Omit<TcpFlow, 'outcome'> & { outcome: Outcome }

/** How often a port that is held is asked for again. */
const againMs = 20

/** The n-th flow of a run; fresh ports are the kernel's choice. */
export const dialOptions = (
  target: Resolved,
  { source, sourcePort }: Options['tcp'],
  n: number,
  bound?: (port: number) => void,
): DialOptions => ({
  ...{ address: target.address, family: target.family, port: target.port!, source },
  ...(sourcePort !== undefined && { sourcePort: sourcePort + n }),
  ...(bound && { bound }),
})

/** A port that another run of this process, or a trace of the same flow, has just now. An address that is not ours stays so. */
const isTaken = (error: unknown): boolean =>
  error instanceof DialError && (error.code === 'EADDRINUSE' || (error.code === 'EADDRNOTAVAIL' && error.message.startsWith('connect')))

/**
 * Opens a connection; one that is pinned to a port waits until the port is free. Nothing has been sent by then, and the round trip is the kernel's own: waiting changes no measurement.
 * Rejects with what the last try said.
 */
export const whenFree = async <T>(open: () => Promise<T>, { sourcePort }: Options['tcp'], signal: AbortSignal): Promise<T> => {
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (sourcePort === undefined || !isTaken(error) || signal.aborted) throw error
      await pause(againMs, signal)
      if (signal.aborted) throw error
    }
  }
}

/** A failed connect; a port of ours that stays taken is this machine's trouble, and named. */
export const judgeFlow = (error: unknown, target: Resolved, { sourcePort }: Options['tcp'], n: number, signal: AbortSignal): Outcome =>
  sourcePort !== undefined && isTaken(error)
    ? unmeasured(
        'local_resource',
        `source port ${sourcePort + n} is held by another connection of this machine to ${target.address} port ${target.port}, or by a listener`,
      )
    : judgeDial(error, target, signal)

/** One flow that connects and does no more; told what the kernel knows of it. Never rejects. */
export const connectFlow = async (
  target: Resolved,
  options: Options['tcp'],
  n: number,
  signal: AbortSignal,
  told: (info: TcpInfo) => void = () => {},
): Promise<FlowSeen> => {
  let sourcePort: number | null = options.sourcePort === undefined ? null : options.sourcePort + n
  const bound = options.flows > 1 && sourcePort === null ? (port: number): void => void (sourcePort = port) : undefined
  try {
    const { fd, info } = await whenFree(() => connectOnly(dialOptions(target, options, n, bound), signal), options, signal)
    closeFd(fd)
    told(info)
    return { sourcePort, outcome: ok, synRttMs: info.rttMs, synRetransmits: info.totalRetransmits }
  } catch (error) {
    return { sourcePort, outcome: judgeFlow(error, target, options, n, signal), synRttMs: null, synRetransmits: null }
  }
}

export const measureFlow = ({ outcome, ...seen }: FlowSeen): TcpFlow => ({
  ...seen,
  outcome: outcome.kind === 'ok' ? 'ok' : outcome.reason,
})

/**
 * All flows together. Some that are not answered beside others that are: not the target's fault nor the whole path's, but loss for whoever's flows fall there. Of what
 * the target itself refuses to some, its own word counts.
 */
export const judgeFlows = (first: Outcome, flows: readonly FlowSeen[], target: Resolved): Outcome => {
  const failed = flows.filter(({ outcome }) => outcome.kind === 'fail')
  const connected = flows.filter(({ outcome }) => outcome.kind === 'ok')
  if (failed.length === 0 || connected.length === 0) return first
  const silent = failed.filter(({ outcome }) => outcome.kind === 'fail' && outcome.reason === 'tcp_timeout')
  const told = failed.find(one => !silent.includes(one)) ?? failed[0]!
  if (told.outcome.kind !== 'fail') return first
  const ports = (silent.length < failed.length ? [told] : silent).map(({ sourcePort }) => sourcePort ?? '?').join(', ')
  const counted = `${failed.length} of ${flows.length} flows to ${target.address} port ${target.port} do not connect and the others do`
  return silent.length === failed.length
    ? fail('packet_loss', `${counted}: no answer to the SYN from source port ${ports}`)
    : fail(told.outcome.reason, `${counted}; from source port ${ports}: ${told.outcome.detail}`)
}
