/** A trace by SYNs. */
import type { Outcome } from '../wire/result.ts'
import { pause, unmeasured } from './finding.ts'
import * as libc from './net/libc.ts'
import { takeError } from './net/mailbox.ts'
import { realtimeNs } from './net/realtime.ts'
import { familyOf, sockaddr } from './net/sockaddr.ts'
import { arrivedTtl, socketError, tcpInfo, tcpState } from './net/tcp-info.ts'
import { closeFd } from './net/tcp-socket.ts'
import { flowIdOf } from './net/trace-packet.ts'
import { bindFlow, setTtl, setUpTrace } from './net/trace-socket.ts'
import { localPort } from './net/udp-socket.ts'
import { type FlowState, newFlowState, nextTtl, noteAsked, noteHeard } from './trace-flow.ts'
import { heardOf, type TraceRun } from './trace-heard.ts'

const lookMs = 1
/** Beside the answers of other hops, how long a silent one is waited for. */
const marginMs = 100
/** Silent hops in a row after which no more are asked: each takes its time. */
const silentInARow = 5

/**
 * The kernel tells SYNs apart by their ports, and the ports are the flow: so a flow has one SYN under way at a time, from the same port, and flows run beside one
 * another. That takes the round trips of all hops together; how long a silent hop is waited for follows from those that answer.
 */
export const traceByTcp = async (run: TraceRun, port: number, states: FlowState[], signal: AbortSignal): Promise<Outcome | undefined> => {
  const { source, flows } = run.options
  if (source && !familyOf(source)) return unmeasured('config_invalid', `source address ${source}: not an address`)
  const all = Array.from({ length: flows }, (_, n) => newFlowState(flowIdOf('tcp', run.target.address, n)))
  states.push(...all)
  const problems = await Promise.all(all.map(state => traceFlow(run, port, state, signal)))
  return problems.find(problem => problem !== undefined)
}

const traceFlow = async (run: TraceRun, port: number, state: FlowState, signal: AbortSignal): Promise<Outcome | undefined> => {
  let slowest = 0
  while (!signal.aborted) {
    const ttl = nextTtl(state, run.options)
    if (ttl === undefined || (state.endsAt === null && ttl > state.highest + silentInARow)) return undefined
    const waitMs = Math.min(run.options.replyTimeoutMs, slowest > 0 ? 2 * slowest + marginMs : run.options.replyTimeoutMs)
    const problem = await askOnce(run, { port, ttl, waitMs }, state, signal)
    if (problem) return problem
    const rttMs = state.asked.at(-1)?.heard?.rttMs ?? 0
    if (rttMs > slowest) slowest = rttMs
  }
  return undefined
}

type Question = { port: number; ttl: number; waitMs: number }

const askOnce = async (
  run: TraceRun,
  { port, ttl, waitMs }: Question,
  state: FlowState,
  signal: AbortSignal,
): Promise<Outcome | undefined> => {
  const { family, address } = run.target
  const opened = open(run, state.id ?? 0, state.asked.length === 0)
  if (typeof opened !== 'number') return opened
  try {
    setTtl(opened, family, ttl)
    const to = sockaddr(address, port)
    run.clock.look()
    const sentNs = realtimeNs(run.clock.baseSeconds)
    const failed = libc.connect(opened, to, to.length) < 0
    const errno = failed ? libc.errno() : 0
    // Another trace of the same flow is under way: this one is another flow.
    if (errno === libc.EADDRNOTAVAIL && state.asked.length === 0 && state.id !== 0) {
      state.id = 0
      return undefined
    }
    state.id = localPort(opened)
    const index = noteAsked(state, ttl, sentNs, performance.now())
    if (failed && errno !== libc.EINPROGRESS && errno !== libc.ECONNREFUSED) {
      state.sendErrno = errno
      return undefined
    }
    const until = performance.now() + waitMs
    while (!hear(run, opened, index, state, errno === libc.ECONNREFUSED) && performance.now() < until && !signal.aborted)
      await pause(lookMs, signal)
    return undefined
  } finally {
    closeAtOnce(opened)
  }
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

/** With a reset (SO_LINGER, time 0): nothing stays behind on either side, and the port is free at once. */
const closeAtOnce = (fd: number): void => {
  const linger = Buffer.alloc(8)
  linger.writeInt32LE(1)
  libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_LINGER, linger, linger.length)
  closeFd(fd)
}
