import { at, sessionBytes } from '../../wire/responder-udp.ts'
import type { Outcome } from '../../wire/result.ts'
import { fail, pause, unmeasured } from '../finding.ts'
import { describeError } from '../icmp-errors.ts'
import { EAGAIN, ENOBUFS, errnoName, supported } from '../net/libc.ts'
import { drainErrors, Mailbox, type Received } from '../net/mailbox.ts'
import { Realtime, realtimeNs } from '../net/realtime.ts'
import { closeFd } from '../net/tcp-socket.ts'
import { openUdp, type UdpSocket } from '../net/udp-socket.ts'
import { judgeDial } from '../tcp-errors.ts'
import { newFlow, sendHello, sendProbe, takeDatagram, type UdpFlow } from '../udp-flow.ts'
import type { OpenSender, Sender, SenderListener, SenderOptions } from './sender.ts'

/** Of one socket in one go. */
const mostErrors = 64
/** Sent datagrams whose time is remembered. */
const remembered = 65_536
/** Hellos are said again so often, at the beginning and while no answer comes: the responder may have been started anew, with another secret. */
const greetMs = 250
const silentMs = 1000
/** A responder that has welcomed us anew has so long to answer in the old session after all. */
const changeMs = 200
/** A realtime clock that moved by more than this against the monotonic one was stepped. */
const stepMs = 5

type State = {
  socket: UdpSocket
  listener: SenderListener
  clock: Realtime
  steppedAtNs: number
  flow: UdpFlow
  /** The responder's next memory of us, when it has lost the first. */
  next: UdpFlow | undefined
  welcomedMs: number
  /** Counts the sessions: with each the responder begins to count anew. */
  epoch: number
  /** The first index of this session, and when each datagram was sent. */
  base: number
  sentNs: Float64Array
  heardMs: number
  greetedMs: number
  mailbox: Mailbox
}

/** Asks an agent's responder by numbered datagrams from one port: its own count tells which way one was lost. Its own time is no part of the round trip. */
export const openUdpSender: OpenSender = async (options, listener, signal) => {
  if (!supported) return unmeasured('unsupported', `datagrams are timed by the kernel's clock, which ${process.platform} does not offer`)
  let socket: UdpSocket | undefined
  try {
    socket = openUdp({ address: options.address, family: options.family, port: options.port!, source: options.source })
    const state: State = {
      ...{ socket, listener, clock: new Realtime(), steppedAtNs: Number.NEGATIVE_INFINITY, flow: newFlow(socket), next: undefined },
      ...{
        welcomedMs: 0,
        epoch: 0,
        base: 0,
        sentNs: new Float64Array(remembered),
        heardMs: performance.now(),
        greetedMs: Number.NEGATIVE_INFINITY,
      },
      mailbox: new Mailbox(2048),
    }
    const trouble = await greet(state, options, signal)
    if (!trouble) return senderOf(state, options)
    closeFd(socket.fd)
    return trouble
  } catch (error) {
    if (socket) closeFd(socket.fd)
    return judgeDial(error, { host: options.address, address: options.address, family: options.family, port: options.port }, signal)
  }
}

const greet = async (state: State, { address, port, timeoutMs }: SenderOptions, signal: AbortSignal): Promise<Outcome | undefined> => {
  const start = performance.now()
  const leastMs = Math.max(timeoutMs, 4 * greetMs)
  while (!state.flow.token && !signal.aborted) {
    const now = performance.now()
    if (now - start > leastMs)
      return fail('no_reply', `no responder answers at ${address} port ${port}: is an agent with a responder there, and UDP let through?`)
    if (now - state.greetedMs >= greetMs) {
      state.greetedMs = now
      sendHello(state.flow, () => takeErrors(state))
    }
    await pause(5, signal)
    collect(state)
  }
  return state.flow.isFull ? unmeasured('local_resource', `the responder at ${address} has no room for another session`) : undefined
}

const senderOf = (state: State, { sizeBytes }: SenderOptions): Sender => ({
  look: () => {
    if (Math.abs(state.clock.look()) > stepMs) state.steppedAtNs = state.clock.nowNs()
  },
  send(index) {
    const now = performance.now()
    if (now - state.heardMs > silentMs) seekAnew(state, now)
    const stamp = (): void => {
      state.sentNs[index % remembered] = realtimeNs(state.clock.baseSeconds)
    }
    const code = sendProbe(state.flow, index - state.base, sizeBytes, () => takeErrors(state), stamp)
    if (code === EAGAIN || code === ENOBUFS) return false
    if (code !== 0) state.listener.error(`sending: ${errnoName(code)}`)
    else state.flow.sent = index - state.base + 1
    return true
  },
  collect: () => collect(state),
  overflow: () => state.flow.overflow,
  close: () => closeFd(state.socket.fd),
})

/** Greets with a new session; once it is welcome and the old one still silent, probes are the new one's, numbered anew. */
const seekAnew = (state: State, now: number): void => {
  state.next ??= newFlow(state.socket)
  const { next } = state
  if (!next.token && now - state.greetedMs > greetMs) {
    state.greetedMs = now
    sendHello(next, () => takeErrors(state))
  }
  if (!next.token || next.isFull || now - state.welcomedMs < changeMs) return
  state.base += state.flow.sent
  state.flow = next
  state.next = undefined
  state.heardMs = now
  state.epoch++
}

const collect = (state: State): void => {
  const onMessage = (m: Received): void => take(state, m)
  for (let i = 0; i < 16 && state.mailbox.drain(state.socket.fd, state.clock.baseSeconds, onMessage) !== 0; i++) takeErrors(state)
}

const takeErrors = ({ socket, listener }: State): void => drainErrors(socket.fd, mostErrors, error => listener.error(describeError(error)))

const isOf = ({ session }: UdpFlow, { data, offset }: Received): boolean =>
  session.compare(data, offset + at.session, offset + at.session + sessionBytes) === 0

const take = (state: State, m: Received): void => {
  const { next } = state
  if (next && m.length >= at.token && isOf(next, m)) {
    if (!next.token) state.welcomedMs = performance.now()
    return void takeDatagram(next, m)
  }
  const { flow } = state
  const echo = takeDatagram(flow, m)
  if (!echo) return
  state.heardMs = performance.now()
  state.next = undefined
  if (flow.counters!.suppressed > 0) state.listener.error('the responder holds answers back: over its rate cap')
  const index = state.base + echo.sequence
  const sentNs = state.sentNs[index % remembered]!
  const rttNs = echo.receivedNs - sentNs - (echo.thereSentNs - echo.thereReceivedNs)
  const isTold = rttNs >= 0 && sentNs > state.steppedAtNs
  state.listener.answered(index, isTold ? rttNs / 1e6 : Number.NaN, m.ttl, { received: flow.counters!.received, epoch: state.epoch })
}
