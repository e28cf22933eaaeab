import { tracePortOf } from '../wire/options-trace.ts'
import type { Outcome } from '../wire/result.ts'
import { aborted, type Finding, type Probe, pause, timedOut, unmeasured } from './finding.ts'
import { EAGAIN, ENOBUFS, supported } from './net/libc.ts'
import { Realtime } from './net/realtime.ts'
import { closeFd } from './net/tcp-socket.ts'
import { flowIdOf } from './net/trace-packet.ts'
import { openTraceSocket, type TraceListener, type TraceSocket } from './net/trace-socket.ts'
import { type FlowState, isDone, limitOf, newFlowState, nextTtl, noteAsked, noteHeard } from './trace-flow.ts'
import { heardOf, type TraceRun } from './trace-heard.ts'
import { judgeTrace, measureTrace } from './trace-judge.ts'

/** How often the sockets are looked at. Times are the kernel's, so it costs no accuracy. */
const lookMs = 2
/** A realtime clock that moved by more than this against the monotonic one between two looks was stepped. */
const stepMs = 5
/** Packets that are due are made up for after a late timer, up to so many at once. */
const burst = 8

type OpenFlow = { socket: TraceSocket; state: FlowState; listener: TraceListener }

/**
 * Finds the routers on the way by packets whose TTL runs out there, all TTLs at the same time. Measures RTT and loss of each hop, the length of the way there and,
 * by the TTL that is left in answers, of the way back. Packets of a flow go one way; another flow may go another. No path MTU, no one-way loss.
 */
export const probeTrace: Probe<'trace'> = async (target, options, signal) => {
  const { protocol } = options
  const port = tracePortOf(protocol, target.port) ?? null
  const flows: FlowState[] = []
  const finish = (outcome: Outcome): Finding<'trace'> => ({
    outcome,
    measured: measureTrace(flows, protocol, port),
    phasesMs: {},
    warnings: [],
  })
  if (!supported) return finish(unmeasured('unsupported', `${process.platform} does not tell a program which router answered`))
  if (signal.aborted) return finish(aborted)
  const run: TraceRun = { target, options, clock: new Realtime(), steppedAtNs: Number.NEGATIVE_INFINITY }
  const problem =
    protocol === 'tcp'
      ? await (await import('./trace-tcp.ts')).traceByTcp(run, port!, flows, signal)
      : await traceByDatagrams(run, protocol, port ?? 0, flows, signal)
  if (problem) return finish(problem)
  if (signal.aborted && !timedOut(signal)) return finish(aborted)
  const measured = measureTrace(flows, protocol, port)
  // Cut short by its own time limit, a trace has not seen silence behind the last hop: it has not asked there.
  const isGrowing = measured.hops.some(({ address }) => address !== null) && flows.some(flow => nextTtl(flow, options) !== undefined)
  const isCut = signal.aborted && !measured.reached && isGrowing
  if (isCut) {
    const detail = `the time of the run was over after ${measured.hops.length} hops, ${target.address} was not reached by then: a longer timeoutMs, or fewer queries and flows`
    return { outcome: unmeasured('local_overload', detail), measured, phasesMs: {}, warnings: [] }
  }
  return { ...judgeTrace(flows, measured, target, options), measured, phasesMs: {} }
}

/** A problem of this machine's own, as an outcome; the flows are filled in as they go. */
const traceByDatagrams = async (
  run: TraceRun,
  protocol: 'icmp' | 'udp',
  port: number,
  states: FlowState[],
  signal: AbortSignal,
): Promise<Outcome | undefined> => {
  const { target, options, clock } = run
  const open: OpenFlow[] = []
  try {
    for (let i = 0; i < options.flows; i++) {
      const { address, family } = target
      const socket = openTraceSocket(
        { protocol, address, family, port, source: options.source, flowId: flowIdOf(protocol, address, i, options.firstFlow) },
        clock,
      )
      if (!('fd' in socket)) return socket
      const state = newFlowState(socket.id)
      states.push(state)
      open.push({ socket, state, listener: listen(run, state) })
    }
    await exchange(run, open, signal)
    for (const flow of open) if (flow.state.unidentified > 0) await askOneByOne(run, flow, signal)
    return undefined
  } finally {
    for (const { socket } of open) closeFd(socket.fd)
  }
}

const listen = (run: TraceRun, state: FlowState): TraceListener => ({
  answer: answer => {
    const asked = state.asked[answer.index]
    const heard = asked && heardOf(run, answer, asked.sentNs)
    if (heard) noteHeard(state, answer.index, heard)
  },
  stray: what => {
    state[what] += 1
  },
})

/** Compares the clocks: a step makes what was sent before it worthless as a time. */
const look = (run: TraceRun): void => {
  if (Math.abs(run.clock.look()) > stepMs) run.steppedAtNs = run.clock.nowNs()
}

const ask = ({ socket, state }: OpenFlow, ttl: number): boolean => {
  const { sentNs, errno } = socket.send(state.asked.length, ttl)
  if (errno === EAGAIN || errno === ENOBUFS) return false
  if (errno !== 0) state.sendErrno = errno
  noteAsked(state, ttl, sentNs, performance.now())
  return true
}

/** Sends what is due at each look, flow after flow, until everything is answered or has been waited for. */
const exchange = async (run: TraceRun, flows: readonly OpenFlow[], signal: AbortSignal): Promise<void> => {
  const { options } = run
  const isOver = ({ state }: OpenFlow): boolean => nextTtl(state, options) === undefined && isDone(state, options, performance.now())
  let dueMs = performance.now()
  let turn = 0
  while (!signal.aborted && !flows.every(isOver)) {
    look(run)
    const now = performance.now()
    dueMs = Math.max(dueMs, now - burst * options.intervalMs)
    for (let idle = 0; dueMs <= now && idle < flows.length; turn++) {
      const flow = flows[turn % flows.length]!
      const ttl = nextTtl(flow.state, options)
      if (ttl === undefined) idle += 1
      else if (ask(flow, ttl)) {
        idle = 0
        dueMs += options.intervalMs
      } else break
    }
    for (const { socket, listener } of flows) socket.collect(listener)
    await pause(lookMs, signal)
    for (const { socket, listener } of flows) socket.collect(listener)
  }
}

/** Routers that quote no more than 8 bytes behind the IP header (RFC 792) do not say which datagram expired: one at a time, it is the one. */
const askOneByOne = async (run: TraceRun, flow: OpenFlow, signal: AbortSignal): Promise<void> => {
  const { state, socket } = flow
  const slowest = Math.max(0, ...state.asked.map(({ heard }) => (heard && !Number.isNaN(heard.rttMs) ? heard.rttMs : 0)))
  const waitMs = Math.min(run.options.replyTimeoutMs, slowest > 0 ? 2 * slowest + 100 : run.options.replyTimeoutMs)
  const ordinary = listen(run, state)
  for (let ttl = 1; ttl <= limitOf(state, run.options.maxHops) && !signal.aborted; ttl++) {
    if (state.route[ttl - 1]) continue
    const index = state.asked.length
    if (!ask(flow, ttl)) continue
    const listener: TraceListener = {
      ...ordinary,
      stray: (what, error) => {
        if (what === 'foreign') state.foreign += 1
        else ordinary.answer({ index, receivedNs: error.receivedNs, ttl: error.ttl, error })
      },
    }
    const until = performance.now() + waitMs
    while (!state.asked[index]!.heard && performance.now() < until && !signal.aborted) {
      await pause(lookMs, signal)
      look(run)
      socket.collect(listener)
    }
  }
}
