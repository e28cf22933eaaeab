import type { Options } from '../wire/options.ts'
import type { Outcome } from '../wire/result.ts'
import { aborted, type Finding, type Probe, pause, type Resolved, timedOut, unmeasured } from './finding.ts'
import { EAGAIN, ENOBUFS, supported } from './net/libc.ts'
import { drainErrors, Mailbox, type Received } from './net/mailbox.ts'
import { summarise } from './net/quantile.ts'
import { Realtime, realtimeNs } from './net/realtime.ts'
import { closeFd } from './net/tcp-socket.ts'
import { openUdp } from './net/udp-socket.ts'
import { judgeDial } from './tcp-errors.ts'
import { addTransit, newFlow, sendHello, sendProbe, sendQuery, takeDatagram, type UdpFlow } from './udp-flow.ts'
import { judgeUdp, measureUdp } from './udp-judge.ts'

/** Of one socket in one go. */
const mostErrors = 64
/** How often a hello, and a query at the end, is said again while it is not answered. */
const askAgainMs = 250
/** How often the sockets are looked at. Times are the kernels', so it costs no accuracy. */
const lookMs = 5
/** A realtime clock that moved by more than this against the monotonic one between two looks was stepped. */
const stepMs = 5

/** One for all runs: it is emptied in one go. */
let mailbox: Mailbox | undefined

type Run = {
  flows: UdpFlow[]
  clock: Realtime
  steppedAtNs: number
  /** By number of the datagram, all flows together. */
  sentNs: Float64Array
  arrived: Uint8Array
  rtts: Float64Array
  timed: number
  /** The flows that were answered: datagram number n goes over the n-th of them, modulo their number. */
  alive: UdpFlow[]
  highest: Map<UdpFlow, number>
}

/**
 * Sends numbered datagrams to an agent's responder, from several source ports in turn, and takes its counters: loss of each direction by itself, RTT without
 * the responder's own time, jitter, duplicates and reordering each way. No path MTU, and nothing of services that are not responders.
 */
export const probeUdp: Probe<'udp'> = async (target, options, signal) => {
  const run: Run = {
    flows: [],
    clock: undefined as unknown as Realtime,
    steppedAtNs: Number.NEGATIVE_INFINITY,
    sentNs: new Float64Array(options.count),
    arrived: new Uint8Array(options.count),
    rtts: new Float64Array(options.count),
    timed: 0,
    alive: [],
    highest: new Map(),
  }
  const finish = (outcome: Outcome): Finding<'udp'> => ({ outcome, measured: measure(run, target), phasesMs: {}, warnings: [] })
  if (!supported)
    return finish(unmeasured('unsupported', `UDP is measured by the kernel's timestamps, which ${process.platform} does not have`))
  if (signal.aborted) return finish(aborted)
  run.clock = new Realtime()
  mailbox ??= new Mailbox(2048)
  try {
    const { source, sourcePort } = options
    for (let i = 0; i < options.flows; i++) {
      const pinned = sourcePort === undefined ? {} : { sourcePort: sourcePort + i }
      run.flows.push(newFlow(openUdp({ address: target.address, family: target.family, port: target.port!, source, ...pinned })))
    }
    const start = performance.now()
    await greet(run, options, signal)
    const phasesMs = { hello: Math.round((performance.now() - start) * 1e3) / 1e3 }
    run.alive = run.flows.filter(flow => flow.token && !flow.isFull && isMeant(flow, options))
    if (run.alive.length > 0) await exchange(run, options, signal)
    if (signal.aborted && !timedOut(signal)) return finish(aborted)
    const measured = measure(run, target)
    return {
      ...judgeUdp(run.flows, measured, target, options),
      measured,
      samplesMs: run.rtts.slice(0, run.timed),
      phasesMs: run.alive.length > 0 ? phasesMs : {},
    }
  } catch (error) {
    return finish(judgeDial(error, target, signal))
  } finally {
    for (const flow of run.flows) closeFd(flow.socket.fd)
  }
}

const measure = ({ flows, rtts, timed }: Run, target: Resolved) => measureUdp(flows, summarise(rtts.subarray(0, timed)), target)

const isMeant = (flow: UdpFlow, { expectAgent }: Options['udp']): boolean => expectAgent === undefined || flow.agentId === expectAgent

/** Hellos until every flow is answered, or refused by an ICMP error, or time is up. */
const greet = async (run: Run, options: Options['udp'], signal: AbortSignal): Promise<void> => {
  const isOpen = (flow: UdpFlow): boolean => !flow.token && !flow.error
  await ask(run, options, signal, isOpen, flow => sendHello(flow, () => takeErrors(flow)))
}

/** Asks the flows that are still open, again and again. */
const ask = async (
  run: Run,
  { replyTimeoutMs }: Options['udp'],
  signal: AbortSignal,
  isOpen: (flow: UdpFlow) => boolean,
  send: (flow: UdpFlow) => void,
): Promise<void> => {
  const start = performance.now()
  let asked = Number.NEGATIVE_INFINITY
  for (let now = start; now - start < replyTimeoutMs && !signal.aborted; now = performance.now()) {
    const open = run.flows.filter(isOpen)
    if (open.length === 0) return
    if (now - asked >= askAgainMs) {
      asked = now
      for (const flow of open) send(flow)
    }
    await pause(Math.min(lookMs, Math.max(1, start + replyTimeoutMs - now)), signal)
    collect(run)
  }
}

/** Sends what is due at each look, waits for the last replies, and asks for the counters where something is missing. */
const exchange = async (run: Run, options: Options['udp'], signal: AbortSignal): Promise<void> => {
  const { alive, clock } = run
  const { count, intervalMs, sizeBytes, replyTimeoutMs } = options
  const start = performance.now()
  let next = 0
  const stamp = (): void => {
    run.sentNs[next] = realtimeNs(clock.baseSeconds)
  }
  while (next < count && !signal.aborted) {
    look(run)
    const due = Math.min(count, Math.floor((performance.now() - start) / intervalMs) + 1)
    for (; next < due; next++) {
      const flow = alive[next % alive.length]!
      const code = sendProbe(flow, Math.floor(next / alive.length), sizeBytes, () => takeErrors(flow), stamp)
      if (code === EAGAIN || code === ENOBUFS) break
      if (code === 0) flow.sent += 1
      else flow.sendErrno = code
    }
    collect(run)
    if (next < count) await pause(Math.min(lookMs, Math.max(0, start + next * intervalMs - performance.now())), signal)
  }
  const isComplete = (flow: UdpFlow): boolean => flow.received + (flow.counters?.suppressed ?? 0) >= flow.sent
  const until = performance.now() + replyTimeoutMs
  while (!alive.every(isComplete) && performance.now() < until && !signal.aborted) {
    await pause(lookMs, signal)
    collect(run)
  }
  const isOpen = (flow: UdpFlow): boolean => alive.includes(flow) && flow.received < flow.sent && !flow.isFinal
  await ask(run, options, signal, isOpen, flow => void sendQuery(flow, () => takeErrors(flow)))
}

/** Compares the clocks: a step makes what was sent before it worthless as a time. */
const look = (run: Run): void => {
  if (Math.abs(run.clock.look()) > stepMs) run.steppedAtNs = run.clock.nowNs()
}

/** Reads what has arrived on every flow. */
const collect = (run: Run): void => {
  look(run)
  for (const flow of run.flows) {
    const onMessage = (m: Received): void => take(run, flow, m)
    // A pending error makes one ordinary read fail (ip(7)): the error queue is read, and then the rest.
    for (let i = 0; i < 16 && mailbox!.drain(flow.socket.fd, run.clock.baseSeconds, onMessage) !== 0; i++) takeErrors(flow)
    takeErrors(flow)
  }
}

const takeErrors = (flow: UdpFlow): void =>
  drainErrors(flow.socket.fd, mostErrors, error => {
    flow.error ??= error
  })

const take = (run: Run, flow: UdpFlow, m: Received): void => {
  const echo = takeDatagram(flow, m)
  const place = run.alive.indexOf(flow)
  if (!echo || place < 0) return
  const index = echo.sequence * run.alive.length + place
  if (index >= run.arrived.length || run.sentNs[index] === 0) return void (flow.foreign += 1)
  if (run.arrived[index]) return void (flow.duplicates += 1)
  run.arrived[index] = 1
  flow.received += 1
  const highest = run.highest.get(flow) ?? 0
  if (echo.sentThere < highest) flow.reordered += 1
  else run.highest.set(flow, echo.sentThere)
  time(run, flow, echo, run.sentNs[index]!)
}

/** The round trip less the time that the responder took (RFC 8762 §4), and each way's share of the jitter. */
const time = (run: Run, flow: UdpFlow, echo: NonNullable<ReturnType<typeof takeDatagram>>, sentNs: number): void => {
  const thereNs = echo.thereSentNs - echo.thereReceivedNs
  const rttNs = echo.receivedNs - sentNs - thereNs
  if (Number.isNaN(rttNs) || rttNs < 0 || thereNs < 0 || sentNs <= run.steppedAtNs) return
  run.rtts[run.timed++] = rttNs / 1e6
  addTransit(flow, echo.thereReceivedNs - sentNs, echo.receivedNs - echo.thereSentNs)
}
