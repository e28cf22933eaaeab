/** A trace by SYNs. */
import type { Outcome } from '../wire/result.ts'
import { pause, unmeasured } from './finding.ts'
import * as libc from './net/libc.ts'
import { localPort } from './net/local-port.ts'
import { takeError } from './net/mailbox.ts'
import { realtimeNs } from './net/realtime.ts'
import { familyOf, sockaddr } from './net/sockaddr.ts'
import { arrivedTtl, socketError, tcpInfo, tcpState } from './net/tcp-info.ts'
import { closeFd, resetOnClose } from './net/tcp-socket.ts'
import { flowIdOf } from './net/trace-packet.ts'
import { bindFlow, setTtl, setUpTrace } from './net/trace-socket.ts'
import { type FlowState, newFlowState, nextTtl, noteAsked, noteHeard } from './trace-flow.ts'
import { heardOf, type TraceRun } from './trace-heard.ts'

const lookMs = 1
/** Routers answer slower than they forward: how long a silent hop is waited for, beside what the target takes, of which it is nearer. */
const waitRatio = 1.5
const marginMs = 100
/** The same where the target does not answer: nothing says how far a hop may be. */
const unknownMs = 500
/** Silent hops in a row after which no more are asked, where the target does not answer either: each takes its time. */
const silentInARow = 5
/** Beside two round trips, the share of the time for a silent hop after which no hop is asked again. */
const againShare = 0.75

/**
 * The kernel tells SYNs apart by their ports, and the ports are the flow: so a flow has one SYN under way at a time, from the same port, and flows run beside one
 * another. That takes the round trips of all hops together. The target is asked first: it says how long a silent hop may take, and each hop is asked again only while that is soon done.
 */
export const traceByTcp = async (run: TraceRun, port: number, states: FlowState[], signal: AbortSignal): Promise<Outcome | undefined> => {
  const { source, flows, firstFlow } = run.options
  if (source && !familyOf(source)) return unmeasured('config_invalid', `source address ${source}: not an address`)
  const all = Array.from({ length: flows }, (_, n) => newFlowState(flowIdOf('tcp', run.target.address, n, firstFlow)))
  states.push(...all)
  const problems = await Promise.all(all.map(state => traceFlow(run, port, state, signal)))
  return problems.find(problem => problem !== undefined)
}

const traceFlow = async (run: TraceRun, port: number, state: FlowState, signal: AbortSignal): Promise<Outcome | undefined> => {
  const { options } = run
  const begunMs = performance.now()
  const problem = await askOnce(run, { port, ttl: options.maxHops, waitMs: options.replyTimeoutMs }, state, signal)
  if (problem) return problem
  const farMs = state.reached ? performance.now() - begunMs : undefined
  // Of silence, or a refusal, it is to be seen from where on.
  if (!state.reached) Object.assign(state, { counts: [], route: [], endsAt: null, highest: 0 })
  const longMs = Math.min(options.replyTimeoutMs, farMs === undefined ? unknownMs : waitRatio * farMs + marginMs)
  const againUntilMs = begunMs + 2 * (farMs ?? 0) + againShare * options.replyTimeoutMs
  while (!signal.aborted) {
    const ttl = nextTtl(state, options)
    if (ttl === undefined || (state.endsAt === null && ttl > state.highest + silentInARow)) return undefined
    const leftMs = againUntilMs - performance.now()
    const isAgain = (state.counts[ttl] ?? 0) > 0
    if (isAgain && leftMs < usualMs(state, ttl, longMs)) return undefined
    const found = await askOnce(run, { port, ttl, waitMs: isAgain ? Math.min(longMs, leftMs) : longMs }, state, signal)
    if (found) return found
  }
  return undefined
}

/** How long this hop took before. */
const usualMs = ({ asked }: FlowState, ttl: number, otherwiseMs: number): number => {
  const rttMs = asked.findLast(one => one.ttl === ttl && one.heard)?.heard?.rttMs
  return rttMs === undefined || Number.isNaN(rttMs) ? otherwiseMs : rttMs
}

type Question = { port: number; ttl: number; waitMs: number }

const askOnce = async (run: TraceRun, question: Question, state: FlowState, signal: AbortSignal): Promise<Outcome | undefined> => {
  const { family, address } = run.target
  const busyUntilMs = performance.now() + run.options.replyTimeoutMs
  const to = sockaddr(address, question.port)
  for (;;) {
    const opened = open(run, state.id ?? 0, state.asked.length === 0)
    if (typeof opened !== 'number') return opened
    try {
      setTtl(opened, family, question.ttl)
      run.clock.look()
      const sentNs = realtimeNs(run.clock.baseSeconds)
      const errno = libc.connect(opened, to, to.length) < 0 ? libc.errno() : 0
      if (errno !== libc.EADDRNOTAVAIL) return await listen(run, opened, { ...question, sentNs, errno }, state, signal)
    } finally {
      closeAtOnce(opened)
    }
    // Another trace, or a check, has a connection of the same flow just now. It is waited for; a flow of no check's is another one then.
    const isOurs = state.asked.length > 0 || run.options.firstFlow !== undefined
    if (signal.aborted) return undefined
    if (isOurs && performance.now() < busyUntilMs) await pause(busyMs, signal)
    else if (state.asked.length === 0 && state.id !== 0) state.id = 0
    else return void noteAsked(state, question.ttl, Number.NaN, performance.now())
  }
}

/** How often a flow that is taken is asked for again. */
const busyMs = 5

/** Notes the question and takes its answer, if one comes in time. */
const listen = async (
  run: TraceRun,
  fd: number,
  { ttl, waitMs, sentNs, errno }: Question & { sentNs: number; errno: number },
  state: FlowState,
  signal: AbortSignal,
): Promise<undefined> => {
  state.id = localPort(fd)
  const index = noteAsked(state, ttl, sentNs, performance.now())
  if (errno !== 0 && errno !== libc.EINPROGRESS && errno !== libc.ECONNREFUSED) {
    state.sendErrno = errno
    return
  }
  const until = performance.now() + waitMs
  while (!hear(run, fd, index, state, errno === libc.ECONNREFUSED) && performance.now() < until && !signal.aborted)
    await pause(lookMs, signal)
}

/** A socket on the flow's port; the first of a flow on any, where somebody else has it. */
const open = ({ target, options }: TraceRun, flowId: number, isFirst: boolean): number | Outcome => {
  const { family } = target
  const fd = libc.socket(family === 4 ? libc.AF_INET : libc.AF_INET6, libc.SOCK_STREAM | libc.SOCK_NONBLOCK | libc.SOCK_CLOEXEC, 0)
  if (fd < 0) return unmeasured('local_resource', `socket: ${libc.errnoName(libc.errno())}`)
  setUpTrace(fd, family)
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_REUSEADDR, libc.int32(1), 4)
  if (bindFlow(fd, { source: options.source, family, flowId }) && (isFirst || localPort(fd) === flowId)) return fd
  const problem = libc.errnoName(libc.errno())
  closeFd(fd)
  return unmeasured(options.source ? 'config_invalid' : 'local_resource', `source ${options.source ?? 'port'} ${flowId}: ${problem}`)
}

/** Takes an answer, if there is one. Whoever accepts or resets the connection is the target, or a filter in its place. */
const hear = (run: TraceRun, fd: number, index: number, state: FlowState, isRefused: boolean): boolean => {
  const { sentNs } = state.asked[index]!
  for (let error = takeError(fd, run.clock.baseSeconds); error; error = takeError(fd, run.clock.baseSeconds)) {
    if (error.origin === 1) continue
    const heard = heardOf(run, { receivedNs: error.receivedNs, ttl: error.ttl, error }, sentNs)
    if (heard && noteHeard(state, index, heard)) return true
  }
  const tcp = tcpState(fd)
  const isUp = tcp === 1 || tcp === 8
  const code = isUp || isRefused || tcp === 2 ? 0 : socketError(fd)
  if (!isUp && !isRefused && code !== libc.ECONNREFUSED) {
    if (code !== 0) state.sendErrno = code
    return code !== 0
  }
  // A SYN-ACK's round trip is the kernel's; when a RST came it does not tell.
  const rttMs = isUp ? (tcpInfo(fd)?.rttMs ?? Number.NaN) : Number.NaN
  const ttlHere = (isUp && arrivedTtl(fd)) || -1
  return noteHeard(state, index, { from: run.target.address, what: 'reached', rttMs, ttlHere, mpls: [], interfaces: [] })
}

/** Nothing stays behind on either side, and the port is free at once. */
const closeAtOnce = (fd: number): void => {
  resetOnClose(fd)
  closeFd(fd)
}
